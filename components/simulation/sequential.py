"""This project's rule (`components.judge`, method `sequential`) for many releases at once.

The constants and the formulas are those of `components.judge`, in numpy; a test feeds the same
polls to both and compares every decision and its time.
"""

import math
from dataclasses import dataclass

import numpy as np

from components.judge import Policy, budget, constants, evidence, judge, latency
from components.simulation import readings
from components.simulation.formulas import (
    Bools,
    Counts,
    EProcesses,
    binomial_bets,
    effective,
    intra_poll_correlations,
    limit_bets,
    odds_times,
    two_sample_bets,
)
from components.simulation.history import Past, Recent
from components.simulation.outcome import ERROR, HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.polls import CANDIDATE, CHAMPION, polls
from components.simulation.traffic import Arm, Floats, Ints, Traffic


class _Pairs:
    """The pairs of edges that can decide the ratio; see `latency.pairs`. May be none."""

    def __init__(self, edges_ms: Floats, ratio: float) -> None:
        found = latency.pairs((*edges_ms.tolist(), math.inf), ratio)
        self.any = bool(found)
        columns = found or (latency.Pair(0, 0, 0),)
        self.u, self.v, self.safe = (
            np.array([getattr(pair, name) for pair in columns]) for name in ("u", "v", "safe")
        )


@dataclass(frozen=True)
class _Pending:
    """Counts of one version per release; `slower` by edge."""

    requests: Floats
    errors: Floats
    refused: Floats
    slower: Floats

    @classmethod
    def none(cls, releases: int, edges: int) -> "_Pending":
        """Nothing."""
        nothing = np.zeros(releases)
        return cls(nothing, nothing, nothing, np.zeros((releases, edges)))

    @property
    def asked(self) -> Floats:
        """All requests that reached the version."""
        return self.requests + self.refused

    def plus(self, arm: Arm, poll: int) -> "_Pending":
        """With what the version counted in a poll."""
        return _Pending(
            self.requests + arm.requests[:, poll],
            self.errors + arm.errors[:, poll],
            self.refused + arm.refused[:, poll],
            self.slower + arm.slower[:, poll],
        )

    def where(self, these: Bools) -> "_Pending":
        """Nothing but in these releases."""
        return _Pending(
            np.where(these, self.requests, 0.0),
            np.where(these, self.errors, 0.0),
            np.where(these, self.refused, 0.0),
            np.where(these[:, None], self.slower, 0.0),
        )


def _beyond(slower: Floats, edge: Ints) -> Floats:
    return np.take_along_axis(slower, edge[:, None], 1)[:, 0].astype(np.float64)


