"""Whole releases on the memory platform: every road that a release may take."""

import pytest

from components.errors import InputError, LeaseHeld
from components.judge import Poll, Sample
from components.record import EvaluationSkipped, ForecastMade, WeightsSet, of
from components.registry import names
from components.release import deploying, opening
from components.release.results import Ended
from components.release.state import fold
from tests.support.worlds import MODEL, NAME, QUICK, Scene, begin, quick, scene, scores


def splits(found: Scene, release_id: str) -> list[dict[str, int]]:
    """The splits that the release put in force, in their order."""
    return [each.weights for each in of(found.record(release_id), WeightsSet)]


def test_a_first_release_brings_the_first_route() -> None:
    found = begin()
    assert found.walk("1", "r") == Ended(
        outcome="promoted",
        reason="the first version of this endpoint meets the promotion criteria",
    )
    assert found.one_version("r") == "promoted"
    assert splits(found, "r") == [{"1": 100}]
    assert found.state("r").kind == "first"
    assert of(found.record("r"), Poll) == []


def test_a_good_version_takes_each_step_and_is_promoted() -> None:
    found = scene()
    assert found.walk("2", "r") == Ended(
        outcome="promoted",
        reason="every watched step found it safe; 100% of the evidence came from one client, users",
    )
    assert found.one_version("r") == "promoted"
    assert splits(found, "r") == [{"1": 90, "2": 10}, {"1": 50, "2": 50}, {"2": 100}]
    assert found.state("r").passed == (10, 50)
    tags = found.world.registry.version(MODEL, "2").tags
    assert tags[names.PREVIOUS_CHAMPION_TAG] == "1"
    (made,) = of(found.record("r"), ForecastMade)
    assert "decide a p95 ratio of 1.3" in made.preflight
    polls = of(found.record("r"), Poll)
    assert polls[-1].t == pytest.approx(1200, abs=1)


def test_a_version_that_fails_is_rolled_back_before_its_watch_is_over() -> None:
    found = quick()
    found.world.behave("2", error_rate=0.5)
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert "of the candidate's requests failed, over the limit of 1.00%" in ended.reason
    assert found.one_version("r") == "rolled_back"
    assert splits(found, "r") == [{"1": 90, "2": 10}, {"1": 100}]
    assert of(found.record("r"), Poll)[-1].t < 60


def test_a_version_that_is_slow_is_rolled_back() -> None:
    found = quick()
    found.world.behave("2", error_rate=0.0, latency_ms=40)
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert "the p95 is more than 1.3 times production's" in ended.reason
    assert found.one_version("r") == "rolled_back"


def test_a_version_that_fails_no_more_than_production_is_held() -> None:
    found = quick(judge={"max_extension": 1})
    found.world.behave("1", error_rate=0.05)
    found.world.behave("2", error_rate=0.05)
    ended = found.walk("2", "r")
    assert ended.outcome == "held"
    assert "but not to be worse than production's" in ended.reason
    assert found.one_version("r") == "held"


def test_too_few_requests_hold_the_version_if_the_policy_says_so() -> None:
    found = scene(1.0, **QUICK, judge={"undecided": "hold", "max_extension": 1})
    ended = found.walk("2", "r")
    assert ended.outcome == "held"
    assert "have decided nothing" in ended.reason
    assert found.one_version("r") == "held"


@pytest.mark.parametrize(("undecided", "outcome"), [("hold", "held"), ("extend", "rolled_back")])
def test_users_who_stay_away_promote_nothing(undecided: str, outcome: str) -> None:
    found = scene(0.0, **QUICK, judge={"undecided": undecided, "max_extension": 1})
    ended = found.walk("2", "r")
    assert ended.outcome == outcome
    assert "neither version got a request" in ended.reason
    assert found.one_version("r") == outcome
    assert found.failed() == 0


def test_a_candidate_that_gets_none_of_its_requests_is_not_promoted() -> None:
    found = quick(judge={"max_extension": 1})
    found.count_otherwise(lambda version, seen: Sample(0, 0, {}) if version == "2" else seen)
    ended = found.walk("2", "r")
    assert ended.outcome == "rolled_back"
    assert "the candidate got none of the" in ended.reason
    assert found.one_version("r") == "rolled_back"


def test_a_version_that_the_evaluation_refuses_meets_no_user() -> None:
    found = scene()
    found.passed = False
    assert found.walk("2", "r") == Ended(
        outcome="rolled_back", reason="accuracy 0.1000 is below the baseline 0.5000"
    )
    assert found.one_version("r") == "rolled_back"
    assert splits(found, "r") == []
    assert "serving.create" not in found.world.faults.calls[-60:]


