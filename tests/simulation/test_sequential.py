"""The vectorised rule against the judge itself, and what the rule promises."""

import numpy as np
import pytest

from components.judge import Policy, begin, judge, observe
from components.simulation import sequential
from components.simulation.outcome import ERROR, HELD, PROMOTED, ROLLED_BACK
from components.simulation.polls import CANDIDATE, CHAMPION, polls
from components.simulation.readings import faulty
from components.simulation.scenario import Scenario, scenario
from components.simulation.traffic import generate

DECISIONS = {"HOLD": HELD, "PROMOTE": PROMOTED, "ROLLBACK": ROLLED_BACK, "ERROR": ERROR}


def policy(of: Scenario) -> Policy:
    return Policy(
        steps=(of.share, 100),
        watch_s=60 * of.minutes,
        poll_s=of.poll,
        undecided="hold",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"errors": 0.05},
        {"errors": 0.03, "rps": 0.5, "onset": 240},
        {"errors": 0.3, "rps": 0.05},
        {"errors": 0.02, "rps": 0.5, "burst": 0.3, "latency_ratio": 1.6},
        {"latency_ratio": 1.4, "minutes": 20},
        {"latency_ratio": 2, "earlier_ratio": 4},
        {"latency_ratio": 2, "earlier_ratio": 4, "rps": 0.5, "minutes": 30},
        {"latency_ratio": 1.2, "wobble": 0.2, "rps": 50},
        {"errors": 0.5, "shared": True, "onset": 120, "until": 300},
        {"errors": 0.5, "shared": True, "onset": 30, "until": 100, "minutes": 90},
        {"errors": 0.004, "share": 50, "rps": 2, "diurnal": 0.8},
        {"errors": 0.001, "minutes": 15, "poll": 60},
        {"rps": 0.3, "minutes": 30},
        {"load": -0.4},
        {"load": 1.0, "latency_ratio": 1.6},
        {"cold": 1.5, "rps": 2},
        {"load": -0.4, "cold": 0.5, "baseline": True},
        {"load": 1.0, "latency_ratio": 1.6, "baseline": True, "share": 25},
        {"errors": 0.04, "baseline": True, "rps": 0.5, "onset": 120, "minutes": 20},
        {"given_up": 0.1},
        {"given_up": 0.004, "rps": 2},
        {"refused": 1.0},
        {"refused": 0.05, "baseline_refused": 0.02},
        {"refused": 0.3, "baseline_refused": 0.3, "errors": 0.03, "onset": 120},
    ],
    ids=str,
)
def test_the_vectorised_rule_decides_as_the_judge_and_when_it_does(
    fields: dict[str, object],
) -> None:
    of = scenario(**{"minutes": 10, **fields})
    releases = 8
    traffic = generate(of, np.random.default_rng(11), releases)
    outcomes = sequential.decide(traffic, policy(of))
    for release in range(releases):
        verdict = judge(policy(of), CHAMPION, CANDIDATE, polls(traffic, release))
        found = (outcomes.decision[release], outcomes.at_s[release])
        assert found == (DECISIONS[verdict.decision], verdict.at), verdict.text


def rolled_back(of: Scenario, releases: int, seed: int) -> int:
    traffic = generate(of, np.random.default_rng(seed), releases)
    outcomes = sequential.decide(traffic, policy(of))
    return int(np.isin(outcomes.decision, (ROLLED_BACK, ERROR)).sum())


@pytest.mark.parametrize(
    "fields",
    [
        {"errors": 0.01, "rps": 0.5},
        {"errors": 0.01, "rps": 50},
        {"errors": 0.01, "burst": 0.3},
        {"errors": 0.01, "burst": 0.3, "rps": 0.5},
        {"errors": 0.009, "baseline_errors": 0.009},
        {"errors": 0.2, "baseline_errors": 0.2},
        {"latency_ratio": 1.3, "rps": 0.5},
        {"latency_ratio": 1.3, "errors": 0.01},
    ],
    ids=str,
)
def test_a_version_within_its_limits_keeps_to_the_false_rollback_budget(
    fields: dict[str, float],
) -> None:
    assert rolled_back(scenario(**fields), 300, seed=21) <= 0.01 * 300


