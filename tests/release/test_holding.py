"""Held steps: approval, rejection, pause; the canary stays and is judged on, its lease lives."""

from collections.abc import Callable
from typing import Any

import msgspec
import obstore
import pytest

from components.arms import baseline_of
from components.backtest.replay import replay
from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.judge import Verdict
from components.platform.memory import Killed
from components.record import Decided, Held, WeightsSet, of
from components.release import deciding, opening
from components.release.reaper import Reaper
from components.release.results import Ended
from tests.support.present import present
from tests.support.records import chained
from tests.support.worlds import NAME, Scene, begin, quick

MIN = 60.0
FRIDAY = 1_795_737_600.0
"""27 November 2026."""
SOON, LATER = 3 * MIN, 5 * MIN
"""Since the beginning of a release, which waits from its second minute on."""


def required(**release: Any) -> Scene:
    """A scene whose endpoint asks for approval."""
    return quick(approval="required", approval_within="10m", **release)


def after(found: Scene, seconds: float, do: Callable[[], object]) -> None:
    def call() -> None:
        do()

    found.world.clock.after(seconds, call)


def says(found: Scene, what: str, by: str = "alice", reason: str = "") -> Callable[[], object]:
    """Somebody decides so of the release ``r``."""

    def decide() -> object:
        found.world.decisions.caller = by
        return getattr(deciding, what)(found.world.platform, "r", reason)

    return decide


def holds(found: Scene) -> list[tuple[int, list[str]]]:
    """Each step that was held, and for what."""
    return [(each.step, [w.cause for w in each.waits]) for each in of(found.record("r"), Held)]


def decided(found: Scene) -> list[tuple[str, str, str]]:
    return [(each.says, each.by, each.reason) for each in of(found.record("r"), Decided)]


def test_a_release_stops_before_all_traffic_until_somebody_approves() -> None:
    found = required()
    seen: list[Any] = []

    def look() -> None:
        seen.append((found.weights, present(found.lease).waits))
        assert Reaper(found.world.platform).run() == []
        seen.append(found.world.told[-1].labels["alertname"])

    after(found, SOON, look)
    after(found, LATER, says(found, "approve", "alice@example.org", "seen by two"))
    began = found.world.clock.monotonic()
    assert found.walk("2", "r").outcome == "promoted"
    assert LATER < found.world.clock.monotonic() - began < LATER + 20
    waits = "it waits for approval; 'sluice approve r' or 'sluice reject r' ends it"
    assert seen == [({"1": 90, "2": 10}, waits), "ApprovalAsked"]
    assert holds(found) == [(100, ["approval"]), (100, [])]
    assert decided(found) == [("approve", "alice@example.org", "seen by two")]
    assert found.one_version("r") == "promoted"
    assert found.world.platform.decisions.read("r") == []


def test_it_is_judged_on_while_it_waits_and_a_failing_one_rolls_back() -> None:
    found = required()
    after(found, LATER, lambda: found.world.behave("2", error_rate=0.3))
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert "failed" in ended.reason
    assert found.world.clock.monotonic() < LATER + 5 * MIN
    assert found.one_version("r") == "rolled_back"
    verdicts = [each.decision for each in of(found.record("r"), Verdict)]
    assert verdicts.index("PROMOTE") < verdicts.index("ROLLBACK")


def test_the_time_limit_gives_the_traffic_back_and_never_promotes() -> None:
    found = required()
    ended = found.walk("2", "r")
    assert ended == Ended(outcome="held", reason="nobody approved it within 10 min")
    assert 10 * MIN < found.world.clock.monotonic() < 14 * MIN
    assert found.one_version("r") == "held"
    assert found.weights == {"1": 100}


def test_the_limit_is_not_begun_again_by_a_run_that_goes_on() -> None:
    found = required()
    after(found, LATER, kill(found))
    with pytest.raises(Killed):
        found.walk("2", "r")
    ended = found.walk("2", "r", engine="engine 2")
    assert ended.outcome == "held"
    assert found.world.clock.monotonic() < 14 * MIN
    assert found.one_version("r") == "held"


