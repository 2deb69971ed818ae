"""Enough predictors for every split: floors, room for a step, and what is written down of both."""

from functools import partial
from math import inf
from typing import Any

import pytest

from components.endpoint import Scaling
from components.errors import PlatformError, Unreachable
from components.platform import Replicas
from components.platform.memory.faults import Killed
from components.record import Ended, Held, MirrorSet, Noted, Scaled, WeightsSet, of
from components.release import capacity
from components.release.state import ReleaseState
from components.report.events import events_of
from components.report.line import describe
from tests.support.worlds import MODEL, NAME, QUICK_RPS, Scene, quick

EACH = QUICK_RPS / 4
"""Requests a second of one predictor: production has four of them."""
POD_S = 20.0


def scaled(most: int = 4, least: int = 1, **release: Any) -> Scene:
    """Production has four predictors, since it is asked so much."""
    found = quick(**release)
    found.endpoint = sized(found, most, least)
    found.world.autoscale(NAME, EACH)
    found.world.clock.sleep(30)
    return found


def sized(found: Scene, most: int, least: int = 1) -> Any:
    """The endpoint's file with other bounds, applied."""
    scaling = Scaling(min=least, max=most)
    serving = found.endpoint.serving.model_copy(update={"scaling": scaling})
    changed = found.endpoint.model_copy(update={"serving": serving})
    found.world.apply(changed.model_dump_json())
    found.world.serving.create(changed, found.world.store_version(MODEL, "1"))
    return changed


def counts(found: Scene, arm: str) -> Replicas:
    return found.world.scaling.replicas(NAME)[arm]


def lines(found: Scene, kind: type[Any]) -> list[Any]:
    return of(found.record("r"), kind)


def test_production_keeps_what_all_of_the_traffic_needs_until_the_release_is_over() -> None:
    found = scaled(steps=[50, 100])
    seen: list[tuple[int, int]] = []
    found.world.clock.after(40, lambda: found.world.behave("2", error_rate=0.5))

    def look() -> None:
        seen.append((counts(found, "1").ready, counts(found, "1").floor))
        if found.lease:
            found.world.clock.after(5, look)

    found.world.clock.after(10, look)
    assert counts(found, "1").ready == 4
    assert found.walk("2", "r").outcome == "rolled_back"
    during = seen[1:-1]
    assert during
    assert set(during) == {(4, 4)}, "with half of the requests two would do"
    assert counts(found, "1").floor == 1
    assert found.one_version("r") == "rolled_back"


def test_without_a_floor_production_would_have_been_scaled_in() -> None:
    """What the test above is about."""
    found = scaled()
    found.world.platform.serving.create(found.endpoint, found.world.store_version(MODEL, "2"))
    found.world.platform.traffic.set_weights(NAME, {"1": 50, "2": 50})
    found.world.clock.sleep(30)
    assert counts(found, "1").ready == 2


def test_the_canary_starts_with_what_its_share_needs_beside_a_baseline_of_the_same_size() -> None:
    found = scaled(steps=[30, 100], baseline=True)
    found.world.faults.fail("traffic.set_weights", error=Killed, times=1)
    with pytest.raises(Killed):
        found.walk("2", "r")
    # Production has 40% beside the two: four predictors for that are three for 30%.
    assert counts(found, "2").floor == counts(found, "1-baseline").floor == 3
    assert counts(found, "2").ready == 3
    found.world.faults.clear()
    assert found.walk("2", "r").outcome == "promoted"


def test_a_step_waits_for_the_predictors_that_it_needs_and_is_judged_meanwhile() -> None:
    found = scaled(steps=[10, 50, 100])
    found.world.scaling.starts_s = 40.0
    assert found.walk("2", "r").outcome == "promoted"
    waits = [wait for held in lines(found, Held) for wait in held.waits]
    assert waits
    assert {wait.cause for wait in waits} == {"room"}
    assert "version 2 has 1 of the 2 predictors ready that 50% of the traffic needs" in {
        wait.said for wait in waits
    }
    assert found.one_version("r") == "promoted"
    assert found.failed() == 0


def test_a_step_waits_for_a_node_that_has_to_come_first() -> None:
    found = scaled(steps=[10, 50, 100])
    found.world.scaling.starts_s = 400.0
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"
    assert found.failed() == 0


def test_a_candidate_that_fails_while_a_step_waits_for_room_is_rolled_back() -> None:
    found = scaled(steps=[10, 50, 100])
    found.world.scaling.room = 5
    found.world.clock.after(130, lambda: found.world.behave("2", error_rate=0.5))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert lines(found, Held)
    assert found.one_version("r") == "rolled_back"


