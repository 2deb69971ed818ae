"""The baseline: a comparison under the same load, that never stands in the users' way."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.errors import PlatformError, SluiceError, Unreachable
from components.judge import Poll, Verdict
from components.record import BaselineSet, Deployed, WeightsSet, of
from components.release import (
    deciding,
    deploying,
    ending,
    evaluating,
    opening,
    shifting,
    watching,
)
from components.release.operating import roll_back
from components.release.presence import LOOK_S
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, QUICK_RPS, Scene, quick, scene

COLD: dict[str, Any] = {"error_rate": 0.0, "cold": 1.2}
"""At a tenth of the requests a version's p95 is 1.3 times what it is at nine tenths."""


def cold(baseline: bool, **candidate: Any) -> Scene:
    """Versions that are the slower the less they are asked."""
    found = scene(baseline=baseline)
    found.world.behave("1", **COLD)
    found.world.behave("2", **(COLD | candidate))
    return found


def said(found: Scene, release_id: str = "r") -> list[BaselineSet]:
    return of(found.record(release_id), BaselineSet)


def splits(found: Scene) -> list[Mapping[str, int]]:
    return [line.weights for line in of(found.record("r"), WeightsSet)]


def compared_with(found: Scene) -> list[str]:
    """Whom each watched share's last verdict compared with."""
    verdicts = [v for v in of(found.record("r"), Verdict) if v.evidence and 0 < v.step < 100]
    return list({v.step: present(v.evidence).beside for v in verdicts}.values())


def test_a_version_as_good_as_production_is_not_held_against_a_busier_one() -> None:
    alone = cold(baseline=False)
    assert alone.walk("2", "r").outcome == "rolled_back"
    assert "do not show a p95 below" in alone.state("r").why
    fair = cold(baseline=True)
    assert fair.walk("2", "r").outcome == "promoted"
    assert fair.one_version("r") == "promoted"


@pytest.mark.parametrize(
    ("fault", "code"), [({"error_rate": 0.05}, "error_rate"), ({"latency_ms": 40.0}, "p95")]
)
def test_a_bad_version_is_rolled_back_all_the_same(fault: dict[str, float], code: str) -> None:
    found = cold(baseline=True, **fault)
    assert found.walk("2", "r").outcome == "rolled_back"
    verdict = present(found.state("r").verdict)
    assert [reason.code for reason in verdict.reasons] == [code, "one_client"]
    assert "the baseline's" in verdict.text
    assert found.one_version("r") == "rolled_back"


def test_what_a_lighter_load_would_hide_is_seen() -> None:
    """At a tenth of the requests a version 1.6 times as slow is as fast as busy production."""
    at = {}
    for baseline in (False, True):
        found = scene(baseline=baseline)
        found.world.behave("1", error_rate=0.0, load=0.05)
        found.world.behave("2", error_rate=0.0, load=0.05, latency_ms=32.0)
        assert found.walk("2", "r").outcome == "rolled_back"
        at[baseline] = present(found.state("r").verdict).step
    assert at == {False: 50.0, True: 10.0}


def test_it_gets_the_candidate_s_share_until_production_is_asked_no_more_than_that() -> None:
    found = quick(steps=[10, 30, 50, 80, 100], baseline=True)
    assert found.walk("2", "r").outcome == "promoted"
    assert splits(found) == [
        {"1": 80, "1-baseline": 10, "2": 10},
        {"1": 40, "1-baseline": 30, "2": 30},
        {"1": 50, "2": 50},
        {"1": 20, "2": 80},
        {"2": 100},
    ]
    assert compared_with(found) == ["the baseline", "the baseline", "production", "production"]
    assert of(found.record("r"), Deployed) == [Deployed(("1", "2", "1-baseline"))]
    assert [line.arm for line in said(found)] == ["1-baseline", ""]
    assert found.failed() == 0


def test_production_is_polled_and_recorded_beside_it() -> None:
    found = quick(steps=[10, 100], baseline=True)
    found.walk("2", "r")
    polls = [poll for poll in of(found.record("r"), Poll) if "1-baseline" in poll.weights]
    assert polls
    for poll in polls:
        assert set(poll.sources) == {"1", "1-baseline", "2"}
    assert polls[0].sources["1"] != polls[-1].sources["1"]


