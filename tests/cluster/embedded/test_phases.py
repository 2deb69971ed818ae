import re

import pytest

from cluster.embedded.phases import Phases


def test_a_phase_that_has_ended_well_is_a_line_with_its_seconds() -> None:
    said: list[str] = []
    phases = Phases(said.append)
    with phases.phase("definitions established"):
        assert said == []
    (line,) = said
    assert re.fullmatch(r"definitions established +\d+\.\d s", line)
    with pytest.raises(RuntimeError), phases.phase("controllers applied"):
        raise RuntimeError
    assert said == [line]