def test_a_step_without_room_goes_back_to_the_champion_with_the_scheduler_s_words() -> None:
    found = scaled(steps=[10, 50, 100])
    found.world.scaling.room = 5
    found.world.scaling.why = "no node has room: 0/1 nodes are available: 1 Insufficient cpu"
    with pytest.raises(PlatformError, match="Insufficient cpu"):
        found.walk("2", "r")
    state = found.state("r")
    assert state.outcome == "error"
    assert (
        "shift: after 10 min (serving.starts) version 2 has 1 of the 2 predictors ready"
        in state.reason
    )
    assert state.reason.endswith("0/1 nodes are available: 1 Insufficient cpu")
    assert found.one_version("r") == "error"
    assert counts(found, "1").ready == 4
    assert found.failed() == 0


def test_the_whole_of_the_traffic_needs_all_of_them() -> None:
    """A node that was filled between the half and the whole: back, and nobody has noticed."""
    found = scaled(steps=[50, 100])
    found.world.scaling.room = 6
    found.world.scaling.why = "no node has room"
    with pytest.raises(PlatformError, match="2 of the 4 predictors ready that 100%"):
        found.walk("2", "r")
    assert found.state("r").passed == (50,)
    assert found.one_version("r") == "error"
    assert found.failed() == 0


REFUSED = 'FailedCreate: pods "demo-v2" is forbidden: exceeded quota: strict'


def refusing(found: Scene, room: int) -> None:
    """Let a quota have room for so many predictors."""
    found.world.scaling.room = room
    found.world.scaling.refuses, found.world.scaling.why = True, REFUSED


def lasted(found: Scene) -> float:
    """Seconds from the release's first line to its end."""
    first, *_ = record = found.record("r")
    return next(line.at for line in record if isinstance(line.body, Ended)) - first.at


@pytest.mark.parametrize("room", [5, 6], ids=["the first share needs it", "the last step does"])
def test_a_predictor_that_is_refused_ends_the_release_before_any_share(room: int) -> None:
    found = scaled(steps=[50, 100])
    refusing(found, room)
    with pytest.raises(PlatformError, match="exceeded quota: strict"):
        found.walk("2", "r")
    state = found.state("r")
    assert state.outcome == "error"
    assert "predictors that it is to have: FailedCreate" in state.reason
    assert not lines(found, WeightsSet)
    assert found.one_version("r") == "error"
    assert lasted(found) < found.endpoint.serving.starts
    assert found.failed() == 0


def test_a_refusal_that_passes_ends_nothing() -> None:
    found = scaled(steps=[50, 100])
    refusing(found, room=5)

    def left() -> None:
        found.world.scaling.room = inf

    found.world.clock.after(capacity.REFUSED_S / 2, left)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_what_nobody_can_read_holds_a_step_and_ends_nothing() -> None:
    found = scaled()
    found.world.clock.after(20, lambda: found.world.faults.fail("scaling.replicas", for_s=240.0))
    assert found.walk("2", "r").outcome == "promoted"
    said = {wait.said for held in lines(found, Held) for wait in held.waits}
    assert "how many predictors there are cannot be read now" in said
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("call", ["scaling.replicas", "scaling.hold"])
def test_an_autoscaler_that_refuses_at_a_step_holds_it_and_ends_nothing(call: str) -> None:
    found = scaled()
    gone = "the API server refuses: 404 Not Found: it is of no kind that is installed"
    fails = partial(found.world.faults.fail, error=PlatformError, said=gone)
    found.world.clock.after(20, lambda: fails(call, for_s=240.0))
    assert found.walk("2", "r").outcome == "promoted"
    said = {wait.said for held in lines(found, Held) for wait in held.waits}
    assert f"predictors cannot be asked for: {gone}" in said
    assert found.one_version("r") == "promoted"


def test_a_predictor_that_is_added_under_watch_is_no_fault_and_is_told_from_the_counters() -> None:
    found = scaled(steps=[10, 100], watch="10m")
    # Once a predictor of it is asked less the candidate is faster: it is judged by every request.
    found.world.behave("2", error_rate=0.0, load=0.001)
    found.world.clock.after(60, lambda: found.world.scaling.hold(NAME, {"2": 2}))
    assert found.walk("2", "r").outcome == "promoted"
    record = found.record("r")
    assert [each.replicas["2"].ready for each in of(record, Scaled)][:2] == [1, 2]
    (added,) = [each for each in events_of(record) if "version 2 has 2" in each.detail]
    assert "version 2 has 2 predictors ready instead of 1: 0 of its " in added.detail
    assert added.name == "scaled"
    assert found.one_version("r") == "promoted"


