"""What somebody deletes of production's in mid-canary it has again: its predictor, its route."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from components.errors import LeaseHeld, PlatformError, SluiceError, Unreachable
from components.platform.memory import Killed
from components.record import Noted, WeightsSet, of
from components.release import deciding, operating
from components.release.presence import LOOK_S
from components.release.starting import REVIVED
from tests.support.present import present
from tests.support.worlds import NAME, QUICK_RPS, Scene, quick

AT_S = 30.0
"""Since its start: the first step is being watched."""
LEASE_S, STARTS_S = 60.0, 40.0


def at_half() -> Scene:
    """A release whose half of the traffic is watched."""
    return quick(steps=[50, 100], watch="120s")


def loses_champion(found: Scene) -> None:
    """Somebody deletes production's predictor; the next one takes a while to start."""

    def lose() -> None:
        found.world.starts("1", after_s=STARTS_S)
        found.world.lose_predictor(NAME, "1")

    found.world.clock.after(AT_S, lose)


def loses_route(found: Scene) -> None:
    found.world.clock.after(AT_S, lambda: found.world.lose_route(NAME))


def revived(found: Scene) -> list[str]:
    return [each.detail for each in of(found.record("r"), Noted) if each.event == REVIVED]


SAID = "demo: version 1 had no predictor any more: somebody deleted it: it starts anew"


def test_a_champion_s_predictor_is_made_anew_and_the_release_goes_on() -> None:
    found = at_half()
    loses_champion(found)
    assert found.walk("2", "r").outcome == "promoted"
    assert revived(found) == [SAID]
    splits = [each.weights for each in of(found.record("r"), WeightsSet)]
    half = {"1": 50, "2": 50}
    assert splits == [half, {"1": 0, "2": 100}, half, {"2": 100}]
    assert 0 < found.failed() <= QUICK_RPS * 0.5 * (LOOK_S + 1)
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("away", ["pod", "predictor"])
def test_no_user_is_taken_from_who_answers_to_a_champion_that_is_still_loading(away: str) -> None:
    """By then the release itself has seen that it is away."""
    found = at_half()

    def lose() -> None:
        if away == "pod":
            found.world.evict(NAME, "1", for_s=90.0)
        else:
            found.world.starts("1", after_s=90.0)
            found.world.lose_predictor(NAME, "1")

    failed = []

    def roll_back() -> None:
        assert found.weights == {"1": 0, "2": 100}
        failed.append(found.failed())
        operating.roll_back(found.world.platform, NAME, "it is bad")

    found.world.clock.after(AT_S, lose)
    found.world.clock.after(AT_S + 15, roll_back)
    with pytest.raises(LeaseHeld):
        found.walk("2", "r")
    found.world.clock.sleep(90.0)
    assert [found.failed()] == failed
    assert found.one_version("r") == "rolled_back"


def test_an_operator_s_way_back_waits_for_a_champion_that_loads_slowly() -> None:
    found = at_half()

    def roll_back() -> None:
        found.world.starts("1", after_s=400.0)
        found.world.lose_predictor(NAME, "1")
        operating.roll_back(found.world.platform, NAME, "it is bad")

    found.world.clock.after(AT_S, roll_back)
    with pytest.raises(LeaseHeld):
        found.walk("2", "r")
    assert found.weights == {"1": 100}
    assert found.one_version("r") == "rolled_back"


@pytest.mark.parametrize("error", [PlatformError, Unreachable])
def test_users_are_answered_while_production_s_predictor_cannot_be_made_anew(
    error: Callable[[str], SluiceError],
) -> None:
    found = at_half()
    loses_champion(found)
    faults = found.world.faults
    found.world.clock.after(AT_S, lambda: faults.fail("serving.create", for_s=40.0, error=error))
    assert found.walk("2", "r").outcome == "promoted"
    assert revived(found) == [SAID]
    assert 0 < found.failed() <= QUICK_RPS * 0.5 * (LOOK_S + 1)
    assert found.one_version("r") == "promoted"


