"""The e-values of the judge, one formula per function, in natural logarithms.

An e-value is a number whose expectation under the null hypothesis is at most 1. Multiplied over
polls, each bet chosen from the past alone, they form an e-process E; Ville's inequality (1939)
bounds P(E ever reaches 1/alpha) by alpha, at any number of looks.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, inf, log, log1p

import msgspec

from components.judge.constants import FIRST_WEIGHT, LATER_HAZARD, Grid

_LOG_FIRST = log(FIRST_WEIGHT)
_LOG_NOT_FIRST = log(1 - FIRST_WEIGHT)
_LOG_NOT_YET = log1p(-LATER_HAZARD)
_LOG_LATER = _LOG_NOT_FIRST + log(LATER_HAZARD)


class Count(msgspec.Struct, frozen=True, gc=False):
    """Hits (errors, or answers slower than an edge) among trials."""

    hits: float
    trials: float


def add(a: Count, b: Count) -> Count:
    """Both counts together."""
    return Count(a.hits + b.hits, a.trials + b.trials)


def limit_bet(count: Count, limit: float, fraction: float) -> float:
    """Log e-value of one poll against "the error rate is at most `limit`".

    The poll is one bet, 1 + lambda (y - limit) with y = hits/trials and
    lambda = fraction/limit < 1/limit. Its expectation is at most 1 whenever E[y | past] <= limit,
    whatever the dependence inside the poll. Waudby-Smith and Ramdas, "Estimating means of bounded
    random variables by betting", JRSS-B 2024, arXiv:2010.09686, eq. (25).
    """
    return log1p(fraction / limit * (count.hits / count.trials - limit))


def limit_bets(count: Count, limit: float, fractions: Sequence[float], polls: int) -> list[float]:
    """Log e-values, by fraction, of a count that was read at once for so many `polls`.

    Each poll would have been a `limit_bet`. How the hits lay is not known: the product is smallest
    where they fill whole polls (each factor is linear in its hits, so its log is concave), with
    the polls taken as equal parts of the count.
    """
    if polls == 1:
        return [limit_bet(count, limit, fraction) for fraction in fractions]
    return [_limit_bet_of(count, limit, fraction, polls) for fraction in fractions]


def _limit_bet_of(count: Count, limit: float, fraction: float, polls: int) -> float:
    """One of the `limit_bets`."""
    parts = min(polls, int(count.trials))
    if parts <= 1:
        return limit_bet(count, limit, fraction)
    size = count.trials / parts
    full = int(count.hits / size)
    if full == parts:
        return parts * limit_bet(Count(1, 1), limit, fraction)
    rest = limit_bet(Count(count.hits - full * size, size), limit, fraction)
    whole = limit_bet(Count(1, 1), limit, fraction)
    none = limit_bet(Count(0, 1), limit, fraction)
    return full * whole + rest + (parts - full - 1) * none


def binomial_bet(count: Count, rate: float, null_rate: float) -> float:
    """Log likelihood ratio of the hits among the trials for `rate` against `null_rate`.

    An e-value against "the rate is at most (at least) `null_rate`" when `rate` is above (below)
    it and the trials are independent. Wald, "Sequential analysis", 1947.
    """
    missed = (count.trials - count.hits) * log((1 - rate) / (1 - null_rate))
    if count.hits == 0:
        return missed
    return missed + count.hits * log(rate / null_rate) if rate > 0 else -inf


def two_sample_bets(
    candidate: Count, champion: Count, champion_rate: float, ratios: Sequence[float]
) -> list[float]:
    """Log e-values of one poll against "the candidate's rate is at most the champion's".

    The alternative of each is `champion_rate` (from the past) and one of the `ratios` times its
    odds. With a ratio below 1 it is an e-value against "the candidate's rate is at least the
    champion's" instead; the null is the pooled rate in between. That makes the expectation at most
    1 for every pair of true rates with candidate <= champion: at a common rate p it is
    (1 + k d_c)^n_c (1 + k d_b)^n_b <= exp(k (n_c d_c + n_b d_b)) = 1, with d the distances from
    the pooled rate and k = (p - pooled) / (pooled (1 - pooled)). Turner, Ly and Gruenwald,
    "Generic E-variables for exact sequential k-sample tests", arXiv:2106.02693, eq. (3).
    """
    x_c, n_c, x_b, n_b = candidate.hits, candidate.trials, champion.hits, champion.trials
    rate_b, trials, missed_c, missed_b = champion_rate, n_c + n_b, n_c - x_c, n_b - x_b
    expected_b, no_rate_b = n_b * rate_b, 1 - rate_b
    bets = []
    for ratio in ratios:
        raised = rate_b * ratio
        rate_c = raised / (raised + 1 - rate_b)
        pooled = (n_c * rate_c + expected_b) / trials
        no_pooled = 1 - pooled
        bet = missed_c * log((1 - rate_c) / no_pooled)
        if x_c:
            bet = x_c * log(rate_c / pooled) + bet
        if x_b:
            bet += x_b * log(rate_b / pooled)
        bets.append(bet + missed_b * log(no_rate_b / no_pooled))
    return bets


def two_sample_bet(candidate: Count, champion: Count, champion_rate: float, ratio: float) -> float:
    """One of the `two_sample_bets`."""
    return two_sample_bets(candidate, champion, champion_rate, (ratio,))[0]


def intra_poll_correlation(count: Count, rate: float, past_trials: float) -> float:
    """One poll's estimate of the correlation between any two of its trials; at most 1.

    The squared standard score of the hits has expectation 1 + (n - 1) rho; 1 + n/N is for the
    `rate` that is itself estimated, from N = `past_trials`. The moment estimator of the
    intraclass correlation: Kish, "Survey Sampling", 1965, section 5.4. Needs 2 trials or more.
    """
    hits, trials = count.hits, count.trials
    variance = trials * rate * (1 - rate) * (1 + trials / past_trials)
    return min(((hits - trials * rate) ** 2 / variance - 1) / (trials - 1), 1.0)


def effective(count: Count, correlation: float) -> Count:
    """As many hits and trials as tell the same if they were independent: n / (1 + (n - 1) rho).

    The divisor is the design effect (Kish 1965). A two-sample bet stays an e-value on effective
    counts when trials are independent after all, whatever divisors g >= 1 the past suggests: per
    trial E[LR^(1/g)] <= (E LR)^(1/g) by Jensen's inequality, so its expectation is at most
    exp(k (n_c d_c / g_c + n_b d_b / g_b)) = 1, the pooled rate being weighted by effective trials.
    """
    design_effect = 1 + max(count.trials - 1, 0.0) * correlation
    return Count(count.hits / design_effect, count.trials / design_effect)


def odds_times(share: float, factor: float) -> float:
    """The probability whose odds are `factor` times those of `share`."""
    return share * factor / (share * factor + 1 - share)


def log_start(poll: int) -> float:
    """Log prior probability that a fault begins at informative poll number `poll` (from 0)."""
    return _LOG_LATER + (poll - 1) * _LOG_NOT_YET if poll else _LOG_FIRST


def log_not_started(polls: int) -> float:
    """Log prior probability that no fault begins in the first `polls` informative polls."""
    return _LOG_NOT_FIRST + (polls - 1) * _LOG_NOT_YET if polls else 0.0


def log_sum(logs: Sequence[float]) -> float:
    """Log of the sum of exp(logs) without overflow."""
    high = max(logs)
    if high == -inf:
        return high
    # A loop adds alike on every Python; the built-in sum has rounded otherwise since 3.12.
    total = 0.0
    for one in logs:
        total += exp(one - high)
    return high + log(total)


class EProcess(msgspec.Struct, frozen=True, gc=False):
    """A mixture of bets over sizes and over the poll at which the fault begins.

    `log_wealth` holds, per bet size, the wealth of all starts so far. A start that is yet to come
    holds its weight unbet, so a fault that begins late does not meet a wealth that earlier polls
    have eaten. Weighted starts: Shin, Ramdas and Rinaldo, "E-detectors", arXiv:2203.03532.
    """

    log_wealth: tuple[float, ...]
    polls: int = 0


def fresh(grid: Grid) -> EProcess:
    """An e-process over the grid that has seen nothing: E = 1."""
    return EProcess((-inf,) * len(grid.values))


def wager(process: EProcess, grid: Grid, log_bets: Sequence[float]) -> EProcess:
    """The process after one more informative poll t: W_k <- (W_k + w_k w_t) e_k."""
    start, grown = log_start(process.polls), []
    for wealth, log_weight, bet in zip(process.log_wealth, grid.log_weights, log_bets, strict=True):
        # The log of a sum without overflow; a start's weight is never zero.
        more = start + log_weight
        if wealth > more:
            grown.append(wealth + log1p(exp(more - wealth)) + bet)
        else:
            grown.append(more + log1p(exp(wealth - more)) + bet)
    return EProcess(tuple(grown), process.polls + 1)


def log_e(process: EProcess) -> float:
    """Log E: the wealth of all bet sizes, plus what is not yet bet."""
    return log_sum((*process.log_wealth, log_not_started(process.polls)))


def log_safety(total: Count, limit: float, fractions: Grid) -> float:
    """Log e-value of all requests so far against "the error rate is at least `limit`".

    The mean over rates q = fraction * limit of (q/limit)^X ((1-q)/(1-limit))^(N-X), an e-process
    when requests fail independently. Robbins, "Statistical methods related to the law of the
    iterated logarithm", 1970 (mixtures of likelihood ratios).
    """
    hits, misses = total.hits, total.trials - total.hits
    return log_sum(
        [
            log_weight + (misses * log_miss + hits * log_hit if hits else misses * log_miss)
            for log_weight, log_hit, log_miss in _safety_bets(limit, fractions)
        ]
    )


@lru_cache(maxsize=16)
def _safety_bets(limit: float, fractions: Grid) -> tuple[tuple[float, float, float], ...]:
    """The log weight of each rate, and what one hit and one miss add to its `binomial_bet`."""
    return tuple(
        (
            log_weight,
            binomial_bet(Count(1, 1), fraction * limit, limit),
            binomial_bet(Count(0, 1), fraction * limit, limit),
        )
        for fraction, log_weight in zip(*fractions, strict=True)
    )
