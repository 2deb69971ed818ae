"""The demonstration's own decisions; the releases that it shows are tested end to end."""

import pytest

from components.errors import SluiceError
from components.registry import names
from components.release import opening
from examples import demo
from tests.support.worlds import MODEL, NAME, quick


def test_the_story_is_not_told_without_a_first_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 2 would be promoted without a canary, and the demonstration would show nothing."""
    asked: list[tuple[str, ...]] = []

    def run(*arguments: str) -> int:
        asked.append(arguments)
        return 3 if arguments[0] == "release" else 0

    monkeypatch.setattr(demo, "run", run)
    monkeypatch.setattr(demo, "connect", lambda: quick().world.platform)
    monkeypatch.setattr(demo, "MODEL", MODEL)
    with pytest.raises(SluiceError, match="nothing to watch the others beside"):
        demo.main()
    assert asked[-1] == ("release", "demo", "--version", "1")


def test_a_story_that_was_told_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "MODEL", MODEL)
    found = quick()
    for told in ("first", "second", "third"):
        demo.begin_again(found.world.platform)
        assert found.weights == {}
        assert found.world.serving.versions(NAME) == []
        assert found.world.registry.alias(MODEL, names.CHAMPION) is None
        assert found.walk("1", f"{told}-1").outcome == "promoted"
        assert found.walk("2", f"{told}-2").outcome == "promoted"
        assert found.state(f"{told}-1").kind == "first"
        assert found.state(f"{told}-2").watched


def test_a_release_under_way_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "MODEL", MODEL)
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    with pytest.raises(SluiceError, match="release r is under way: 'sluice rollback demo'"):
        demo.begin_again(found.world.platform)
    assert found.weights == {"1": 100}


@pytest.mark.parametrize(
    ("p95_ms", "rps"), [(None, 80), (4.0, 80), (10.0, 80), (12.5, 64), (27.0, 60), (900.0, 60)]
)
def test_a_slow_machine_is_asked_less(p95_ms: float | None, rps: int) -> None:
    assert demo.affordable(p95_ms) == rps
