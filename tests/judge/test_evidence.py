"""Each e-value's expectation under its null is at most 1, by exact enumeration."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.judge import evidence
from components.judge.budget import split
from components.judge.constants import (
    ERROR_RATIOS,
    FIRST_WEIGHT,
    LIMIT_FRACTIONS,
    P95_RATIOS,
    P95_SAFE_RATIOS,
    SAFE_FRACTIONS,
    SPLIT_FACTORS,
    SPLIT_TOLERANCE,
    Grid,
)
from components.judge.evidence import Count

GRIDS = (LIMIT_FRACTIONS, ERROR_RATIOS, P95_RATIOS, P95_SAFE_RATIOS, SAFE_FRACTIONS, SPLIT_FACTORS)
ROUNDING = 1e-9

rates = st.floats(0.0001, 0.95)
trials = st.integers(1, 7)


def binomial(hits: int, count: int, rate: float) -> float:
    return math.comb(count, hits) * rate**hits * (1 - rate) ** (count - hits)


@given(st.floats(0.001, 0.4), st.lists(st.integers(0, 100), min_size=2, max_size=8))
def test_the_limit_bet_is_fair_for_any_dependence_inside_a_poll(
    limit: float, chances: list[int]
) -> None:
    # Any distribution of the number of errors whose mean share is at the limit or below.
    n = len(chances) - 1
    total = sum(chances) or 1
    mean = sum(k / n * chance for k, chance in enumerate(chances)) / total
    shrink = min(1.0, limit / mean) if mean else 1.0
    mass = [chance / total * shrink for chance in chances]
    mass[0] += 1 - sum(mass)
    for fraction in LIMIT_FRACTIONS.values:
        expected = sum(
            chance * math.exp(evidence.limit_bet(Count(k, n), limit, fraction))
            for k, chance in enumerate(mass)
        )
        assert expected <= 1 + ROUNDING


@given(trials, trials, rates, st.floats(0, 1), rates)
@settings(max_examples=60)
def test_the_two_sample_bet_is_fair_while_the_candidate_is_no_worse(
    n: int, m: int, truth: float, less: float, guess: float
) -> None:
    candidate_truth = truth * less
    for ratio in (*ERROR_RATIOS.values, *P95_RATIOS.values):
        expected = sum(
            binomial(x, n, candidate_truth)
            * binomial(y, m, truth)
            * math.exp(evidence.two_sample_bet(Count(x, n), Count(y, m), guess, ratio))
            for x, y in product(range(n + 1), range(m + 1))
        )
        assert expected <= 1 + ROUNDING


correlations = st.tuples(st.floats(0, 1), st.floats(0, 1))


@given(trials, trials, rates, st.floats(0, 1), rates)
@settings(max_examples=60)
def test_a_bet_on_a_better_candidate_is_fair_while_it_is_no_better(
    n: int, m: int, truth: float, less: float, guess: float
) -> None:
    for ratio in P95_SAFE_RATIOS.values:
        expected = sum(
            binomial(x, n, truth)
            * binomial(y, m, truth * less)
            * math.exp(evidence.two_sample_bet(Count(x, n), Count(y, m), guess, ratio))
            for x, y in product(range(n + 1), range(m + 1))
        )
        assert expected <= 1 + ROUNDING


@given(st.tuples(trials, trials), rates, st.floats(0, 1), rates, correlations)
@settings(max_examples=60)
def test_the_two_sample_bet_is_fair_on_effective_counts(
    sizes: tuple[int, int], truth: float, less: float, guess: float, together: tuple[float, float]
) -> None:
    (n, m), (ours, theirs) = sizes, together
    for ratio in P95_RATIOS.values:
        expected = sum(
            binomial(x, n, truth * less)
            * binomial(y, m, truth)
            * math.exp(
                evidence.two_sample_bet(
                    evidence.effective(Count(x, n), ours),
                    evidence.effective(Count(y, m), theirs),
                    guess,
                    ratio,
                )
            )
            for x, y in product(range(n + 1), range(m + 1))
        )
        assert expected <= 1 + ROUNDING


def test_effective_counts_keep_the_rate() -> None:
    assert evidence.effective(Count(3, 50), 0.0) == Count(3, 50)
    assert evidence.effective(Count(3, 50), 1.0) == Count(3 / 50, 1.0)


def test_the_intra_poll_correlation_is_one_for_all_or_nothing_and_none_for_the_expected() -> None:
    assert evidence.intra_poll_correlation(Count(50, 50), 0.02, 1e12) == pytest.approx(1, abs=0.1)
    assert evidence.intra_poll_correlation(Count(1, 50), 0.02, 1e12) <= 0


@given(trials, st.floats(0.001, 0.4), st.floats(1, 2.4))
def test_the_safety_bet_is_fair_at_the_limit_and_beyond(n: int, limit: float, times: float) -> None:
    truth = min(limit * times, 1.0)
    expected = sum(
        binomial(x, n, truth) * math.exp(evidence.log_safety(Count(x, n), limit, SAFE_FRACTIONS))
        for x in range(n + 1)
    )
    assert expected <= 1 + ROUNDING


@given(trials, st.floats(0.01, 0.9), st.floats(1 / SPLIT_TOLERANCE, SPLIT_TOLERANCE))
def test_the_split_bets_are_fair_within_the_tolerance(n: int, share: float, factor: float) -> None:
    truth = evidence.odds_times(share, factor)
    for bet in SPLIT_FACTORS.values:
        null = evidence.odds_times(share, SPLIT_TOLERANCE if bet > 1 else 1 / SPLIT_TOLERANCE)
        rate = evidence.odds_times(share, bet)
        expected = sum(
            binomial(x, n, truth) * math.exp(evidence.binomial_bet(Count(x, n), rate, null))
            for x in range(n + 1)
        )
        assert expected <= 1 + ROUNDING


@given(st.floats(0.01, 0.3), st.integers(1, 3))
@settings(max_examples=20)
def test_the_mixture_stays_fair_over_polls_and_never_loses_everything(limit: float, n: int) -> None:
    expected = 0.0
    for path in product(range(n + 1), repeat=3):
        process, chance = evidence.fresh(LIMIT_FRACTIONS), 1.0
        for errors in path:
            bets = [
                evidence.limit_bet(Count(errors, n), limit, fraction)
                for fraction in LIMIT_FRACTIONS.values
            ]
            process = evidence.wager(process, LIMIT_FRACTIONS, bets)
            chance *= binomial(errors, n, limit)
        assert evidence.log_e(process) > math.log(1 - FIRST_WEIGHT) + 3 * math.log(0.98)
        expected += chance * math.exp(evidence.log_e(process))
    assert expected == pytest.approx(1.0)


@given(trials, trials, rates, st.sampled_from([*ERROR_RATIOS.values, *P95_RATIOS.values]))
def test_more_errors_of_the_candidate_never_lower_the_evidence_against_it(
    n: int, m: int, guess: float, ratio: float
) -> None:
    for y in range(m + 1):
        bets = [
            evidence.two_sample_bet(Count(x, n), Count(y, m), guess, ratio) for x in range(n + 1)
        ]
        assert bets == sorted(bets)
    limits = [evidence.limit_bet(Count(x, n), 0.01, 0.9) for x in range(n + 1)]
    assert limits == sorted(limits)
    safety = [evidence.log_safety(Count(x, n), 0.01, SAFE_FRACTIONS) for x in range(n + 1)]
    assert safety == sorted(safety, reverse=True)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_weights_of_a_mixture_sum_to_one(grid: Grid) -> None:
    assert sum(math.exp(weight) for weight in grid.log_weights) == pytest.approx(1.0)


def test_the_weights_of_all_starts_sum_to_one() -> None:
    started = sum(math.exp(evidence.log_start(poll)) for poll in range(500))
    assert started + math.exp(evidence.log_not_started(500)) == pytest.approx(1.0)


def test_the_tests_share_one_budget() -> None:
    shares = split(0.01)
    assert shares.errors + shares.p95 + shares.refused + shares.split == pytest.approx(0.01)


@pytest.mark.parametrize("hits", [0.0, 1.0, 7.0, 25.0, 50.0, 99.0, 100.0])
@pytest.mark.parametrize("polls", [1, 2, 7, 100, 500])
def test_a_count_of_many_polls_at_once_is_no_more_evidence_than_any_way_it_may_have_lain(
    hits: float, polls: int
) -> None:
    rng, parts = np.random.default_rng(5), min(polls, 100)
    at_once = evidence.limit_bets(Count(hits, 100.0), 0.01, (0.9,), polls)[0]
    size = 100.0 / parts
    for _ in range(50):
        # Hits dealt to the polls at random, none of which has more hits than requests.
        dealt = rng.dirichlet(np.full(parts, 0.3)) * hits
        if (dealt > size).any():
            dealt = np.full(parts, hits / parts)
        lain = sum(evidence.limit_bet(Count(one, size), 0.01, 0.9) for one in dealt)
        assert at_once <= lain + 1e-9


def test_evidence_neither_overflows_nor_dies_after_a_million_polls() -> None:
    process = evidence.EProcess(evidence.fresh(LIMIT_FRACTIONS).log_wealth, 1_000_000)
    for _ in range(50):
        process = evidence.wager(process, LIMIT_FRACTIONS, [1e5] * len(LIMIT_FRACTIONS.values))
    assert evidence.log_e(process) > 1e6
    for _ in range(100):
        process = evidence.wager(process, LIMIT_FRACTIONS, [-1e5] * len(LIMIT_FRACTIONS.values))
    assert math.isfinite(evidence.log_e(process))