def kill(found: Scene) -> Callable[[], object]:
    def die() -> None:
        raise Killed("the pod was deleted")

    return die


def test_a_rejection_gives_the_traffic_back_at_once() -> None:
    found = required()

    def reject() -> None:
        done = present(says(found, "reject", "bob", "wrong labels")())
        assert isinstance(done, deciding.Rejected)
        assert present(done.done).weights == {"1": 100} == found.weights

    after(found, LATER, reject)
    with pytest.raises(LeaseHeld):
        found.walk("2", "r")
    assert found.finalize("r").reason == "rejected by bob: wrong labels"
    assert decided(found) == [("reject", "bob", "wrong labels")]
    assert found.one_version("r") == "rolled_back"
    assert found.failed() == 0


def test_one_who_may_not_move_traffic_rejects_and_the_next_poll_ends_it() -> None:
    """An approver's role has no right to leases or routes."""
    found = required()

    def reject() -> None:
        found.world.faults.fail(
            "leases.swap", times=1, error=PlatformError, said="ask for the role"
        )
        done = says(found, "reject", "bob")()
        assert isinstance(done, deciding.Rejected)
        assert done.done is None
        assert done.why == "ask for the role"

    after(found, LATER, reject)
    ended = found.walk("2", "r")
    assert ended == Ended(outcome="rolled_back", reason="rejected by bob")
    assert found.world.clock.monotonic() < LATER + 2 * MIN
    assert found.one_version("r") == "rolled_back"


def test_an_early_rejection_ends_a_watch() -> None:
    found = required(watch="10m")

    def reject() -> None:
        found.world.faults.fail(
            "leases.swap", times=1, error=PlatformError, said="ask for the role"
        )
        says(found, "reject", "bob")()

    after(found, 180, reject)
    assert found.walk("2", "r").reason == "rejected by bob"
    assert found.world.clock.monotonic() < 400
    assert found.one_version("r") == "rolled_back"


def test_a_rejection_after_an_approval_counts() -> None:
    found = required()

    def both() -> None:
        says(found, "approve", "alice")()
        found.world.faults.fail("leases.swap", times=1, error=PlatformError)
        says(found, "reject", "bob")()

    after(found, LATER, both)
    assert found.walk("2", "r").reason == "rejected by bob"
    assert [each[0] for each in decided(found)] == ["approve", "reject"]
    assert found.one_version("r") == "rolled_back"


def test_nobody_approves_what_they_were_not_asked_to() -> None:
    found = required(watch="10m")
    said: list[str] = []

    def too_early() -> None:
        with pytest.raises(InputError) as refused:
            says(found, "approve")()
        said.append(str(refused.value))
        # Past our own command, as whoever has the right could.
        assert found.world.decisions.add("r", 1, "approve", "sight unseen")

    after(found, 180, too_early)
    assert found.walk("2", "r").outcome == "held"
    assert said == ["release r does not wait for approval yet: it is at 10%: 'sluice show r'"]
    assert decided(found) == [("approve", "alice", "sight unseen")]
    assert found.one_version("r") == "held"


def test_what_makes_no_sense_is_refused_in_one_line() -> None:
    found = required()
    platform = found.world.platform
    with pytest.raises(InputError, match="no release 'r'"):
        deciding.approve(platform, "r", "")

    def decide() -> None:
        says(found, "approve", "alice")()
        for what, why in (
            ("approve", "release r was approved by alice"),
            ("resume", "release r is not paused"),
        ):
            with pytest.raises(InputError) as refused:
                says(found, what, "bob")()
            assert str(refused.value) == why
        with pytest.raises(InputError, match="at most 1000 characters"):
            says(found, "pause", "bob", "x" * 1001)()

    after(found, LATER, decide)
    found.walk("2", "r")
    with pytest.raises(InputError, match="release r has ended: promoted"):
        deciding.reject(platform, "r", "")
    assert found.walk("2", "again").outcome == "promoted"  # the champion already: nobody is asked