def test_a_candidate_that_fails_meanwhile_loses_its_share_once_the_champion_is_back() -> None:
    found = at_half()
    loses_champion(found)
    found.world.clock.after(AT_S + 10, lambda: found.world.behave("2", error_rate=0.5))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert found.world.clock.monotonic() < AT_S + STARTS_S + 120
    assert found.one_version("r") == "rolled_back"


@pytest.mark.parametrize(
    "waits",
    [
        {"shadow": "2m"},
        {"shadow": "30m", "poll": "60s", "lease": "3m"},
        {"windows": {"open": ["11:20-18:00"]}},
        {"windows": {"open": ["11:20-18:00"]}, "shadow": "60s"},
        {"steps": [100], "approval": "required", "approval_within": "1h"},
    ],
    ids=["shadow", "long shadow", "closed window", "shadow and window", "approval"],
)
def test_it_is_made_anew_while_the_candidate_has_no_share(waits: dict[str, Any]) -> None:
    """Nobody else may answer then: users fail until it is ready, and no longer."""
    found = quick(**({"steps": [10, 100], "watch": "120s"} | waits))
    loses_champion(found)
    told: list[str] = []
    found.world.clock.after(AT_S + 2 * LOOK_S, lambda: told.extend(revived(found)))
    for after_s in (AT_S - 1, AT_S + 2 * LOOK_S, AT_S + STARTS_S + 3 * LOOK_S):
        found.world.clock.after(after_s, lambda: told.append(present(found.lease).waits))
        found.world.clock.after(after_s, lambda: told.append(str(found.weights)))
    found.world.clock.after(400.0, lambda: approves(found))
    assert found.walk("2", "r").outcome == "promoted"
    before, all_of_it, again, during, _, after, _ = told
    assert again == SAID
    away = "version 1 has no ready predictor: it is waited for"
    assert (away in before, away in during, away in after) == (False, True, False)
    assert {each for each in told if each.startswith("{")} == {all_of_it} == {"{'1': 100}"}
    assert revived(found) == [SAID]
    assert 0 < found.failed() <= QUICK_RPS * (STARTS_S + 2 * LOOK_S)
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("away", ["deleted", "evicted"])
def test_no_share_is_given_before_production_is_back_though_another_engine_asks(away: str) -> None:
    found = quick(windows={"open": ["11:20-18:00"]})
    clock = found.world.clock
    opens_s = (11 * 60 + 20) * 60.0 - clock.time() % 86400.0

    def go() -> None:
        if away == "evicted":
            return found.world.evict(NAME, "1", 600.0)
        found.world.starts("1", after_s=600.0)
        return found.world.lose_predictor(NAME, "1")

    clock.after(opens_s - 60.0, go)
    began_s = clock.monotonic()
    killed(found, opens_s - 30.0)
    clock.sleep(60.0)
    assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    assert clock.monotonic() - began_s >= opens_s - 60.0 + 600.0 + 60.0
    splits = [each.weights for each in of(found.record("r"), WeightsSet)]
    assert splits == [{"1": 90, "2": 10}, {"2": 100}]
    assert found.one_version("r") == "promoted"


def test_it_is_made_anew_before_the_first_share_where_it_went_while_the_candidate_started() -> None:
    found = quick()
    found.world.starts("2", after_s=60.0)
    loses_champion(found)
    assert found.walk("2", "r").outcome == "promoted"
    assert revived(found) == [SAID]
    assert found.failed() <= QUICK_RPS * (60.0 + STARTS_S)
    assert found.one_version("r") == "promoted"


def approves(found: Scene) -> None:
    with suppress(SluiceError):
        deciding.approve(found.world.platform, "r", "")


def killed(found: Scene, after_s: float) -> None:
    found.world.clock.after(after_s, lambda: found.world.faults.fail("*", error=Killed))
    with pytest.raises(Killed):
        found.walk("2", "r")
    found.world.faults.clear()