def test_a_first_version_that_the_evaluation_refuses_leaves_no_route() -> None:
    found = begin()
    found.passed = False
    assert found.walk("1", "r").outcome == "rolled_back"
    assert found.one_version("r") == "rolled_back"
    assert found.weights == {}


def test_the_champion_is_released_again_without_a_watch_or_an_evaluation() -> None:
    found = scene()
    assert found.walk("1", "r") == Ended(
        outcome="promoted", reason="this version was the champion already"
    )
    assert found.one_version("r") == "promoted"
    assert found.state("r").kind == "unchanged"
    assert of(found.record("r"), EvaluationSkipped) != []
    assert of(found.record("r"), Poll) == []


def test_a_version_that_lost_may_be_released_again() -> None:
    found = quick()
    found.world.behave("2", error_rate=0.05)
    assert found.walk("2", "r1").outcome == "rolled_back"
    found.world.behave("2", error_rate=0.0)
    assert found.walk("2", "r2").outcome == "promoted"
    assert found.state("r2").kind == "re-release"
    assert found.one_version("r2") == "promoted"


def test_an_operator_returns_to_an_earlier_version_by_releasing_it() -> None:
    found = quick()
    assert found.walk("2", "r1").outcome == "promoted"
    assert found.walk("1", "r2").outcome == "promoted"
    assert found.one_version("r2") == "promoted"
    assert found.weights == {"1": 100}


def test_a_release_whose_only_step_is_everything_is_judged_by_one_poll() -> None:
    found = quick(steps=[100])
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"
    assert len(of(found.record("r"), Poll)) == 1


def test_two_proxies_count_as_two_sources() -> None:
    found = quick(("gateway-0", "gateway-1"))
    assert found.walk("2", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"
    assert set(of(found.record("r"), Poll)[-1].sources["2"]) == {
        "gateway-0/rest",
        "gateway-1/rest",
    }


def test_the_alias_candidate_names_the_version_if_nobody_else_does() -> None:
    found = quick()
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    assert found.walk("", "r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_a_second_release_of_an_endpoint_is_refused_and_leaves_nothing() -> None:
    found = quick()
    with found.opened("r1") as release:
        opening.fetch(release, NAME, "2")
    found.engine = "engine 2"
    with pytest.raises(
        LeaseHeld, match=r"held by release r1 \(engine 1\).*resume it with .* --resume r1'"
    ):
        found.walk("2", "r2")
    assert found.record("r2") == []
    found.walk("2", "r1", engine="engine 1")
    assert found.one_version("r1") == "promoted"


def test_a_second_release_in_the_middle_of_a_watch_is_refused_and_disturbs_nothing() -> None:
    found = quick()
    refused = []

    def begin_another() -> None:
        with pytest.raises(LeaseHeld) as error, found.opened("r2") as release:
            opening.fetch(release, NAME, "2")
        refused.append(str(error.value))

    found.world.clock.after(40, begin_another)
    assert found.walk("2", "r1").outcome == "promoted"
    assert "held by release r1" in refused[0]
    assert found.one_version("r1") == "promoted"
    assert found.record("r2") == []


def test_a_release_that_has_ended_is_not_gone_on_with() -> None:
    found = quick()
    found.passed = False
    found.walk("2", "r")
    before = found.record("r")
    said = r"has ended: rolled_back: accuracy .*start a new one"
    with pytest.raises(LeaseHeld, match=said), found.opened("r") as release:
        deploying.deploy(release)
    assert found.lease is None
    assert found.finalize("r").outcome == "rolled_back"
    assert found.record("r") == before


def test_the_pipeline_of_another_endpoint_s_steps_is_told_what_is_wrong() -> None:
    found = quick()
    with pytest.raises(InputError, match="r has 1 watched steps: there is no step 2"):
        found.steps_of("2", "r", stages=2)
    assert found.finalize("r").outcome == "error"
    assert found.one_version("r") == "error"


@pytest.mark.parametrize("good", [True, False])
def test_the_pipeline_of_fewer_steps_promotes_nothing_that_was_not_watched(good: bool) -> None:
    found = quick()
    found.world.behave("2", error_rate=0.0 if good else 0.3)
    found.steps_of("2", "r", stages=0)
    found.finalize("r")
    assert found.one_version("r") == ("promoted" if good else "rolled_back")
    assert found.state("r").passed == ((10,) if good else ())


def test_a_record_is_all_that_a_release_s_state_is() -> None:
    found = quick()
    found.walk("2", "r")
    state = fold(found.record("r"))
    assert (state.candidate, state.champion, state.kind) == ("2", "1", "canary")
    assert state.evaluation == scores(beside=True)
    assert state.weights == {"2": 100}
    assert state.deployed
    assert state.promoting
    assert not state.failure
