"""Polls stand on a clock that cannot be set, and only what can be read again is recorded."""

import math
from typing import Any

import pytest

from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.judge import Poll, Sample, Verdict
from components.platform.memory import Killed
from components.record import Noted, of
from components.release import deploying, evaluating, opening, shifting, watching
from components.release.results import Watched
from components.release.state import fold
from components.report.formatting import headline
from components.report.line import describe
from components.report.scorecard import scorecard
from components.report.timeline import timeline_of
from tests.support.present import present
from tests.support.worlds import NAME, Scene, quick


def shifted(found: Scene, version: str = "2") -> Scene:
    with found.opened("r") as release:
        opening.fetch(release, NAME, version)
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with found.opened("r") as release:
        deploying.deploy(release)
    with found.opened("r") as release:
        shifting.shift(release, 1)
    return found


def watch(found: Scene, stage: int = 1) -> Watched:
    with found.opened("r") as release:
        return watching.watch(release, stage)


def watch_for(found: Scene, seconds: float) -> None:
    """Watch until the process is killed, after so long."""

    def kill() -> None:
        raise Killed

    found.world.clock.after(seconds, kill)
    with pytest.raises(Killed):
        watch(found)


def times(found: Scene) -> list[float]:
    return [poll.t for poll in of(found.record("r"), Poll)]


def codes(found: Scene) -> set[str]:
    verdicts = of(found.record("r"), Verdict)
    return {reason.code for verdict in verdicts for reason in verdict.reasons}


def test_polls_stand_on_a_grid_until_the_step_is_decided() -> None:
    found = shifted(quick())
    watched = watch(found)
    assert watched.verdict == "PROMOTE"
    assert "shown to be below 1.00%" in watched.reason
    assert times(found) == [0, 15, 30, 45, 60]


def test_a_second_call_polls_nothing() -> None:
    found = shifted(quick())
    watch(found)
    lines = found.record("r")
    assert watch(found) == Watched(verdict="PROMOTE", reason="10% was passed before")
    assert found.record("r") == lines


def test_people_see_each_decided_step_once_and_nothing_depends_on_it() -> None:
    found = shifted(quick())
    for _ in range(2):
        watch(found)
    (shown,) = found.world.shown
    assert (shown.labels["outcome"], shown.labels["step"]) == ("step_passed", "10")
    assert shown.annotations["summary"].startswith(f"{NAME} version 2 at 10%: ")
    other = shifted(quick())
    other.world.away("moments")
    assert watch(other).verdict == "PROMOTE"


def test_a_watch_of_a_step_that_there_is_not_is_refused() -> None:
    found = shifted(quick())
    with pytest.raises(InputError, match="there is no step 2"):
        watch(found, 2)


def test_a_watch_that_was_killed_goes_on_as_if_it_had_never_stopped() -> None:
    found = shifted(quick())
    watch_for(found, 35)
    found.world.clock.sleep(7)
    assert watch(found).verdict == "PROMOTE"
    assert times(found) == [0, 15, 30, 45, 60]
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_a_poll_that_was_due_while_nobody_watched_is_left_out() -> None:
    found = shifted(quick())
    watch_for(found, 20)
    found.world.clock.sleep(27)
    assert watch(found).verdict == "PROMOTE"
    assert times(found) == [0, 15, 60]


