"""This project's rule (`components.judge`, method `sequential`) for many releases at once.

The constants and the formulas are those of `components.judge`, in numpy; a test feeds the same
polls to both and compares every decision and its time. Each formula's source stands in
`components.judge.evidence`, beside the function of the same name.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.judge import Policy, budget, constants, evidence, latency
from components.simulation.outcome import ERROR, HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.traffic import Arm, Floats, Ints, Traffic

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


def _history_scale(history: Arm) -> Floats:
    """The weight of each release's history, which counts as `HISTORY_REQUESTS` at most."""
    requests = history.requests[:, 0].astype(np.float64)
    return np.asarray(np.minimum(constants.HISTORY_REQUESTS / np.maximum(requests, 1), 1.0))


class Past:
    """The champion's errors that predict its next: before the release (scaled) and since."""

    def __init__(self, history: Arm) -> None:
        scale = _history_scale(history)
        self._requests = history.requests[:, 0] * scale
        self._errors = history.errors[:, 0] * scale

    def add(self, requests: Ints, errors: Ints) -> None:
        """One more poll."""
        self._requests += requests
        self._errors += errors

    def error_rate(self, limit: float) -> Floats:
        """What the champion's error rate is expected to be in the next poll."""
        prior_requests = constants.PRIOR_ERRORS / (constants.PRIOR_RATE * limit)
        return (self._errors + constants.PRIOR_ERRORS) / (self._requests + prior_requests)


class Recent:
    """The champion's latencies that predict its next: `components.judge.latency.remember`."""

    def __init__(self, history: Arm) -> None:
        scale = _history_scale(history)
        self.answers = history.requests[:, 0] * scale
        self.below = (history.requests - history.slower[:, 0]) * scale[:, None]
        """Answers at most as slow as each edge."""

    def add(self, answers: Ints, slower: Ints) -> None:
        """One more poll; without answers nothing fades."""
        room = (constants.RECENT_LATENCIES - answers) / np.maximum(self.answers, 1)
        kept = np.clip(room, 1 - 1 / constants.RECENT_POLLS, 1.0)
        kept[answers == 0] = 1.0
        self.answers = kept * self.answers + answers
        self.below = kept[:, None] * self.below + (answers[:, None] - slower)

    def p95_edge(self) -> Ints:
        """Index of the edge whose exceedance is nearest 5 %, for the next poll."""
        at = (self.below < (1 - constants.TAIL) * self.answers[:, None]).sum(axis=1)
        at = np.minimum(at, self.below.shape[1] - 1)
        before = np.maximum(at - 1, 0)
        return np.asarray(np.where(self._off(at) < self._off(before), at, before))

    def _off(self, edge: Ints) -> Floats:
        below = np.take_along_axis(self.below, edge[:, None], 1)[:, 0]
        return np.abs(1 - below / np.maximum(self.answers, 1) - constants.TAIL)

    def tail(self, edge: Ints) -> Floats:
        """The expected share of the champion's answers beyond an edge."""
        below = np.take_along_axis(self.below, edge[:, None], 1)[:, 0]
        hits = self.answers - below + constants.PRIOR_ERRORS
        return hits / (self.answers + constants.PRIOR_ERRORS / constants.TAIL)


class _Pairs:
    """The champion's edge u and the candidate's edge v, for every u; see `latency.pair`."""

    def __init__(self, edges_ms: Floats, ratio: float) -> None:
        self.edges = [*edges_ms.tolist(), math.inf]
        pairs = [latency.pair(self.edges, u, ratio) for u in range(len(edges_ms))]
        self.decidable = np.array([pair is not None for pair in pairs])
        self.v = np.array([pair.v if pair else 0 for pair in pairs])
        self.safe = np.array([pair.safe if pair else 0 for pair in pairs])


def _beyond(slower: Ints, edge: Ints) -> Floats:
    return np.take_along_axis(slower, edge[:, None], 1)[:, 0].astype(np.float64)