def test_an_endpoint_that_asks_for_no_approval_says_so() -> None:
    found = quick()

    def decide() -> None:
        for what in ("approve", "reject"):
            with pytest.raises(InputError, match=r"asks for no approval.*'sluice rollback demo'"):
                says(found, what)()

    after(found, 90, decide)
    assert found.walk("2", "r").outcome == "promoted"


def test_of_two_who_approve_at_once_the_second_is_told_of_the_first() -> None:
    found = required()

    def both() -> None:
        faults = found.world.faults
        faults.fail("decisions.add", times=1)
        began = len(faults.calls)
        with pytest.raises(Unreachable):
            says(found, "approve", "bob")()
        later = 2 * len(faults.calls) - began - 1
        faults.before(later, lambda: found.world.decisions.add("r", 1, "approve", "faster"))
        found.world.decisions.caller = "alice"
        with pytest.raises(InputError, match="was approved by alice"):
            deciding.approve(found.world.platform, "r", "slower")

    after(found, LATER, both)
    assert found.walk("2", "r").outcome == "promoted"
    assert decided(found) == [("approve", "alice", "faster")]


def test_a_first_version_waits_without_users() -> None:
    found = begin(approval="required", approval_within="10m")
    after(found, LATER, says(found, "approve"))
    assert found.walk("1", "r").outcome == "promoted"
    assert found.world.clock.monotonic() >= LATER
    assert holds(found) == [(100, ["approval"]), (100, [])]
    assert found.one_version("r") == "promoted"


def test_a_first_version_that_nobody_approves_is_not_served() -> None:
    found = begin(approval="required", approval_within="10m")
    assert found.walk("1", "r").outcome == "held"
    assert found.weights == {}
    assert found.one_version("r") == "held"


def test_a_paused_canary_stays_where_it_is() -> None:
    found = quick(steps=[10, 50, 100])
    seen: list[Any] = []
    after(found, 30, says(found, "pause", "carol", "sale"))
    after(found, LATER, lambda: seen.append((found.weights, present(found.lease).waits)))
    after(found, 2 * LATER, says(found, "resume", "dave"))
    assert found.walk("2", "r").outcome == "promoted"
    assert found.world.clock.monotonic() > 2 * LATER
    said = "paused by carol: sale; 'sluice resume demo' ends it"
    assert seen == [({"1": 90, "2": 10}, said)]
    assert holds(found) == [(50, ["pause"]), (50, [])]
    assert decided(found) == [("pause", "carol", "sale"), ("resume", "dave", "")]
    assert found.one_version("r") == "promoted"


def test_a_paused_canary_that_fails_is_rolled_back() -> None:
    found = quick(steps=[10, 50, 100])
    after(found, 30, says(found, "pause"))
    after(found, LATER, lambda: found.world.behave("2", error_rate=0.3))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert found.world.clock.monotonic() < LATER + 5 * MIN
    assert found.one_version("r") == "rolled_back"


def test_a_release_is_paused_before_its_first_users_come() -> None:
    found = quick()
    found.world.starts("2", after_s=60)  # it is being deployed
    after(found, 30, says(found, "pause"))
    after(found, LATER, lambda: weights.append(found.weights))
    after(found, 2 * LATER, says(found, "resume"))
    weights: list[dict[str, int]] = []
    assert found.walk("2", "r").outcome == "promoted"
    assert weights == [{"1": 100}]
    assert holds(found) == [(10, ["pause"]), (10, [])]
    assert found.one_version("r") == "promoted"


def test_approval_and_pause_are_waited_for_together() -> None:
    found = required()
    after(found, SOON, says(found, "pause"))
    after(found, LATER, says(found, "approve"))
    after(found, LATER + 5 * MIN, says(found, "resume"))
    assert found.walk("2", "r").outcome == "promoted"
    waits = [["approval"], ["approval", "pause"], ["pause"], []]
    assert holds(found) == [(100, each) for each in waits]
    assert found.one_version("r") == "promoted"