@pytest.mark.parametrize(
    ("fields", "least"),
    [
        ({"errors": 0.5, "rps": 0.5, "minutes": 0.5}, 0.5),
        ({"errors": 0.05, "minutes": 3}, 0.5),
        ({"errors": 0.05, "rps": 0.5, "minutes": 9}, 0.5),
        ({"errors": 0.03, "rps": 0.5}, 0.75),
        ({"errors": 0.05, "burst": 0.3, "minutes": 12}, 0.5),
        ({"latency_ratio": 1.5, "minutes": 3}, 0.5),
        ({"latency_ratio": 1.5}, 1.0),
        ({"latency_ratio": 2, "rps": 0.5, "minutes": 2}, 0.5),
    ],
    ids=str,
)
def test_a_fault_is_seen_in_time(fields: dict[str, float], least: float) -> None:
    assert rolled_back(scenario(**fields), 300, seed=22) >= least * 300


def test_a_safe_version_with_good_traffic_is_promoted_at_the_watchs_end() -> None:
    of = scenario(errors=0.001, baseline_errors=0.001)
    outcomes = sequential.decide(generate(of, np.random.default_rng(23), 300), policy(of))
    assert (outcomes.decision == PROMOTED).mean() >= 0.99
    assert set(outcomes.at_s) == {1800.0}


def test_an_outage_of_both_versions_rolls_nothing_back_and_promotes_nothing() -> None:
    of = scenario(errors=0.5, shared=True, onset=600, until=900)
    outcomes = sequential.decide(generate(of, np.random.default_rng(24), 300), policy(of))
    assert (outcomes.decision == ROLLED_BACK).mean() <= 0.01
    assert not (outcomes.decision == PROMOTED).any()


@pytest.mark.parametrize("fields", [{"errors": 0.02}, {"wobble": 0.1}], ids=str)
def test_the_vectorised_evidence_is_the_judges(fields: dict[str, float]) -> None:
    of = scenario(minutes=5, rps=20, **fields)
    traffic = generate(of, np.random.default_rng(31), 4)
    together = sequential.Releases(traffic, policy(of))
    for number in range(4):
        together.settle(number)
    for release in range(4):
        state = begin(policy(of), CHAMPION, CANDIDATE)
        for poll in polls(traffic, release)[:5]:
            state, verdict = observe(policy(of), state, poll)
        evidence = verdict.evidence
        assert evidence is not None
        for test in ("limit", "relative", "latency", "p95_safe", "split"):
            found = getattr(together, test).log_e()[release]
            assert found == pytest.approx(getattr(evidence, test).log_e, rel=1e-9, abs=1e-9), test


READINGS = ("churn", "late", "slow", "restarts", "gaps", "doubled")


@pytest.mark.parametrize("fault", READINGS)
def test_faulty_readings_promote_what_is_good_and_roll_back_what_is_bad(fault: str) -> None:
    good = scenario(errors=0.001, baseline_errors=0.001, readings=fault, minutes=31)
    outcomes = sequential.decide(generate(good, np.random.default_rng(25), 5), policy(good))
    assert set(outcomes.decision) == {PROMOTED}
    bad = scenario(errors=0.1, readings=fault)
    outcomes = sequential.decide(generate(bad, np.random.default_rng(26), 5), policy(bad))
    assert set(outcomes.decision) == {ROLLED_BACK}
    assert max(outcomes.at_s) <= 180


@pytest.mark.parametrize("fault", READINGS)
def test_faulty_readings_count_no_more_than_there_was(fault: str) -> None:
    of = scenario(minutes=10, readings=fault, refused=0.02, given_up=0.01)
    traffic = generate(of, np.random.default_rng(27), 3)
    for release in range(3):
        state = begin(policy(of), CHAMPION, CANDIDATE)
        for poll in faulty(of.readings, polls(traffic, release)):
            state, verdict = observe(policy(of), state, poll)
            if verdict.final:
                break
        assert verdict.evidence is not None
        for arm, made in (
            (verdict.evidence.candidate, traffic.candidate),
            (verdict.evidence.champion, traffic.champion),
        ):
            assert arm.requests <= made.requests[release].sum()
            assert arm.errors <= made.errors[release].sum()
            assert arm.refused <= made.refused[release].sum()
            assert arm.latencies <= made.requests[release].sum()
