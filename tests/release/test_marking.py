"""Marks that others set, at any moment of a release, stay where they were set."""

from functools import cache

import pytest

from components.record import AliasSet, of
from components.registry import names
from components.release.marking import mark_return
from tests.release.test_killed import PROMOTED, ROLLED_BACK, Road, alias_refused, calls, walk
from tests.support.present import present
from tests.support.worlds import MODEL, Scene, quick

TAKEN_BACK = Road(quick, "2", alias_refused)


def at(road: Road, number: int, *marked: str) -> Scene:
    """A release during whose call of that number somebody gives these aliases to version 3."""
    found = road.scene()
    found.world.register(MODEL)
    road.turn(found)

    def mark() -> None:
        for alias in marked:
            found.world.registry.set_alias(MODEL, alias, "3")

    found.world.faults.before(len(found.world.faults.calls) + number, mark)
    found.walk(road.version, "r")
    found.recover(30)
    return found


@pytest.mark.parametrize(
    "road",
    [PROMOTED, *(pytest.param(it, marks=pytest.mark.long) for it in (ROLLED_BACK, TAKEN_BACK))],
)
def test_what_somebody_marks_meanwhile_stays_marked(road: Road) -> None:
    made = calls(road)
    looked = made.index("records.append")
    for number in (n for n, call in enumerate(made) if call.startswith("registry.")):
        marked = [names.CANDIDATE, *([names.CHAMPION] if number > looked else [])]
        found = at(road, number, *marked)
        aliases = found.world.registry.models[MODEL].aliases
        assert {alias: aliases[alias] for alias in marked} == dict.fromkeys(marked, "3"), number
        state = found.state("r")
        # Once the release had marked its candidate, another mark withdraws it.
        assert state.outcome == outcome_of(road) or "is wanted no more" in state.reason
        assert found.weights == ({"2": 100} if state.outcome == "promoted" else {"1": 100})
        assert found.world.platform.records.pending() == []


@cache
def outcome_of(road: Road) -> str:
    """How a release of the road ends."""
    return present(walk(road)[0].state("r").outcome)


@pytest.mark.parametrize("road", [PROMOTED, ROLLED_BACK])
def test_a_version_that_was_marked_before_a_named_one_is_released_stays_marked(road: Road) -> None:
    found = at(road, 0, names.CANDIDATE)
    assert found.world.registry.alias(MODEL, names.CANDIDATE) == "3"
    moved = [each.alias for each in of(found.record("r"), AliasSet)]
    assert moved == ([names.CHAMPION] if road is PROMOTED else [])
    assert found.events("r") == ["alias_kept"]
    assert found.walk("").outcome == "promoted"
    assert found.champion == "3"


def test_a_champion_of_nobody_is_nobody_s_again() -> None:
    found = quick()
    found.world.registry.delete_alias(MODEL, names.CHAMPION)
    alias_refused(found)
    assert found.walk("2", "r").outcome == "error"
    assert found.champion is None


def test_a_champion_that_was_deleted_meanwhile_is_not_put_back() -> None:
    found = quick()
    alias_refused(found)
    found.world.clock.after(30, lambda: found.world.registry.delete_version(MODEL, "1"))
    assert found.walk("2", "r").outcome == "error"
    assert found.champion is None
    assert found.weights == {"1": 100}


def test_a_candidate_that_was_deleted_is_turned_back_and_its_release_comes_to_an_end() -> None:
    found = quick()
    found.world.clock.after(30, lambda: found.world.registry.delete_version(MODEL, "2"))
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert "version 2 is wanted no more" in ended.reason
    assert "not found" in ended.reason
    assert found.weights == {"1": 100}
    assert found.world.platform.records.pending() == []


def test_a_return_is_not_written_to_a_version_that_took_the_number() -> None:
    found = quick()
    found.walk("2", "r")
    found.world.registry.delete_model(MODEL)
    for _ in range(2):
        found.world.register(MODEL, {"model.txt": b"anew"}, alias=names.CANDIDATE)
    with found.opened("r") as release:
        mark_return(release, release.state(), "error")
    assert found.world.registry.alias(MODEL, names.CANDIDATE) == "2"
    assert set(found.world.registry.version(MODEL, "2").tags) == {names.MANIFEST_TAG}