def test_polls_of_a_clock_that_misses_the_grid_by_a_rounding_are_not_taken_twice() -> None:
    for offset in (0.1, 0.3, 0.7, 1 / 3, 1e-9):
        found = quick()
        found.world.clock.sleep(offset)
        shifted(found)
        assert watch(found).verdict == "PROMOTE"
        assert times(found) == pytest.approx([0, 15, 30, 45, 60], abs=0.01)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_set_moves_no_poll(step: float) -> None:
    found = shifted(quick())
    clock = found.world.clock
    clock.after(20, lambda: clock.set_wall(clock.time() + step))
    clock.after(50, lambda: clock.set_wall(clock.time() - step))
    assert watch(found).verdict == "PROMOTE"
    assert times(found) == [0, 15, 30, 45, 60]
    assert "late_poll" not in codes(found)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_polls_go_on_after_the_newest_when_the_wall_clock_was_set_back_in_between() -> None:
    found = shifted(quick(watch="2m"))
    watch_for(found, 35)
    found.world.clock.set_wall(found.world.clock.time() - 3600)
    watch_for(found, 31)
    assert times(found)[:3] == [0, 15, 30]
    assert times(found)[3:] == pytest.approx([45, 60], abs=0.01)
    with found.opened("r") as release:
        watching.poll(release)
    assert times(found)[-1] > times(found)[-2]
    assert "late_poll" not in codes(found)


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["requests", "errors", "buckets"])
def test_a_counter_that_is_no_number_is_unread_and_told(number: float, where: str) -> None:
    found = shifted(quick())

    def counted(version: str, seen: Sample) -> Sample:
        broken: dict[str, Any] = {"requests": seen.requests, "errors": seen.errors}
        broken["buckets"] = seen.buckets
        broken[where] = {**seen.buckets, "74": number} if where == "buckets" else number
        return Sample(**broken) if version == "2" else seen

    found.count_otherwise(counted)
    with found.opened("r") as release:
        verdict = watching.poll(release)
    assert verdict.decision == "HOLD"
    recorded = of(found.record("r"), Poll)[-1]
    assert recorded.sources["2"] == {"gateway/rest": None}
    assert present(recorded.sources["1"]["gateway/rest"]).requests > 0
    (noted,) = of(found.record("r"), Noted)
    assert noted.event == "counter_not_finite"
    assert "version 2, source gateway/rest" in noted.detail


def test_a_poll_that_could_not_be_read_again_is_not_recorded() -> None:
    found = shifted(quick())
    lines = found.record("r")
    # No gateway may say this, but a judge would have to judge it at each later step.
    found.world.platform.traffic.set_weights(NAME, {"1": 90, "2": 10})
    found.report_weights({"1": -10, "2": 110})
    with pytest.raises(InputError), found.opened("r") as release:
        watching.poll(release)
    assert found.record("r") == lines


def test_the_judge_after_a_restart_is_the_judge_before() -> None:
    found = shifted(quick())
    watch_for(found, 50)
    again = watching.replayed(found.state("r"))
    assert again.t == 45
    assert [poll.t for poll in found.state("r").polls] == [0, 15, 30, 45]


def test_each_poll_renews_the_lease_and_a_watch_that_hangs_loses_it() -> None:
    found = shifted(quick())
    renewals = []
    for at in (1, 16, 31):
        found.world.clock.after(at, lambda: renewals.append(present(found.lease).renewals))
    watch_for(found, 32)
    assert [after - renewals[0] for after in renewals] == [0, 1, 2]


def test_a_watch_whose_lease_is_gone_stops() -> None:
    found = shifted(quick())

    def take_over() -> None:
        found.engine = "engine 2"
        with found.opened("r") as release:
            release.take_lease(found.endpoint, {})
        found.engine = "engine 1"

    found.world.clock.after(20, take_over)
    with pytest.raises(LeaseHeld, match="taken over by engine 2"):
        watch(found)
    assert times(found) == [0, 15]


def test_metrics_that_are_away_are_noted_and_hold_the_verdict() -> None:
    found = shifted(quick())
    found.world.clock.after(50, lambda: found.world.away("metrics", for_s=20))
    assert watch(found).verdict == "PROMOTE"
    assert found.events("r") == ["metrics_unreachable"]
    assert times(found)[-2:] == [60, 75]
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_a_restarted_proxy_s_counters_begin_again_and_the_watch_goes_on() -> None:
    found = shifted(quick())
    found.world.clock.after(20, lambda: found.world.restart_proxy("gateway"))
    assert watch(found).verdict == "PROMOTE"


MOVED = "somebody else moved it, so nothing can be watched"