@pytest.mark.parametrize(
    ("asked", "steps", "room", "arm", "reason"),
    [
        (None, [10, 100], True, "1-baseline", "there is room: 3 of 4 cores"),
        (None, [10, 100], False, "", "no room: 3 of 4 cores"),
        (False, [10, 100], True, "", "the endpoint's file says so"),
        (True, [10, 100], False, "1-baseline", "the endpoint's file says so"),
        (True, [50, 100], True, "", "at every step production is asked no more than the candidate"),
    ],
)
def test_whether_there_is_one_and_why_is_said_before_any_traffic(
    asked: bool | None, steps: list[int], room: bool, arm: str, reason: str
) -> None:
    found = quick(steps=steps, baseline=asked)
    found.world.room("3 of 4 cores", enough=room)
    found.walk("2", "r")
    bodies = [line.body for line in found.record("r")]
    assert said(found)[0] == BaselineSet(arm, reason)
    first_split = next(body for body in bodies if isinstance(body, WeightsSet))
    assert bodies.index(said(found)[0]) < bodies.index(first_split)
    assert ("1-baseline" in first_split.weights) == bool(arm)
    assert found.one_version("r") == "promoted"


def test_a_platform_that_cannot_say_whether_it_has_room_is_taken_to_have_none() -> None:
    found = quick()
    found.world.faults.fail("serving.room", error=PlatformError, said="no answer from the nodes")
    assert found.walk("2", "r").outcome == "promoted"
    assert [line.arm for line in said(found)] == [""]
    assert "no answer from the nodes" in said(found)[0].reason


def test_a_first_release_has_nothing_to_be_compared_with() -> None:
    found = quick(baseline=True)
    found.walk("1", "r")
    assert said(found) == []


@pytest.mark.parametrize(
    ("after_s", "fails", "why"), [(1.0, "no memory", "no memory"), (1e6, "", "was not ready after")]
)
def test_without_one_that_does_not_start_the_release_goes_on(
    after_s: float, fails: str, why: str
) -> None:
    found = quick(baseline=True)
    found.world.starts("1-baseline", after_s, fails)
    assert found.walk("2", "r").outcome == "promoted"
    assert [line.arm for line in said(found)] == ["1-baseline", ""]
    assert why in said(found)[1].reason
    assert splits(found) == [{"1": 90, "2": 10}, {"2": 100}]
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("error", [PlatformError, Unreachable])
@pytest.mark.parametrize("after", [False, True])
def test_without_one_that_is_refused_the_release_goes_on(
    error: type[SluiceError], after: bool
) -> None:
    """By a quota of objects, say, or by a webhook that is away; it may be there all the same."""
    found = quick(baseline=True)
    refused: dict[str, Any] = {"error": error, "said": "exceeded quota: objects", "after": after}
    found.world.faults.fail("serving.create", skip=1, **refused)  # the candidate is made first
    assert found.walk("2", "r").outcome == "promoted"
    assert [line.arm for line in said(found)] == ["1-baseline", ""]
    assert "exceeded quota: objects" in said(found)[1].reason
    assert splits(found) == [{"1": 90, "2": 10}, {"2": 100}]
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("poll", ["2s", "15s", "60s"])
def test_one_that_dies_gives_its_share_back_to_production_between_two_polls(poll: str) -> None:
    found = quick(baseline=True, steps=[40, 100], poll=poll, lease="3m", watch="3m")
    found.world.clock.after(65.0, lambda: found.world.crash(NAME, "1-baseline", "out of memory"))
    assert found.walk("2", "r").outcome == "promoted"
    assert splits(found) == [
        {"1": 20, "1-baseline": 40, "2": 40},
        {"1": 60, "2": 40},
        {"2": 100},
    ]
    assert [line.arm for line in said(found)] == ["1-baseline", ""]
    assert "out of memory" in said(found)[-1].reason
    assert 0 < found.failed() <= QUICK_RPS * 0.4 * 2 * LOOK_S
    assert found.one_version("r") == "promoted"


def test_one_that_dies_is_given_up_while_the_next_step_waits_for_hours() -> None:
    found = quick(baseline=True, steps=[40, 100], poll="60s", lease="3m", approval="required")
    found.world.clock.after(400.0, lambda: found.world.evict(NAME, "1-baseline", 3600.0))

    def approve() -> None:
        deciding.approve(found.world.platform, "r", "")

    found.world.clock.after(900.0, approve)
    assert found.walk("2", "r").outcome == "promoted"
    assert [line.arm for line in said(found)] == ["1-baseline", ""]
    assert 0 < found.failed() <= QUICK_RPS * 0.4 * 2 * LOOK_S
    assert found.one_version("r") == "promoted"


def test_one_that_dies_while_the_candidate_is_away_gets_no_share_again() -> None:
    found = quick(baseline=True, steps=[40, 100], watch="3m")
    found.world.clock.after(40.0, lambda: found.world.evict(NAME, "2", 60.0))
    found.world.clock.after(60.0, lambda: found.world.crash(NAME, "1-baseline", "out of memory"))
    assert found.walk("2", "r").outcome == "promoted"
    assert splits(found)[1:] == [{"1": 100}, {"1": 60, "2": 40}, {"2": 100}]
    assert [line.arm for line in said(found)] == ["1-baseline", ""]
    assert found.one_version("r") == "promoted"