def test_the_lease_lives_while_it_waits_and_the_reaper_leaves_it_alone() -> None:
    found = required()
    said: list[str] = []
    reaper = Reaper(found.world.platform)

    def watch() -> None:
        said.extend(reaper.run())
        if found.world.clock.monotonic() < LATER:
            after(found, 5, watch)

    after(found, 1, watch)
    after(found, LATER, says(found, "approve"))
    assert found.walk("2", "r").outcome == "promoted"
    assert said == []


def test_a_run_that_is_killed_while_it_waits_is_reaped() -> None:
    found = required()
    after(found, LATER, kill(found))
    with pytest.raises(Killed):
        found.walk("2", "r")
    said = found.recover()
    assert said == ["r: error: the pipeline stopped when 10% had been passed"]
    with pytest.raises(InputError, match="has ended: error"):
        deciding.approve(found.world.platform, "r", "")
    assert found.one_version("r") == "error"


def test_a_rejection_works_when_its_run_is_gone() -> None:
    found = required()
    after(found, LATER, kill(found))
    with pytest.raises(Killed):
        found.walk("2", "r")
    done = says(found, "reject", "bob", "no")()
    assert isinstance(done, deciding.Rejected)
    assert present(done.done).outcome == "rolled_back"
    assert found.weights == {"1": 100}
    assert found.one_version("r") == "rolled_back"


@pytest.mark.parametrize("away", ["decisions", "metrics", "registry"])
def test_who_is_away_while_it_waits_ends_no_release(away: str) -> None:
    found = required()
    after(found, SOON, lambda: found.world.away(away, for_s=60))
    after(found, LATER, says(found, "approve"))
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_no_step_is_taken_while_nobody_knows_what_was_decided() -> None:
    found = quick()
    found.world.away("decisions", for_s=200)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.world.clock.monotonic() > 200
    assert holds(found)[0] == (10, ["unread"])
    assert found.one_version("r") == "promoted"


def test_production_has_its_traffic_back_when_nothing_can_be_recorded_while_it_waits() -> None:
    found = required()
    after(found, SOON, lambda: found.world.away("records", for_s=300))
    with pytest.raises((PlatformError, Unreachable)):
        found.walk("2", "r")
    assert found.weights == {"1": 100}
    found.recover()
    assert found.one_version("r") == "error"


def test_a_baseline_that_fails_while_it_waits_gives_its_share_back() -> None:
    found = quick(baseline=True, steps=[10, 50, 100])
    after(found, 30, says(found, "pause"))
    after(found, SOON, lambda: found.world.crash(NAME, baseline_of("1")))
    after(found, LATER, says(found, "resume"))
    assert found.walk("2", "r").outcome == "promoted"
    splits = [each.weights for each in of(found.record("r"), WeightsSet)]
    assert {"1": 80, baseline_of("1"): 10, "2": 10} in splits
    assert {"1": 90, "2": 10} in splits
    assert found.one_version("r") == "promoted"


def test_a_forged_promotion_without_an_approval_is_found() -> None:
    """The same lines without the approver's."""
    found = required()
    after(found, LATER, says(found, "approve"))
    found.walk("2", "r")
    lines = [each for each in found.record("r") if not isinstance(each.body, Decided)]
    said = [each.what for each in replay(lines).findings]
    assert "all traffic given, and nobody approved it" in said


def test_a_release_that_an_earlier_sluice_began_takes_no_decision() -> None:
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    (first, *_) = found.record("r")
    head = msgspec.json.decode(first.content) | {"schema": 3, "release_id": "older"}
    obstore.put(found.world.store, "records/older/000000000000", chained([("release", 1.0, head)]))
    with pytest.raises(InputError, match=r"an earlier Sluice began .*'sluice rollback demo' ends"):
        deciding.pause(found.world.platform, "older", "")


def windowed(found_at: float, **windows: Any) -> Scene:
    """A scene whose release begins ``found_at`` seconds after a Friday's midnight, UTC."""
    found = quick(windows=windows)
    found.world.clock.set_wall(FRIDAY + found_at)
    return found


