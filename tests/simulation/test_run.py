import numpy as np
import pytest
from scipy.stats import binomtest

from components.errors import InputError
from components.judge import Policy
from components.simulation.outcome import ERROR, HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.run import (
    RULES,
    Simulation,
    extended,
    holds,
    percent,
    simulate,
    simulate_all,
    upper_bound,
)
from components.simulation.scenario import Expectation, peer_settings, scenario, table


def simulation(decisions: list[int], at_s: list[float], **fields: object) -> Simulation:
    outcomes = Outcomes(np.array(decisions, dtype=np.int8), np.array(at_s))
    return Simulation(
        scenario(**fields), Policy(), len(decisions), 0, dict.fromkeys(RULES, outcomes)
    )


def test_a_summary_counts_the_shares_and_the_time_since_the_onset() -> None:
    ended = [ROLLED_BACK, ROLLED_BACK, ROLLED_BACK, PROMOTED, HELD]
    found = simulation(ended, [90, 120, 300, 1800, 1800], onset=60).summary("sluice")
    assert (found.rolled_back, found.promoted, found.held, found.error) == (0.6, 0.2, 0.2, 0)
    assert found.median_detection_s == 240


def test_an_error_spends_the_budget_as_a_rollback_does() -> None:
    found = simulation([ROLLED_BACK, ERROR, PROMOTED, HELD], [90, 120, 1800, 1800])
    assert found.summary("sluice").stopped == 0.5
    assert found.summary("sluice").stopped_at_most == upper_bound(2, 4)
    assert not holds(Expectation(measure="stopped", at_most=0.25), found)
    assert holds(Expectation(measure="rolled_back", at_most=0.25), found)


def test_a_rollback_after_its_time_is_not_in_time() -> None:
    found = simulation([ROLLED_BACK, ROLLED_BACK, PROMOTED], [180, 181, 90], onset=60)
    in_time = Expectation(measure="rolled_back", within_s=120, at_least=0.5)
    assert found.rolled_back_within("sluice", 120) == pytest.approx(1 / 3)
    assert not holds(in_time, found)
    assert holds(in_time.model_copy(update={"within_s": 121}), found)


def test_a_time_limit_is_for_rollbacks_only() -> None:
    with pytest.raises(ValueError, match="within_s"):
        Expectation(measure="promoted", within_s=120, at_least=0.5)


def test_every_promise_about_false_endings_counts_errors_too() -> None:
    bounds = [e for entry in table("acceptance").entries for e in entry.expect if e.at_most == 0.01]
    assert bounds
    assert {expectation.measure for expectation in bounds} == {"stopped"}


def test_what_is_held_is_watched_to_the_end_of_the_extension() -> None:
    watched = simulate(scenario(rps=0.5), Policy(), peer_settings(), 200, 0)
    on = extended(watched)
    assert on is not None
    assert on.scenario.minutes == 60
    assert list(on.outcomes) == ["sluice"]
    assert on.summary("sluice").held < watched.summary("sluice").held
    for policy in (Policy(undecided="hold"), Policy(max_extension=0)):
        ended = simulate(scenario(minutes=5), policy, peer_settings(), 2, 0)
        assert extended(ended) is None


def test_of_two_middle_times_the_later_counts() -> None:
    found = simulation([ROLLED_BACK, ROLLED_BACK, PROMOTED, PROMOTED], [90, 120, 1800, 1800])
    assert found.summary("sluice").median_detection_s is None
    found = simulation([ROLLED_BACK, ROLLED_BACK], [90, 120])
    assert found.summary("sluice").median_detection_s == 120


def test_half_of_all_releases_must_be_rolled_back_for_a_median() -> None:
    ended = [ROLLED_BACK, PROMOTED, PROMOTED]
    assert simulation(ended, [90, 1800, 1800]).summary("argo").median_detection_s is None


def test_a_promise_about_time_is_not_kept_when_half_are_never_rolled_back() -> None:
    never = simulation([PROMOTED], [1800])
    assert not holds(Expectation(measure="median_detection_s", at_most=9e9), never)
    assert holds(Expectation(measure="promoted", at_least=0.99), never)
    assert not holds(Expectation(measure="promoted", at_most=0.99), never)


@pytest.mark.parametrize(("hits", "trials"), [(0, 100), (3, 1000), (99, 100), (100, 100)])
def test_the_upper_bound_is_clopper_and_pearsons(hits: int, trials: int) -> None:
    exact = binomtest(hits, trials, alternative="less").proportion_ci(0.99, "exact").high
    assert upper_bound(hits, trials) == pytest.approx(exact)


def test_a_share_that_is_not_nothing_or_all_never_reads_so() -> None:
    shown = [percent(share) for share in (0, 0.0001, 0.003, 0.25, 0.994, 0.9995, 0.9999, 1)]
    assert shown == ["0%", "<0.1%", "0.3%", "25%", "99.4%", ">99.9%", ">99.9%", "100%"]


def test_a_simulation_can_be_made_again() -> None:
    def once(seed: int) -> list[float]:
        run = simulate(scenario(errors=0.02, rps=0.5), Policy(), peer_settings(), 50, seed)
        return [at for outcomes in run.outcomes.values() for at in outcomes.at_s]

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_scenarios_in_processes_of_their_own_come_out_as_in_one() -> None:
    of = [scenario(errors=errors, minutes=5) for errors in (0.02, 0.5)]
    alone, side_by_side = (
        simulate_all(of, Policy(), peer_settings(), 20, 7, rules=("argo", "flagger"), jobs=jobs)
        for jobs in (1, 2)
    )
    for one, other in zip(alone, side_by_side, strict=True):
        assert one.scenario == other.scenario
        for rule, outcomes in one.outcomes.items():
            assert outcomes.decision.tolist() == other.outcomes[rule].decision.tolist()
            assert outcomes.at_s.tolist() == other.outcomes[rule].at_s.tolist()


@pytest.mark.slow
def test_long_watches_are_drawn_in_parts_that_add_up() -> None:
    of = scenario(minutes=600, poll=15, rps=0.1)
    run = simulate(of, Policy(), peer_settings(), 60, 0, rules=("flagger", "argo"))
    assert {len(outcomes.decision) for outcomes in run.outcomes.values()} == {60}


@pytest.mark.parametrize("name", ["reference", "acceptance", "limits"])
def test_a_shipped_table_is_valid(name: str) -> None:
    entries = table(name).entries
    assert len({entry.name for entry in entries}) == len(entries)


def test_an_unknown_table_is_refused_with_the_names_that_are_there() -> None:
    with pytest.raises(InputError, match="reference, acceptance"):
        table("nothing")
