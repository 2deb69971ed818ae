"""The demonstration's own decisions; the releases that it shows are tested end to end."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from components.errors import SluiceError
from examples import demo


def test_the_story_is_not_told_without_a_first_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 2 would be promoted without a canary, and the demonstration would show nothing."""
    asked: list[tuple[str, ...]] = []

    def run(*arguments: str) -> int:
        asked.append(arguments)
        return 3 if arguments[0] == "release" else 0

    monkeypatch.setattr(demo, "run", run)
    monkeypatch.setattr(demo, "connect", lambda: SimpleNamespace(home=tmp_path))
    with pytest.raises(SluiceError, match="make clean demo"):
        demo.main()
    assert asked[-1] == ("release", "demo", "--version", "1")