def test_no_step_is_taken_at_night() -> None:
    """In Berlin it is an hour later: the window opens at 08:00 UTC."""
    eight = 8 * 60 * MIN
    found = windowed(eight - LATER, open=["mon-fri 09:00-17:00"], timezone="Europe/Berlin")
    weights: list[dict[str, int]] = []
    after(found, SOON, lambda: weights.append(found.weights))
    assert found.walk("2", "r").outcome == "promoted"
    assert weights == [{"1": 100}]
    assert holds(found) == [(10, ["window"]), (10, [])]
    (first, *_) = of(found.record("r"), Held)
    (wait,) = first.waits
    assert wait.said == "release.windows is closed until fri 09:00 Europe/Berlin"
    splits = [line.at for line in found.record("r") if isinstance(line.body, WeightsSet)]
    assert FRIDAY + eight <= splits[0] < FRIDAY + eight + 20
    assert found.one_version("r") == "promoted"


def test_a_window_that_closes_in_mid_canary_holds_it_there_and_the_way_back_is_free() -> None:
    found = windowed(17 * 60 * MIN - 30, open=["mon-fri 09:00-17:00"])
    after(found, LATER, lambda: found.world.behave("2", error_rate=0.3))
    weights: list[dict[str, int]] = []
    after(found, SOON, lambda: weights.append(found.weights))
    assert found.walk("2", "r").outcome == "rolled_back"
    assert weights == [{"1": 90, "2": 10}]
    assert holds(found) == [(100, ["window"])]
    assert found.one_version("r") == "rolled_back"


def test_no_step_is_taken_while_a_named_alert_fires() -> None:
    found = quick(windows={"alerts": ["AvailabilityBurn", "Freeze"]})
    world = found.world
    world.alert("AvailabilityBurn", fires=False)
    world.alert("Freeze", fires=True, endpoint="other")
    after(found, 30, lambda: world.alert("Freeze", fires=True))
    after(found, SOON, lambda: world.alert("AvailabilityBurn", fires=True, endpoint=NAME))
    after(found, LATER, lambda: world.alert("Freeze", fires=False))
    after(found, LATER + MIN, lambda: world.alert("AvailabilityBurn", fires=False, endpoint=NAME))
    assert found.walk("2", "r").outcome == "promoted"
    said = ["; ".join(wait.said for wait in each.waits) for each in of(found.record("r"), Held)]
    both = "alert AvailabilityBurn fires; alert Freeze fires"
    assert said == ["alert Freeze fires", both, "alert AvailabilityBurn fires", ""]
    assert found.one_version("r") == "promoted"


def test_no_step_is_taken_while_nobody_knows_whether_an_alert_fires() -> None:
    found = quick(windows={"alerts": ["Freeze"]})
    found.world.alert("Freeze", fires=False)
    found.world.faults.fail("metrics.alerts", for_s=LATER)
    assert found.walk("2", "r").outcome == "promoted"
    assert found.world.clock.monotonic() > LATER
    assert holds(found)[0] == (10, ["alert"])
    assert found.one_version("r") == "promoted"


def test_an_alert_that_nobody_has_is_refused_at_the_beginning() -> None:
    found = quick(windows={"alerts": ["Freze"]})
    with pytest.raises(
        InputError, match=r"demo: release\.windows\.alerts: Prometheus has no rule .* Freze"
    ):
        found.walk("2", "r")
    assert found.record("r") == []
    assert found.lease is None


def test_an_alert_whose_rule_goes_away_holds_the_step_and_says_so() -> None:
    found = quick(windows={"alerts": ["Freeze"]})
    found.world.alert("Freeze", fires=False)

    after(found, 30, lambda: found.world.alert("Freeze", fires=None))
    after(found, LATER, lambda: found.world.alert("Freeze", fires=False))
    assert found.walk("2", "r").outcome == "promoted"
    (first, *_) = of(found.record("r"), Held)
    assert first.waits[0].said == "alert Freeze of release.windows has no rule that works"