@pytest.mark.parametrize(
    "split",
    [{"1": 100}, {"1": 1, "2": 99}, {"2": 100}, {"1": 50, "2": 50}, {"1": 85, "2": 10, "3": 5}],
    ids=str,
)
def test_traffic_that_somebody_moved_ends_the_watch_and_shows_nothing(
    split: dict[str, int],
) -> None:
    found = shifted(quick())
    world = found.world
    world.register("demo")
    world.serving.create(found.endpoint, world.store_version("demo", "3"))
    world.clock.after(20, lambda: world.platform.traffic.set_weights(NAME, split))
    with pytest.raises(PlatformError, match=MOVED):
        watch(found)
    assert times(found) == [0, 15], "what was counted since is not judged"
    assert found.finalize("r").outcome == "error"
    shown = ", ".join(f"{arm}: {share}%" for arm, share in split.items())
    said = f"the traffic is split {shown} instead of 1: 90%, 2: 10%: {MOVED}"
    assert said in found.state("r").reason
    assert found.one_version("r") == "error"


def test_a_split_that_is_edited_shows_nothing_even_where_one_poll_is_a_whole_watch() -> None:
    found = shifted(quick(watch="15s", judge={"method": "threshold", "min_requests": 10}))
    traffic = found.world.platform.traffic
    found.world.clock.after(10, lambda: traffic.set_weights(NAME, {"1": 1, "2": 99}))
    with pytest.raises(PlatformError, match=MOVED):
        watch(found)
    assert found.state("r").passed == ()
    assert found.finalize("r").outcome == "error"
    assert found.one_version("r") == "error"


def test_a_baseline_s_share_that_somebody_moved_is_found() -> None:
    found = shifted(quick(baseline=True))
    assert found.weights == {"1": 80, "1-baseline": 10, "2": 10}
    traffic = found.world.platform.traffic
    split = {"1": 85, "1-baseline": 5, "2": 10}
    found.world.clock.after(20, lambda: traffic.set_weights(NAME, split))
    with pytest.raises(PlatformError, match=MOVED):
        watch(found)
    assert found.finalize("r").outcome == "error"
    assert found.one_version("r") == "error"


@pytest.mark.parametrize("split", [{"1": 100}, {"1": 50, "2": 50}, {"1": 1, "2": 99}], ids=str)
@pytest.mark.parametrize("steps", [[10, 100], [10, 60, 100]], ids=str)
def test_no_step_is_taken_past_somebody_who_moved_the_traffic_after_the_watch(
    steps: list[int], split: dict[str, int]
) -> None:
    """They may be saving the users from the candidate."""
    found = shifted(quick(steps=steps))
    assert watch(found).verdict == "PROMOTE"
    found.world.platform.traffic.set_weights(NAME, split)
    with pytest.raises(PlatformError, match=MOVED):
        found.walk("2", "r")
    assert f"instead of 1: 90%, 2: 10%: {MOVED}" in found.state("r").reason
    assert found.one_version("r") == "error"
    assert found.champion == "1"


def test_a_held_release_whose_traffic_somebody_moved_ends_at_its_next_poll() -> None:
    found = quick(approval="required")
    traffic = found.world.platform.traffic
    found.world.clock.after(200, lambda: traffic.set_weights(NAME, {"1": 100}))
    with pytest.raises(PlatformError, match=MOVED):
        found.walk("2", "r")
    assert found.one_version("r") == "error"


def test_a_store_that_is_away_for_a_while_holds_the_watch() -> None:
    found = shifted(quick())
    found.world.clock.after(20, lambda: found.world.away("records", for_s=30))
    assert watch(found).verdict == "PROMOTE"
    assert times(found)[:2] == [0, 15]
    assert all(not 20 < t < 50 for t in times(found))
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("interface", ["records", "records.append", "leases"])
def test_in_the_lease_s_last_third_without_a_poll_production_gets_its_traffic_back(
    interface: str,
) -> None:
    found = shifted(quick())
    found.world.clock.after(20, lambda: found.world.away(interface))
    began = found.world.clock.monotonic()
    with pytest.raises(PlatformError):
        watch(found)
    passed = found.world.clock.monotonic() - began
    assert found.weights == {"1": 100}
    assert passed < found.endpoint.release.lease
    found.recover()
    assert found.one_version("r") == "error"


def test_a_gateway_that_is_away_is_the_reaper_s() -> None:
    found = shifted(quick())
    found.world.clock.after(20, lambda: found.world.away("traffic"))
    with pytest.raises(PlatformError, match="nor its traffic given back: the reaper does"):
        watch(found)
    found.recover()
    assert found.one_version("r") == "error"
    assert found.failed() == 0


