"""Deploying: the candidate beside the champion, and what can be seen of the release before it."""

import pytest

from components.errors import InputError, PlatformError
from components.judge import Policy, Sample
from components.record import Deployed as DeployedLine
from components.record import Ended, ForecastMade, Noted, WeightsSet, of
from components.release import deploying, evaluating, opening
from components.release.deploying import Snapshot, forecast_of
from components.release.results import Deployed
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, Scene, begin, quick

COARSE = {"10": 0.9, "100": 1.0, "+Inf": 1.0}


def evaluated(found: Scene, version: str = "2") -> Scene:
    with found.opened("r") as release:
        opening.fetch(release, NAME, version)
    with found.opened("r") as release:
        evaluating.evaluate(release)
    return found


def deploy(found: Scene) -> Deployed:
    with found.opened("r") as release:
        return deploying.deploy(release)


def test_both_versions_are_ready_and_users_notice_nothing() -> None:
    found = evaluated(quick())
    assert deploy(found) == Deployed(versions="1,2")
    assert sorted(found.world.serving.versions(NAME)) == ["1", "2"]
    assert found.weights == {"1": 100}
    assert of(found.record("r"), DeployedLine) == [DeployedLine(versions=("1", "2"))]
    assert found.failed() == 0


def test_a_second_call_starts_nothing() -> None:
    found = evaluated(quick())
    deploy(found)
    lines, calls = found.record("r"), len(found.world.faults.calls)
    assert deploy(found) == Deployed(versions="1,2")
    assert found.record("r") == lines
    assert set(found.world.faults.calls[calls:]) == {"records.read"}


def test_versions_that_nobody_needs_any_more_are_stopped() -> None:
    found = quick()
    found.walk("2", "earlier")
    found.world.register(MODEL)
    found.world.serving.create(found.endpoint, found.world.store_version(MODEL, "1"))
    assert sorted(found.world.serving.versions(NAME)) == ["1", "2"]
    evaluated(found, "3")
    deploy(found)
    assert sorted(found.world.serving.versions(NAME)) == ["2", "3"]


def test_a_champion_that_serves_is_left_alone_whatever_its_file_says_now() -> None:
    found = evaluated(quick())
    before = found.world.serving.predictor(NAME, "1")
    deploy(found)
    assert found.world.serving.predictor(NAME, "1") is before
    assert "2" in found.world.serving.versions(NAME)


def test_a_champion_that_has_crashed_is_started_again() -> None:
    found = evaluated(quick())
    found.world.crash(NAME, "1")
    deploy(found)
    assert found.world.serving.readiness(NAME, "1").state == "ready"


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_champion_that_runs_on_without_its_model_is_started_again(version: str) -> None:
    found = evaluated(quick(), version)
    found.world.lose_model(NAME, "1")
    deploy(found)
    assert found.world.serving.readiness(NAME, "1").state == "ready"


def test_a_champion_that_is_not_routed_yet_gets_its_route_first() -> None:
    found = begin()
    found.world.register(MODEL, alias="champion")
    evaluated(found, "1")
    deploy(found)
    assert found.weights == {"2": 100}
    assert of(found.record("r"), WeightsSet)[-1].weights == {"2": 100}
    assert found.lease is not None
    assert found.lease.restore == {"2": 100}


def test_a_split_that_nobody_watches_any_more_is_no_hindrance() -> None:
    found = quick()
    found.world.register(MODEL)
    traffic, serving = found.world.platform.traffic, found.world.platform.serving
    serving.create(found.endpoint, found.world.store_version(MODEL, "3"))
    traffic.set_weights(NAME, {"1": 90, "3": 10})
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"
    assert found.failed() == 0
    assert "3" not in found.world.serving.versions(NAME)


def test_a_predictor_that_cannot_start_is_told_at_once_with_its_reason() -> None:
    found = evaluated(quick())
    found.world.starts("2", after_s=3, fails="the model wants 9 columns")
    began = found.world.clock.monotonic()
    with pytest.raises(PlatformError, match="demo version 2 cannot start: the model wants 9 col"):
        deploy(found)
    assert found.world.clock.monotonic() - began < 5
    ended = found.finalize("r")
    assert "the model wants 9 columns" in ended.reason
    assert found.one_version("r") == "error"
    assert found.failed() == 0


@pytest.mark.parametrize(
    ("serving", "after_s", "said"),
    [({}, 660, "10 min"), ({"starts": "90s"}, 100, "90 s"), ({"starts": "30m"}, 1900, "30 min")],
)
def test_a_predictor_that_is_late_is_told_with_its_state_and_the_key(
    serving: dict[str, str], after_s: float, said: str
) -> None:
    found = quick()
    found.serve(**serving)
    evaluated(found).world.starts("2", after_s)
    late = f"not ready after {said}: starting: it has just begun: raise serving.starts, or see its"
    with pytest.raises(PlatformError, match=late):
        deploy(found)
    found.finalize("r")
    found.recover()
    assert found.one_version("r") == "error"