def test_one_that_goes_with_the_candidate_s_node_and_comes_back_with_it_is_kept() -> None:
    found = quick(baseline=True, steps=[40, 100], watch="3m")

    def drain() -> None:
        for arm in ("2", "1-baseline"):
            found.world.evict(NAME, arm, 60.0)

    found.world.clock.after(40.0, drain)
    assert found.walk("2", "r").outcome == "promoted"
    both = {"1": 20, "1-baseline": 40, "2": 40}
    assert splits(found) == [both, {"1": 100}, both, {"2": 100}]
    assert found.one_version("r") == "promoted"


def test_one_that_dies_gives_its_share_back_to_production_at_once() -> None:
    found = quick(baseline=True, steps=[10, 30, 100])
    found.world.clock.after(20.0, lambda: found.world.crash(NAME, "1-baseline", "out of memory"))
    assert found.walk("2", "r").outcome == "promoted"
    assert splits(found)[:3] == [
        {"1": 80, "1-baseline": 10, "2": 10},
        {"1": 90, "2": 10},
        {"1": 70, "2": 30},
    ]
    assert "out of memory" in said(found)[-1].reason
    assert compared_with(found) == ["production", "production"]
    assert 0 < found.failed() <= QUICK_RPS * 0.1 * 2 * LOOK_S
    assert found.one_version("r") == "promoted"


def test_one_that_dies_between_two_steps_gets_no_share_of_the_next() -> None:
    found = quick(baseline=True, steps=[10, 30, 100])
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
        evaluating.evaluate(release)
        deploying.deploy(release)
        shifting.shift(release, 1)
        assert watching.watch(release, 1).verdict == "PROMOTE"
        found.world.crash(NAME, "1-baseline", "out of memory")
        shifting.shift(release, 2)
    assert found.weights == {"1": 70, "2": 30}
    assert "out of memory" in said(found)[-1].reason


def test_a_moment_without_an_answer_does_not_cost_it() -> None:
    found = quick(baseline=True)
    found.world.clock.after(
        20.0,
        lambda: found.world.faults.fail("serving.readiness", for_s=20.0, error=Unreachable),
    )
    assert found.walk("2", "r").outcome == "promoted"
    assert [line.arm for line in said(found)] == ["1-baseline"]


def test_one_that_fails_its_users_is_given_up_though_it_is_ready() -> None:
    found = quick(baseline=True, watch="10m")
    found.world.behave("1-baseline", error_rate=0.3)
    found.world.behave("2", error_rate=0.0)
    assert found.walk("2", "r").outcome == "promoted"
    assert "requests failed" in said(found)[-1].reason
    assert splits(found)[1] == {"1": 90, "2": 10}
    assert found.one_version("r") == "promoted"


def test_a_bad_version_does_not_hide_behind_one_that_fails() -> None:
    found = quick(baseline=True, watch="10m")
    found.world.behave("1-baseline", error_rate=0.3)
    found.world.behave("2", error_rate=0.3)
    assert found.walk("2", "r").outcome == "rolled_back"
    assert found.one_version("r") == "rolled_back"


def test_an_operator_s_rollback_removes_it() -> None:
    found = quick(baseline=True)
    ended = {}

    def operator() -> None:
        ended["r"] = roll_back(found.world.platform, NAME, "an incident")

    found.world.clock.after(30.0, operator)
    with pytest.raises(SluiceError, match=r"taken over|ended"):
        found.walk("2", "r")
    assert ended["r"].weights == {"1": 100}
    assert found.one_version("r") == "rolled_back"


def test_one_that_cannot_be_stopped_in_between_is_stopped_at_the_end() -> None:
    found = quick(baseline=True, steps=[10, 50, 100])
    found.world.faults.fail("serving.delete", times=1, error=PlatformError, said="busy")
    assert found.walk("2", "r").outcome == "promoted"
    assert "baseline_not_stopped" in found.events("r")
    assert found.one_version("r") == "promoted"


def test_what_an_unwatched_split_left_is_no_champion() -> None:
    """A version and its baseline have their shares together."""
    found = quick()
    found.world.serving.create(found.endpoint, found.world.store_version(MODEL, "1"), "1-baseline")
    found.world.serving.create(found.endpoint, found.world.store_version(MODEL, "2"))
    found.world.platform.traffic.set_weights(NAME, {"1": 20, "1-baseline": 38, "2": 42})
    found.world.registry.set_alias(MODEL, "champion", found.world.register(MODEL))
    with found.opened("r") as release:
        assert opening.fetch(release, NAME, "2").champion == "1"
    with found.opened("r") as release:
        ending.rollback(release)