def test_the_number_of_predictors_is_written_down_where_it_changes() -> None:
    found = scaled(steps=[10, 100])
    assert found.walk("2", "r").outcome == "promoted"
    first, *_ = lines(found, Scaled)
    assert (first.replicas["1"].ready, first.replicas["1"].floor) == (4, 4)
    assert found.state("r").replicas["2"].floor == 4, "before it gets all of the traffic"
    said = [describe(line) for line in found.record("r") if isinstance(line.body, Scaled)]
    assert said[0] == "predictors: version 1 4, held at 4, version 2 1"


def test_a_lone_predictor_is_not_worth_a_line() -> None:
    found = quick()
    found.world.clock.after(100, lambda: found.world.evict(NAME, "2", 20.0))
    found.walk("2", "r")
    assert lines(found, Scaled) == []


def test_a_reaper_takes_the_floor_away_in_its_second_phase() -> None:
    found = scaled(steps=[50, 100])
    found.world.clock.after(40, killed)
    with pytest.raises(Killed):
        found.walk("2", "r")
    assert counts(found, "1").floor == 4
    found.world.faults.fail("scaling.let_go", times=2)
    found.reap(300)
    assert counts(found, "1").floor == 1
    assert found.one_version("r") == "error"


def killed() -> None:
    """The engine dies here."""
    raise Killed


def test_a_release_whose_record_is_damaged_leaves_no_floor() -> None:
    found = scaled(steps=[50, 100])
    found.world.clock.after(40, killed)
    with pytest.raises(Killed):
        found.walk("2", "r")
    found.world.faults.fail("records.read", error=damaged, said="not a line of a record")
    found.reap(300)
    assert counts(found, "1").floor == 1
    assert found.lease is None


def damaged(said: str) -> Exception:
    from components.errors import InputError

    return InputError(said)


def test_more_users_than_before_raise_what_the_way_back_needs() -> None:
    found = scaled(most=10, steps=[50, 100], watch="5m")
    found.world.behave("1", error_rate=0.0)
    found.world.clock.after(90, lambda: found.world.users(NAME, 3 * QUICK_RPS))
    assert found.walk("2", "r").outcome == "promoted"
    # Six of them answer half of the requests: so all of the traffic needs twelve, and may have ten.
    assert max(each.replicas["1"].floor for each in lines(found, Scaled)) == 10


def test_a_version_that_sleeps_is_woken_before_it_is_compared_and_may_sleep_afterwards() -> None:
    found = scaled(least=0)
    found.world.users(NAME, 0)
    found.world.scaling.let_go(NAME)
    found.world.clock.sleep(30)
    assert counts(found, "1").wanted == 0
    found.world.users(NAME, QUICK_RPS)
    floors: list[int] = []
    found.world.clock.after(20, lambda: floors.append(counts(found, "2").floor))
    assert found.walk("2", "r").outcome == "promoted"
    assert floors == [1]
    assert counts(found, "2").floor == 0


def test_a_version_that_was_rolled_back_begins_again_with_predictors_of_its_own() -> None:
    found = scaled(least=0)
    found.world.behave("2", error_rate=0.5)
    assert found.walk("2", "r").outcome == "rolled_back"
    found.world.behave("2", error_rate=0.0)
    at: list[int] = []
    found.world.clock.after(30, lambda: at.append(counts(found, "2").ready))
    assert found.walk("2", "again").outcome == "promoted"
    assert at == [1]


def test_an_older_release_that_goes_on_is_held_by_nothing_that_its_record_cannot_hold() -> None:
    found = scaled()
    state = ReleaseState("r", found.endpoint, "2", "1", "canary", "run", 0.0, schema=4)
    with found.opened("r") as release:
        assert list(capacity.Room(release, state, 100).waits()) == []
        capacity.begin(release, state)
    assert counts(found, "1").floor == 1


@pytest.mark.parametrize(
    ("wanted", "floor", "share", "needs"),
    [(4, 1, 100, 4), (4, 4, 50, 4), (1, 4, 50, 4), (6, 4, 50, 12), (3, 2, 90, 4), (0, 0, 100, 1)],
)
def test_what_all_of_the_traffic_needs(wanted: int, floor: int, share: int, needs: int) -> None:
    assert capacity.whole(Replicas(wanted, wanted, floor, 100), share) == needs