@pytest.mark.parametrize(("serving", "after_s"), [({}, 300), ({"starts": "30m"}, 1700)])
def test_a_slow_start_is_waited_for_under_the_lease(
    serving: dict[str, str], after_s: float
) -> None:
    """A node that has to come first, an image of several gigabytes, a model that loads slowly."""
    found = quick()
    found.serve(**serving)
    evaluated(found).world.starts("2", after_s)
    assert deploy(found).versions == "1,2"
    assert found.walk("2", "r").outcome == "promoted"
    assert found.failed() == 0


def test_a_deployment_that_was_interrupted_goes_on() -> None:
    found = evaluated(quick())
    found.world.faults.fail("serving.readiness", skip=2, times=1, error=PlatformError)
    with pytest.raises(PlatformError):
        deploy(found)
    assert not found.state("r").deployed
    assert deploy(found) == Deployed(versions="1,2")


def test_the_forecast_is_that_of_the_traffic_between_two_readings() -> None:
    found = evaluated(quick())
    found.world.starts("2", after_s=10)
    deploy(found)
    (made,) = of(found.record("r"), ForecastMade)
    assert "decide a p95 ratio of 1.3" in made.preflight
    assert all(row.seconds for row in made.safe)


def buckets(total: float) -> dict[str, float]:
    fine = {f"{1.14**k:.6g}": total * (0.5 + k / 200) for k in range(100)}
    return fine | {"+Inf": total}


def test_a_forecast_counts_requests_per_second() -> None:
    policy = Policy()
    before = Snapshot(10.0, 1000.0, 1.0, buckets(1000.0))
    slow = forecast_of(policy, before, Snapshot(110.0, 2000.0, 1.0, buckets(2000.0)))
    fast = forecast_of(policy, before, Snapshot(11.0, 2000.0, 1.0, buckets(2000.0)))
    (one, *_), (thousand, *_) = slow.faults[1:], fast.faults[1:]
    assert present(one.seconds) > present(thousand.seconds) > 0
    nobody = forecast_of(policy, before, before)
    assert all(row.seconds is None for row in nobody.faults)


def test_a_reading_that_fails_is_tried_again() -> None:
    found = evaluated(quick())
    found.world.faults.fail("metrics", times=3)
    deploy(found)
    assert len(of(found.record("r"), ForecastMade)) == 1


@pytest.mark.parametrize("how", ["away", "unread"])
def test_counters_that_stay_away_are_an_event_and_not_silence(how: str) -> None:
    found = evaluated(quick())
    if how == "away":
        found.world.away("metrics")
    else:
        found.count_otherwise(lambda *_: Sample(0, 0, {}))
    deploy(found)
    (noted,) = of(found.record("r"), Noted)
    assert noted.event == "not_foreseen"
    assert "no preflight" in noted.detail
    assert of(found.record("r"), ForecastMade) == []


def test_one_reading_is_enough_for_the_preflight() -> None:
    found = evaluated(quick())
    found.world.away("metrics", for_s=15.4)
    found.world.starts("2", after_s=1)
    deploy(found)
    (noted,) = of(found.record("r"), Noted)
    assert noted.event == "not_foreseen"
    assert "decide a p95 ratio of 1.3" in noted.detail


@pytest.mark.parametrize("readings", [1, 2])
def test_a_histogram_that_cannot_decide_ends_the_release(readings: int) -> None:
    found = evaluated(quick())
    found.count_otherwise(
        lambda _, seen: Sample(
            seen.requests, seen.errors, {e: n * seen.requests for e, n in COARSE.items()}
        )
    )
    if readings == 1:
        found.world.away("metrics", for_s=15.4)
        found.world.starts("2", after_s=1)
    with pytest.raises(InputError):
        deploy(found)
    (ended,) = of(found.record("r"), Ended)
    assert ended.outcome == "error"
    found.finalize("r")
    assert found.one_version("r") == "error"


def test_counters_that_cannot_be_told_apart_are_refused_before_the_first_share() -> None:
    found = quick()
    found.world.unfit("Prometheus drops the label 'instance'")
    with pytest.raises(InputError, match="drops the label 'instance'"):
        found.walk("2", "r")
    assert found.state("r").outcome == "error"
    assert "drops the label" in found.state("r").reason
    assert of(found.record("r"), WeightsSet) == []
    assert found.one_version("r") == "error"
