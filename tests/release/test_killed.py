"""A process that is killed at any call of the platform: a resumed run or the reaper ends it.

The calls of a release that goes well are counted once; then each is the last one of a release.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
from _pytest.mark import ParameterSet

from components.errors import InputError, LeaseHeld, PlatformError, SluiceError
from components.platform.memory import Killed
from components.release import deciding, operating
from components.release.reaper import Reaper
from tests.support.worlds import NAME, Scene, begin, quick


@dataclass(frozen=True)
class Road:
    """A way that a release of ``version`` goes."""

    scene: Callable[[], Scene]
    version: str
    turn: Callable[[Scene], None] = lambda _: None
    """What makes it go this way."""


def slow(found: Scene) -> None:
    # Not failing: whatever fails is this test's fault then.
    found.world.behave("2", error_rate=0.0, latency_ms=60)


def alias_refused(found: Scene) -> None:
    # The third move is that of `champion`: it is done, and then the registry says no.
    found.world.faults.fail("registry.swap_alias", skip=2, times=1, after=True, error=PlatformError)


def beside_a_baseline() -> Scene:
    return quick(steps=[10, 50, 100], baseline=True)


def baseline_dies(found: Scene) -> None:
    found.world.clock.after(20.0, lambda: found.world.crash(NAME, "1-baseline"))


def asks_for_approval() -> Scene:
    return quick(approval="required")


def approved(found: Scene) -> None:
    """Somebody tries to approve every ten seconds, until it is done or makes no sense."""

    def approve() -> None:
        try:
            deciding.approve(found.world.platform, "r", "")
        except InputError as error:
            if "no release" in str(error) or "does not wait" in str(error):
                found.world.clock.after(10.0, approve)

    found.world.clock.after(10.0, approve)


PROMOTED = Road(quick, "2")
APPROVED = Road(asks_for_approval, "2", approved)
BASELINE = Road(beside_a_baseline, "2")
BASELINE_LOST = Road(beside_a_baseline, "2", baseline_dies)
ROLLED_BACK = Road(quick, "2", slow)
TAKEN_BACK = Road(quick, "2", alias_refused)
FIRST = Road(begin, "1")


def walk(road: Road, number: int | None = None) -> tuple[Scene, int]:
    """Release the road's version; kill the process at the call of that number, if one is given.

    Returns:
        The scene, and how many calls stood before the release.
    """
    found = road.scene()
    before = len(found.world.faults.calls)
    if number is not None:
        kill(found, number)
    road.turn(found)
    if number is None:
        found.walk(road.version, "r")
    else:
        with pytest.raises(Killed):
            found.walk(road.version, "r")
    return found, before


def kill(found: Scene, number: int) -> None:
    """Kill who makes the call of that number, counted from now, before its work is done."""
    found.world.faults.fail("*", skip=number, times=1, error=Killed)


@cache
def calls(road: Road) -> tuple[str, ...]:
    """Every call that a whole release makes."""
    found, before = walk(road)
    return tuple(found.world.faults.calls[before:])


READS = (
    "artifact",
    "read",
    "find",
    "find_run",
    "weights",
    "sample",
    "readiness",
    "versions",
    "version",
    "stored",
)


def each_call(road: Road, since: str = "", writes: bool = False) -> list[ParameterSet]:
    """A parameter for each call of the road: its number.

    Args:
        road: see `Road`.
        since: begin where this call is made first.
        writes: leave out what changes nothing: a process that is killed there leaves what the one
            that is killed at the next write leaves.
    """
    made = calls(road)
    return [
        pytest.param(number, id=f"{number}-{made[number]}")
        for number in range(made.index(since) if since else 0, len(made))
        if not (writes and made[number].rpartition(".")[2] in READS)
    ]


@pytest.mark.parametrize("number", each_call(PROMOTED))
def test_the_reaper_ends_a_release_that_was_killed(number: int) -> None:
    found = walk(PROMOTED, number)[0]
    found.recover()
    outcome = found.one_version("r")
    # The last tag is the record's anchor, the one before it the promotion's. The lease says that
    # the way back is forward right after the record has the split.
    made = calls(PROMOTED)
    tagged = [n for n, call in enumerate(made) if call == "registry.tag_version"]
    written = [n for n, call in enumerate(made[: tagged[-2]]) if call == "records.append"]
    given = written[-1] + 1
    assert outcome == ("promoted" if number > given else "error" if found.record("r") else None)
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(ROLLED_BACK, "traffic.set_weights", writes=True))
def test_the_reaper_ends_a_rollback_that_was_killed(number: int) -> None:
    found = walk(ROLLED_BACK, number)[0]
    found.recover()
    assert found.one_version("r") in {"rolled_back", "error"}
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(FIRST, writes=True))
def test_the_reaper_ends_a_first_release_that_was_killed(number: int) -> None:
    found = walk(FIRST, number)[0]
    found.recover()
    assert found.one_version("r") in {"promoted", "error", None}


@pytest.mark.parametrize("number", each_call(TAKEN_BACK, "traffic.set_weights", writes=True))
def test_the_reaper_ends_a_promotion_that_was_being_taken_back(number: int) -> None:
    found = walk(TAKEN_BACK, number)[0]
    found.recover()
    assert found.one_version("r") in {"promoted", "error"}
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(PROMOTED, writes=True))
def test_a_resumed_run_goes_on_where_the_one_that_was_killed_stood(number: int) -> None:
    found = walk(PROMOTED, number)[0]
    found.world.clock.sleep(20)
    if not (found.record("r") and found.state("r").outcome):
        assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    found.recover(100)
    assert found.one_version("r") == "promoted"
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(APPROVED, "moments.keep", writes=True))
def test_a_release_that_waits_goes_on_where_the_run_that_was_killed_stood(number: int) -> None:
    found = walk(APPROVED, number)[0]
    found.world.clock.sleep(20)
    if not found.state("r").outcome:
        approved(found)
        assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    found.recover(100)
    assert found.one_version("r") == "promoted"
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(APPROVED, "moments.keep", writes=True))
def test_the_reaper_ends_a_release_that_was_killed_while_it_waited(number: int) -> None:
    found = walk(APPROVED, number)[0]
    found.recover()
    assert found.one_version("r") in {"promoted", "error"}
    assert found.failed() == 0


def silent() -> tuple[Scene, Reaper]:
    """A release that was killed in the middle of its watch, and a reaper that finds it silent."""
    found = quick()
    found.world.clock.after(30, lambda: kill(found, 0))
    with pytest.raises(Killed):
        found.walk("2", "r")
    reaper = Reaper(found.world.platform)
    assert reaper.run() == []
    found.world.clock.sleep(61)
    return found, reaper


def test_the_reaper_itself_may_be_killed_at_any_call() -> None:
    found, reaper = silent()
    before = len(found.world.faults.calls)
    reaper.run()
    made = len(found.world.faults.calls) - before
    assert found.one_version("r") == "error"
    for number in range(made):
        found, reaper = silent()
        kill(found, number)
        with pytest.raises(Killed):
            reaper.run()
        found.recover()
        assert found.one_version("r") == "error", number
        assert found.failed() == 0


def test_an_operator_s_rollback_may_be_killed_at_any_call() -> None:
    number = 0
    while True:
        found, _ = silent()
        kill(found, number)
        try:
            operating.roll_back(found.world.platform, NAME, "wrong labels")
            break
        except Killed:
            given_back = found.lease is not None and found.lease.reason != ""
        found.recover()
        assert found.one_version("r") in {"rolled_back", "error"}, number
        if given_back:
            assert found.state("r").reason == "wrong labels"
        number += 1
    assert number > 10


@pytest.mark.parametrize("number", each_call(PROMOTED, writes=True))
def test_a_write_whose_answer_was_lost_leaves_a_release_that_ends(number: int) -> None:
    found = quick()
    found.world.faults.fail("*", skip=number, times=1, after=True)
    try:
        ended = found.walk("2", "r").outcome
    except LeaseHeld as error:
        pytest.fail(f"nobody else has it: {error}")
    except SluiceError:
        ended = "error"
    found.recover()
    outcome = found.one_version("r")
    assert outcome in {ended, "promoted", "error", None}
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(BASELINE, "serving.create", writes=True))
def test_the_reaper_leaves_nothing_of_a_baseline(number: int) -> None:
    found = walk(BASELINE, number)[0]
    found.recover()
    assert found.one_version("r") in {"promoted", "error"}
    assert found.failed() == 0


@pytest.mark.parametrize("number", each_call(BASELINE_LOST, "serving.create", writes=True))
def test_a_resumed_run_goes_on_without_a_baseline_that_died(number: int) -> None:
    found = walk(BASELINE_LOST, number)[0]
    found.world.clock.sleep(10)
    if not found.state("r").outcome:
        assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    found.recover(100)
    assert found.one_version("r") == "promoted"
