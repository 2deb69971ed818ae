import numpy as np
import pytest
from scipy.stats import binomtest

from components.errors import InputError
from components.judge import Policy
from components.simulation.outcome import HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.run import (
    RULES,
    Simulation,
    holds,
    percent,
    simulate,
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
    shown = [percent(share) for share in (0, 0.0001, 0.003, 0.25, 0.994, 0.9999, 1)]
    assert shown == ["0%", "<0.1%", "0.3%", "25%", "99.4%", ">99.9%", "100%"]


def test_a_simulation_can_be_made_again() -> None:
    def once(seed: int) -> list[float]:
        run = simulate(scenario(errors=0.02, rps=0.5), Policy(), peer_settings(), 50, seed)
        return [at for outcomes in run.outcomes.values() for at in outcomes.at_s]

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_long_watches_are_drawn_in_parts_that_add_up() -> None:
    of = scenario(minutes=600, poll=15, rps=0.1)
    run = simulate(of, Policy(), peer_settings(), 60, 0)
    assert {len(outcomes.decision) for outcomes in run.outcomes.values()} == {60}


@pytest.mark.parametrize("name", ["reference", "done-when", "limits"])
def test_a_shipped_table_is_valid(name: str) -> None:
    entries = table(name).entries
    assert len({entry.name for entry in entries}) == len(entries)


def test_an_unknown_table_is_refused_with_the_names_that_are_there() -> None:
    with pytest.raises(InputError, match="reference, done-when"):
        table("nothing")