def test_a_release_whose_traffic_was_given_back_can_only_end() -> None:
    found = shifted(quick())
    found.world.clock.after(20, lambda: found.world.away("records"))
    with pytest.raises(PlatformError, match="production has its traffic back"):
        watch(found)
    found.world.faults.clear()
    said = "production has its traffic back: no poll could be recorded .*: start a new one"
    with pytest.raises(PlatformError, match=said):
        found.walk("2", "r", engine="engine 2")
    assert "no poll could be recorded" in found.state("r").reason
    assert found.one_version("r") == "error"


def test_a_write_whose_answer_was_lost_is_not_polled_twice() -> None:
    found = shifted(quick())
    found.world.faults.fail("records.append", skip=1, times=1, after=True)
    assert watch(found).verdict == "PROMOTE"
    assert times(found) == pytest.approx([0, 15, 30, 45, 60], abs=0.01)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_leases_that_do_not_answer_for_a_while_hold_the_watch() -> None:
    found = shifted(quick())
    found.world.clock.after(20, lambda: found.world.away("leases", for_s=20))
    assert watch(found).verdict == "PROMOTE"
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_who_was_suspended_gives_back_no_traffic_that_is_another_s_by_now() -> None:
    found = shifted(quick())
    found.world.register("demo")

    def meanwhile() -> None:
        # This process sleeps here; the reaper ends its release, and another is promoted.
        found.reap(80)
        assert found.one_version("r") == "error"
        assert found.walk("3", "r2", engine="engine 2").outcome == "promoted"
        found.engine = "engine 1"
        found.world.away("records")

    found.world.clock.after(20, meanwhile)
    with pytest.raises((LeaseHeld, Unreachable)):
        watch(found)
    assert found.weights == {"3": 100}
    found.recover()
    assert found.one_version("r2") == "promoted"


@pytest.mark.parametrize(
    ("fault", "found_by"),
    [({"given_up": 0.1}, {"error_rate", "p95"}), ({"refused": 1.0}, {"refused"})],
)
def test_a_version_that_leaves_its_clients_without_an_answer_is_turned_back(
    fault: dict[str, float], found_by: set[str]
) -> None:
    found = quick()
    found.world.behave("2", **fault)
    assert found.walk("2", "r").outcome == "rolled_back"
    assert codes(found) & found_by


def test_failures_of_an_earlier_canary_are_not_this_one_s_though_the_gateway_restarts() -> None:
    found = quick()
    found.world.behave("2", error_rate=0.3)
    assert found.walk("2", "before").outcome == "rolled_back"
    found.world.behave("2")
    shifted(found)
    found.world.clock.after(20, lambda: found.world.restart_proxy("gateway"))
    assert watch(found).verdict == "PROMOTE"
    last = of(found.record("r"), Verdict)[-1]
    assert present(last.evidence).candidate.errors < 10


def test_a_release_that_lives_on_one_client_says_so_to_its_end() -> None:
    found = quick()
    found.world.users(NAME, 13.0, client="shop")
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"
    lines = found.record("r")
    said = "95% of the evidence came from one client, users"
    assert [said in verdict.text for verdict in of(lines, Verdict) if verdict.final][:1] == [True]
    assert said in fold(lines).reason
    assert said in headline(timeline_of(lines))
    assert any("95% from users" in describe(line) for line in lines)
    (row,) = [row for row in scorecard(timeline_of(lines)) if row.name == "Busiest client"]
    assert row.candidate.endswith("% of users")


def test_a_release_of_several_clients_says_nothing_of_them() -> None:
    found = quick()
    found.world.users(NAME, 100.0, client="shop")
    assert found.walk("2", "r").outcome == "promoted"
    assert codes(found) & {"one_client", "few_clients"} == set()


@pytest.mark.parametrize("flood", [0.0, 1000.0])
def test_a_flood_of_good_requests_promotes_nothing_where_two_clients_are_asked_for(
    flood: float,
) -> None:
    found = quick(judge={"min_clients": 2})
    found.world.behave("2", "users", error_rate=0.03)
    found.world.users(NAME, flood, client="flood")
    assert found.walk("2", "r").outcome == "rolled_back"
    assert codes(found) & {"few_clients", "error_rate"}