class Releases:
    """The state of all releases after some polls; see `components.judge.state.State`."""

    def __init__(self, traffic: Traffic, policy: Policy) -> None:
        releases, polls = traffic.candidate.requests.shape
        self._traffic, self._policy = traffic, policy
        self._pairs = _Pairs(traffic.edges_ms, policy.p95_ratio)
        self._past, self._recent = Past(traffic.history), Recent(traffic.history, self._pairs.u)
        if traffic.scenario.baseline:
            self._recent.fade()
        self._answers = np.zeros(releases)
        """Latencies of the arm that is compared with."""
        self._past_refused = Past(traffic.history, refused=True)
        self.limit = EProcesses(releases, constants.LIMIT_FRACTIONS, polls)
        self.relative = EProcesses(releases, constants.ERROR_RATIOS, polls)
        self.refused = EProcesses(releases, constants.ERROR_RATIOS, polls)
        self.latency = EProcesses(releases, constants.P95_RATIOS, polls)
        self.split = EProcesses(releases, constants.SPLIT_FACTORS, polls)
        self.p95_safe = EProcesses(releases, constants.P95_SAFE_RATIOS, polls)
        self._needed = budget.split(policy.false_rollback)
        self._limit_spoke = np.zeros(releases, dtype=np.bool_)
        """The evidence was enough at some poll; later good polls do not undo it."""
        self._relative_spoke = np.zeros(releases, dtype=np.bool_)
        self._correlations = np.full(releases, constants.PRIOR_CORRELATION), np.ones(releases)
        """Sum and number of the estimates of how the champion's latencies hang together."""
        edges = len(traffic.edges_ms)
        self._waiting = _Pending.none(releases, edges), _Pending.none(releases, edges)
        """What waits to be compared, of candidate and champion."""
        self._waited = np.zeros(releases, dtype=np.int64)
        self._mixed = np.ones(releases, dtype=np.bool_)
        self.due = np.zeros(releases)
        """Requests that the candidate should have had since its last."""
        self.settled = np.ones(releases, dtype=np.bool_)
        """Where the newest poll was compared."""
        self.compared = np.zeros(releases)
        """The candidate's requests in it."""

    def settle(self, poll: int) -> None:
        """Settle the bets of one poll, as `components.judge.bets.apply_bets` does."""
        ours, theirs = self._traffic.candidate, self._traffic.champion
        self._bet_limit(
            Counts(
                ours.errors[:, poll].astype(np.float64), ours.requests[:, poll].astype(np.float64)
            )
        )
        candidate = self._waiting[0].plus(ours, poll)
        champion = self._waiting[1].plus(theirs, poll)
        share = self._traffic.scenario.paired
        due = (theirs.requests + theirs.refused)[:, poll] * share / (1 - share)
        self.due = np.where(candidate.asked > 0, 0.0, self.due + due)
        waits = self._stand_still(candidate, champion) & (self._waited < constants.STILL_POLLS)
        self._waited = np.where(waits, self._waited + 1, 0)
        self._waiting = candidate.where(waits), champion.where(waits)
        self.settled = ~waits
        candidate, champion = candidate.where(~waits), champion.where(~waits)
        self.compared = candidate.asked
        self._compare(candidate, champion)

    def _stand_still(self, candidate: "_Pending", champion: "_Pending") -> Bools:
        """One version has counted nothing though requests were due."""
        odds = self._traffic.scenario.paired / (1 - self._traffic.scenario.paired)
        ours = (candidate.asked == 0) & (champion.asked * odds >= constants.STARVED_NATS)
        theirs = (champion.asked == 0) & (candidate.asked / odds >= constants.STARVED_NATS)
        return np.asarray(ours | theirs)

    def _compare(self, candidate: "_Pending", champion: "_Pending") -> None:
        answers, champion_answers = candidate.requests, champion.requests
        self._bet_relative(
            Counts(candidate.errors, answers), Counts(champion.errors, champion_answers)
        )
        self._bet_refused(candidate, champion)
        pair = self._recent.p95_edge()
        self._bet_latency(
            pair,
            Counts(_beyond(candidate.slower, self._pairs.v[pair]), answers),
            Counts(_beyond(candidate.slower, self._pairs.safe[pair]), answers),
            Counts(_beyond(champion.slower, self._pairs.u[pair]), champion_answers),
        )
        # The first counts after a change of weights are of a mixture and say nothing of the split.
        asked = candidate.asked + champion.asked
        self._bet_split(Counts(candidate.asked, np.where(self._mixed, 0.0, asked)))
        self._mixed &= asked == 0
        self._past.add(champion_answers, champion.errors)
        self._past_refused.add(champion.asked, champion.refused)
        self._recent.add(champion_answers, champion.slower)

    def _bet_refused(self, candidate: "_Pending", champion: "_Pending") -> None:
        if not self._traffic.scenario.refuses:
            # Without any, the evidence only falls.
            return
        rate = self._past_refused.error_rate(self._policy.error_rate)
        ours = Counts(candidate.refused, candidate.asked)
        theirs = Counts(champion.refused, champion.asked)
        bets = two_sample_bets(ours, theirs, rate, constants.ERROR_RATIOS)
        self.refused.wager((ours.trials > 0) & (theirs.trials > 0), bets)

    def _bet_limit(self, candidate: Counts) -> None:
        limit = self._policy.error_rate
        self.limit.wager(candidate.trials > 0, limit_bets(candidate, limit))
        self._limit_spoke |= self.limit.log_e() >= -np.log(self._needed.errors)

    def _bet_relative(self, candidate: Counts, champion: Counts) -> None:
        rate = self._past.error_rate(self._policy.error_rate)
        bets = two_sample_bets(candidate, champion, rate, constants.ERROR_RATIOS)
        self.relative.wager((candidate.trials > 0) & (champion.trials > 0), bets)
        self._relative_spoke |= self.relative.log_e() >= -np.log(self._needed.errors)

    def _bet_latency(self, pair: Ints, candidate: Counts, safe: Counts, champion: Counts) -> None:
        known = self._known(pair)
        comparable = known & (candidate.trials > 0) & (champion.trials > 0)
        rate, (sum_, number) = self._recent.tail(pair), self._correlations
        correlation = np.maximum(sum_ / number, 0.0)
        ours, theirs = effective(candidate, correlation), effective(champion, correlation)
        self.latency.wager(comparable, two_sample_bets(ours, theirs, rate, constants.P95_RATIOS))
        bets = two_sample_bets(
            effective(safe, correlation), theirs, rate, constants.P95_SAFE_RATIOS
        )
        self.p95_safe.wager(comparable, bets)
        telling = comparable & (champion.trials > 1)
        if self._traffic.scenario.baseline:
            telling &= self._answers >= constants.MIN_TAIL_PAST
        self._answers += np.where(comparable, champion.trials, 0.0)
        found = intra_poll_correlations(champion, rate, self._recent.answers)
        sum_ += np.where(telling, found, 0.0)
        number += telling

    def _bet_split(self, candidate: Counts) -> None:
        share = self._traffic.scenario.paired
        due = (candidate.trials - candidate.hits) * share / (1 - share)
        starved = (candidate.hits == 0) & (due >= constants.STARVED_NATS)
        factors = np.array(constants.SPLIT_FACTORS.values)
        tolerated = np.where(factors > 1, constants.SPLIT_TOLERANCE, 1 / constants.SPLIT_TOLERANCE)
        bets = binomial_bets(candidate, odds_times(share, factors), odds_times(share, tolerated))
        self.split.wager((candidate.trials > 0) & ~starved, bets)

    def _known(self, pair: Ints) -> Bools:
        """Where the edges around the p95 are known and can decide the ratio."""
        enough = self._recent.answers >= constants.MIN_TAIL_PAST
        slack = self._policy.p95_ratio * constants.RATIO_SLACK
        narrow = self._recent.spans(self._traffic.edges_ms[self._pairs.u], pair) <= slack
        return np.asarray(self._pairs.any & enough & narrow)

    def bad(self) -> Bools:
        """Where the candidate is to be rolled back."""
        slower = self.latency.log_e() >= -np.log(self._needed.p95)
        refused = self.refused.log_e() >= -np.log(self._needed.refused)
        return np.asarray((self._limit_spoke & self._relative_spoke) | refused | slower)

    def mismatched(self) -> Bools:
        """Where the traffic is not split as the weights say."""
        return np.asarray(self.split.log_e() >= -np.log(self._needed.split))

    def safe(self) -> Bools:
        """Where the last poll may promote: evidence of safety, and never an alarm of the limit."""
        ours = self._traffic.candidate
        requests, errors = ours.requests.sum(axis=1), ours.errors.sum(axis=1)
        theirs = self._traffic.champion
        counted = sum(arm.requests[:, -1] + arm.refused[:, -1] for arm in (ours, theirs)) > 0
        possible = counted & self.settled & (self.compared > 0) & ~self._limit_spoke
        possible &= self._known(self._recent.p95_edge())
        line = -math.log(self._policy.false_promotion)
        possible &= self.p95_safe.log_e() >= line
        for release in np.flatnonzero(possible):
            total = evidence.Count(errors[release], requests[release])
            shown = evidence.log_safety(total, self._policy.error_rate, constants.SAFE_FRACTIONS)
            possible[release] = shown >= line
        return np.asarray(possible)


def decide(traffic: Traffic, policy: Policy) -> Outcomes:
    """Roll back, promote or hold each release; held is still undecided at the watch's end.

    Where the readings are faulty the judge itself decides, release by release.
    """
    if traffic.scenario.readings != "whole":
        return _one_by_one(traffic, policy)
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


_DECISIONS = {"HOLD": HELD, "PROMOTE": PROMOTED, "ROLLBACK": ROLLED_BACK, "ERROR": ERROR}


def _one_by_one(traffic: Traffic, policy: Policy) -> Outcomes:
    releases = len(traffic.candidate.requests)
    decision, at_s = np.zeros(releases, dtype=np.int8), np.zeros(releases)
    for release in range(releases):
        read = readings.faulty(traffic.scenario.readings, polls(traffic, release))
        verdict = judge(policy, CHAMPION, CANDIDATE, read)
        decision[release], at_s[release] = _DECISIONS[verdict.decision], verdict.at
    return Outcomes(decision=decision, at_s=at_s)