class Releases:
    """The state of all releases after some polls; see `components.judge.state.State`."""

    def __init__(self, traffic: Traffic, policy: Policy) -> None:
        releases, polls = traffic.candidate.requests.shape
        self._traffic, self._policy = traffic, policy
        self._pairs = _Pairs(traffic.edges_ms, policy.p95_ratio)
        self._past, self._recent = Past(traffic.history), Recent(traffic.history)
        self.limit = EProcesses(releases, constants.LIMIT_FRACTIONS, polls)
        self.relative = EProcesses(releases, constants.ERROR_RATIOS, polls)
        self.latency = EProcesses(releases, constants.P95_RATIOS, polls)
        self.split = EProcesses(releases, constants.SPLIT_FACTORS, polls)
        self.p95_safe = EProcesses(releases, constants.P95_SAFE_RATIOS, polls)
        self._needed = budget.split(policy.false_rollback)
        self._limit_spoke = np.zeros(releases, dtype=np.bool_)
        """The evidence was enough at some poll; later good polls do not undo it."""
        self._relative_spoke = np.zeros(releases, dtype=np.bool_)
        self._correlations = np.full(releases, constants.PRIOR_CORRELATION), np.ones(releases)
        """Sum and number of the estimates of how the champion's latencies hang together."""

    def settle(self, poll: int) -> None:
        """Settle the bets of one poll, as `components.judge.bets.settle` does."""
        ours, theirs = self._traffic.candidate, self._traffic.champion
        asked = ours.requests[:, poll].astype(np.float64)
        champion_asked = theirs.requests[:, poll].astype(np.float64)
        self._bet_errors(
            Counts(ours.errors[:, poll].astype(np.float64), asked),
            Counts(theirs.errors[:, poll].astype(np.float64), champion_asked),
        )
        u = self._recent.p95_edge()
        self._bet_latency(
            u,
            Counts(_beyond(ours.slower[:, poll], self._pairs.v[u]), asked),
            Counts(_beyond(ours.slower[:, poll], self._pairs.safe[u]), asked),
            Counts(_beyond(theirs.slower[:, poll], u), champion_asked),
        )
        # The first poll after a change of weights covers a mixture: it says nothing of the split.
        if poll > 0:
            self._bet_split(Counts(asked, asked + champion_asked))
        self._past.add(theirs.requests[:, poll], theirs.errors[:, poll])
        self._recent.add(theirs.requests[:, poll], theirs.slower[:, poll])

    def _bet_errors(self, candidate: Counts, champion: Counts) -> None:
        limit = self._policy.error_rate
        self.limit.wager(candidate.trials > 0, limit_bets(candidate, limit))
        rate = self._past.error_rate(limit)
        bets = two_sample_bets(candidate, champion, rate, constants.ERROR_RATIOS)
        self.relative.wager((candidate.trials > 0) & (champion.trials > 0), bets)
        line = -np.log(self._needed.errors)
        self._limit_spoke |= self.limit.log_e() >= line
        self._relative_spoke |= self.relative.log_e() >= line

    def _bet_latency(self, u: Ints, candidate: Counts, safe: Counts, champion: Counts) -> None:
        known = self._pairs.decidable[u] & (self._recent.answers >= constants.MIN_TAIL_PAST)
        comparable = known & (candidate.trials > 0) & (champion.trials > 0)
        rate, (sum_, number) = self._recent.tail(u), self._correlations
        correlation = np.maximum(sum_ / number, 0.0)
        ours, theirs = effective(candidate, correlation), effective(champion, correlation)
        self.latency.wager(comparable, two_sample_bets(ours, theirs, rate, constants.P95_RATIOS))
        bets = two_sample_bets(
            effective(safe, correlation), theirs, rate, constants.P95_SAFE_RATIOS
        )
        self.p95_safe.wager(comparable, bets)
        telling = comparable & (champion.trials > 1)
        found = intra_poll_correlations(champion, rate, self._recent.answers)
        sum_ += np.where(telling, found, 0.0)
        number += telling

    def _bet_split(self, candidate: Counts) -> None:
        share = self._traffic.scenario.share / 100
        due = (candidate.trials - candidate.hits) * share / (1 - share)
        starved = (candidate.hits == 0) & (due >= constants.STARVED_NATS)
        factors = np.array(constants.SPLIT_FACTORS.values)
        tolerated = np.where(factors > 1, constants.SPLIT_TOLERANCE, 1 / constants.SPLIT_TOLERANCE)
        bets = binomial_bets(candidate, odds_times(share, factors), odds_times(share, tolerated))
        self.split.wager((candidate.trials > 0) & ~starved, bets)

    def bad(self) -> Bools:
        """Where the candidate is to be rolled back."""
        slower = self.latency.log_e() >= -np.log(self._needed.p95)
        return np.asarray((self._limit_spoke & self._relative_spoke) | slower)

    def mismatched(self) -> Bools:
        """Where the traffic is not split as the weights say."""
        return np.asarray(self.split.log_e() >= -np.log(self._needed.split))

    def safe(self) -> Bools:
        """Where the last poll may promote: evidence of safety, and never an alarm of the limit."""
        ours = self._traffic.candidate
        requests, errors = ours.requests.sum(axis=1), ours.errors.sum(axis=1)
        possible = (ours.requests[:, -1] > 0) & ~self._limit_spoke
        u = self._recent.p95_edge()
        possible &= self._pairs.decidable[u] & (self._recent.answers >= constants.MIN_TAIL_PAST)
        line = -math.log(self._policy.false_promotion)
        possible &= self.p95_safe.log_e() >= line
        for release in np.flatnonzero(possible):
            total = evidence.Count(errors[release], requests[release])
            shown = evidence.log_safety(total, self._policy.error_rate, constants.SAFE_FRACTIONS)
            possible[release] = shown >= line
        return np.asarray(possible)


def decide(traffic: Traffic, policy: Policy) -> Outcomes:
    """Roll back, promote or hold each release; held is still undecided at the watch's end."""
    state = Releases(traffic, policy)
    decision = np.full(len(traffic.candidate.requests), HELD, dtype=np.int8)
    at_s = np.full(len(decision), traffic.times_s[-1])
    for poll, time in enumerate(traffic.times_s):
        state.settle(poll)
        bad, mismatched = state.bad(), state.mismatched()
        undecided = decision == HELD
        decision[undecided & bad] = ROLLED_BACK
        decision[undecided & mismatched] = ERROR
        at_s[undecided & (bad | mismatched)] = time
    decision[(decision == HELD) & state.safe()] = PROMOTED
    return Outcomes(decision=decision, at_s=at_s)
