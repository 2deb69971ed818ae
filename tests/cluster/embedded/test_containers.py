from pathlib import Path

import pytest

from cluster.embedded import containers
from components.errors import PlatformError


def test_an_image_has_a_name_of_its_own_for_each_target() -> None:
    names = {containers.name(target) for target in containers.TARGETS}
    assert len(names) == len(containers.TARGETS)
    assert all(name.startswith("localhost/sluice-") for name in names)


def test_without_its_tools_an_image_is_not_built_and_the_mend_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match="apt-get install mmdebstrap"):
        containers.archive("predictor", tmp_path)
