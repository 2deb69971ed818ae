"""The formulas of `components.judge.evidence` for many releases at once, in numpy.

Each formula's source stands there, beside the function of the same name.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.judge import constants, evidence
from components.simulation.traffic import Floats

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """`components.judge.evidence.Count` per release."""

    hits: Floats
    trials: Floats


class EProcesses:
    """One `components.judge.evidence.EProcess` per release."""

    def __init__(self, releases: int, grid: constants.Grid, polls: int) -> None:
        self._log_weights = np.array(grid.log_weights)
        self._log_wealth = np.full((releases, len(grid.values)), -np.inf)
        self._polls = np.zeros(releases, dtype=np.int64)
        self._log_start = np.array([evidence.log_start(poll) for poll in range(polls)])
        self._log_unbet = np.array([evidence.log_not_started(poll) for poll in range(polls + 1)])

    def wager(self, informative: Bools, log_bets: Floats) -> None:
        """One more poll, for the releases where it is informative."""
        start = self._log_start[self._polls[informative]][:, None] + self._log_weights
        wealth = self._log_wealth[informative]
        self._log_wealth[informative] = np.logaddexp(wealth, start) + log_bets[informative]
        self._polls[informative] += 1

    def log_e(self) -> Floats:
        """Log E of each release."""
        wealth = np.logaddexp.reduce(self._log_wealth, axis=1)
        return np.asarray(np.logaddexp(wealth, self._log_unbet[self._polls]))


def limit_bets(count: Counts, limit: float) -> Floats:
    """(releases, bets) of `limit_bet`; 0 without requests."""
    stake = np.array(constants.LIMIT_FRACTIONS.values) / limit
    excess = count.hits / np.maximum(count.trials, 1) - limit
    return np.where(count.trials[:, None] > 0, np.log1p(stake * excess[:, None]), 0.0)


def binomial_bets(count: Counts, rate: Floats, null_rate: Floats) -> Floats:
    """(releases, bets) of `binomial_bet`."""
    hits, misses = count.hits[:, None], (count.trials - count.hits)[:, None]
    return np.asarray(
        hits * np.log(rate / null_rate) + misses * np.log((1 - rate) / (1 - null_rate))
    )


def odds_times(share: Floats | float, factor: Floats) -> Floats:
    """`odds_times` of `components.judge.evidence`, for arrays."""
    return np.asarray(share * factor / (share * factor + 1 - share))


def two_sample_bets(
    candidate: Counts, champion: Counts, champion_rate: Floats, ratios: constants.Grid
) -> Floats:
    """(releases, bets) of `two_sample_bet`; 0 without trials."""
    base = champion_rate[:, None]
    raised = odds_times(base, np.array(ratios.values))
    n_c, n_b = candidate.trials[:, None], champion.trials[:, None]
    total = n_c + n_b
    pooled = np.where(total > 0, (n_c * raised + n_b * base) / np.maximum(total, 1), base)
    return binomial_bets(candidate, raised, pooled) + binomial_bets(champion, base, pooled)


def intra_poll_correlations(count: Counts, rate: Floats, past_trials: Floats) -> Floats:
    """`intra_poll_correlation` per release; meaningless with fewer than 2 trials."""
    trials = np.maximum(count.trials, 2)
    variance = trials * rate * (1 - rate) * (1 + trials / np.maximum(past_trials, 1))
    found = ((count.hits - trials * rate) ** 2 / variance - 1) / (trials - 1)
    return np.asarray(np.minimum(found, 1.0))


def effective(count: Counts, correlation: Floats) -> Counts:
    """`effective` of `components.judge.evidence`, per release."""
    design_effect = 1 + np.maximum(count.trials - 1, 0.0) * correlation
    return Counts(count.hits / design_effect, count.trials / design_effect)