def test_a_platform_that_refuses_ends_the_release_before_any_share() -> None:
    found = scaled()
    found.world.faults.fail("scaling.hold", error=PlatformError, said="no such kind: ScaledObject")
    with pytest.raises(PlatformError, match="no such kind"):
        found.walk("2", "r")
    assert found.one_version("r") == "error"
    assert not any(line.kind == "poll" for line in found.record("r"))


def test_an_autoscaler_that_is_away_at_a_poll_stops_no_watch() -> None:
    found = scaled()
    found.world.clock.after(
        25, lambda: found.world.faults.fail("scaling.replicas", times=2, error=Unreachable)
    )
    assert found.walk("2", "r").outcome == "promoted"


def test_a_shadow_has_as_many_predictors_as_its_copies_need() -> None:
    found = scaled(steps=[10, 100], shadow={"watch": "60s", "percent": 100})
    at: list[Replicas] = []
    found.world.clock.after(20, lambda: at.append(counts(found, "2")))
    assert found.walk("2", "r").outcome == "promoted"
    assert [each.ready for each in at] == [4]
    assert found.one_version("r") == "promoted"


def test_no_copy_is_sent_before_the_predictors_for_them_are_there() -> None:
    found = scaled(steps=[10, 100], shadow="60s")
    found.world.scaling.room = 6
    found.world.scaling.why = "no node has room"
    with pytest.raises(PlatformError, match="2 of the 4 predictors ready that 100% of the traffic"):
        found.walk("2", "r")
    assert not of(found.record("r"), MirrorSet)
    assert found.one_version("r") == "error"


def lose(found: Scene, arm: str) -> None:
    """Somebody deletes an autoscaler: a sync of what is kept in git, or KEDA's removal."""
    found.world.scaling.lose(NAME, arm)


def restored(found: Scene, release_id: str = "r") -> list[str]:
    record = found.record(release_id)
    return [each.detail for each in of(record, Noted) if each.event == capacity.RESTORED]


def test_a_step_waits_for_the_predictors_that_a_deleted_autoscaler_would_not_have_made() -> None:
    found = scaled(steps=[10, 100])
    found.world.scaling.starts_s = 40.0
    found.world.clock.after(20, lambda: lose(found, "2"))
    assert found.walk("2", "r").outcome == "promoted"
    assert found.state("r").replicas["2"].floor == 4
    assert "version 2 has 1 of the 4 predictors ready that 100% of the traffic needs" in {
        wait.said for held in lines(found, Held) for wait in held.waits
    }
    assert restored(found) == [
        f"{NAME} version 2 had no autoscaler any more: somebody deleted it: it is made anew"
    ]
    assert not counts(found, "2").lost
    assert found.failed() == 0
    assert found.one_version("r") == "promoted"


def test_production_s_autoscaler_that_was_deleted_is_made_anew_by_the_next_release() -> None:
    found = scaled(steps=[10, 100])
    lose(found, "1")
    found.world.behave("2", error_rate=0.5)
    floors: list[int] = []
    found.world.clock.after(25, lambda: floors.append(counts(found, "1").floor))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert floors == [4], "as many as there were"
    assert len(restored(found)) == 1
    assert (counts(found, "1").lost, counts(found, "1").floor) == (False, 1)


def test_the_version_in_production_is_released_again_to_get_its_autoscaler_back() -> None:
    found = scaled()
    lose(found, "1")
    assert found.walk("1", "r").outcome == "promoted"
    assert len(restored(found)) == 1
    assert (counts(found, "1").lost, counts(found, "1").floor) == (False, 1)


@pytest.mark.parametrize("error", [PlatformError, Unreachable])
def test_an_autoscaler_that_cannot_be_made_anew_holds_a_step_and_ends_nothing(
    error: type[Exception],
) -> None:
    found = scaled(steps=[10, 100])
    found.world.clock.after(20, lambda: lose(found, "2"))
    gone = "the API server refuses: it is of no kind that is installed"
    found.world.faults.fail("scaling.restore", error=error, said=gone, for_s=300.0)
    assert found.walk("2", "r").outcome == "promoted"
    assert "room" in {wait.cause for held in lines(found, Held) for wait in held.waits}
    assert len(restored(found)) == 1
    assert found.one_version("r") == "promoted"


def test_the_version_in_production_is_released_again_though_nobody_can_scale_it() -> None:
    found = scaled()
    lose(found, "1")
    found.world.faults.fail("scaling.restore", error=PlatformError, for_s=600.0)
    assert found.walk("1", "r").outcome == "promoted"
    assert counts(found, "1").lost