@pytest.mark.parametrize("after_s", [AT_S + 1, AT_S + 10], ids=["unseen", "seen"])
@pytest.mark.parametrize("loses", [loses_champion, loses_route])
def test_a_reaper_gives_production_back_what_a_killed_release_lost(
    loses: Callable[[Scene], None], after_s: float
) -> None:
    found = at_half()
    loses(found)
    try:
        killed(found, after_s)
    except PlatformError:
        assert loses is loses_route
    found.reap(LEASE_S + STARTS_S + 30)
    assert found.weights == {"1": 100}
    assert found.one_version("r") == "error"


@pytest.mark.parametrize("lose", ["lose_predictor", "lose_route"])
def test_an_operator_gives_production_back_what_it_lost(lose: str) -> None:
    found = at_half()

    def roll_back() -> None:
        arguments = (NAME, "1") if lose == "lose_predictor" else (NAME,)
        getattr(found.world, lose)(*arguments)
        done = operating.roll_back(found.world.platform, NAME, "seen")
        assert (done.weights, done.outcome) == ({"1": 100}, "rolled_back")

    found.world.clock.after(AT_S, roll_back)
    with pytest.raises(LeaseHeld):
        found.walk("2", "r")
    assert found.one_version("r") == "rolled_back"


def test_a_release_whose_route_is_deleted_ends_and_production_has_one_again() -> None:
    found = at_half()
    loses_route(found)
    with pytest.raises(PlatformError, match="somebody else moved it"):
        found.walk("2", "r")
    assert "split nowhere instead of" in found.state("r").reason
    assert found.one_version("r") == "error"


def test_a_reaper_leaves_users_where_they_are_answered_until_production_can() -> None:
    """No memory of its own decides: the next one goes on where it was."""
    found, longest = at_half(), LEASE_S + 4 * STARTS_S
    found.world.clock.after(AT_S, lambda: found.world.starts("1", after_s=longest))
    found.world.clock.after(AT_S, lambda: found.world.lose_predictor(NAME, "1"))
    killed(found, AT_S + 1)
    found.reap(LEASE_S + 15)
    assert set(found.world.serving.versions(NAME)) == {"1", "2"}
    found.reap(LEASE_S + 15)
    assert found.weights == {"1": 50, "2": 50}
    found.reap(longest)
    assert found.one_version("r") == "error"


def test_a_release_that_fails_before_it_knows_production_s_files_ends_all_the_same() -> None:
    """Users are where they were, and the next release serves production again."""
    found = at_half()
    found.world.lose_predictor(NAME, "1")
    found.world.faults.fail("files", times=1, error=PlatformError, said="AccessDenied")
    with pytest.raises(PlatformError, match="AccessDenied"):
        found.walk("2", "r")
    assert (found.state("r").outcome, found.lease) == ("error", None)
    (noted,) = [e for e in of(found.record("r"), Noted) if e.event == "production_not_revived"]
    assert "knows no files of it: the next release serves it again" in noted.detail
    assert found.walk("2", "r2").outcome == "promoted"


def test_an_operator_ends_a_release_that_does_not_know_production_s_files_yet() -> None:
    found = at_half()
    found.world.lose_predictor(NAME, "1")
    found.world.faults.fail("files", times=1, error=Killed)
    with pytest.raises(Killed):
        found.walk("2", "r")
    done = operating.roll_back(found.world.platform, NAME, "seen")
    assert (done.weights, done.outcome) == ({"1": 100}, "rolled_back")


def test_a_champion_that_cannot_start_any_more_keeps_users_where_they_are_answered() -> None:
    found = at_half()
    found.world.starts("1", fails="its files are gone from the store")
    found.world.clock.after(AT_S, lambda: found.world.lose_predictor(NAME, "1"))
    killed(found, AT_S + 10)
    said = found.reap(LEASE_S + 60)
    assert found.weights == {"1": 0, "2": 100}
    assert said == [
        "r: traffic not given back yet: demo version 1 has no ready predictor, and the other one"
        " answers: its files are gone from the store"
    ]
