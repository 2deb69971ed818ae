"""The decision: `observe` one poll after another, or `judge` all of them.

No clock, network, environment or randomness: the verdict depends on the policy and the polls only.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from components.judge import budget, clients, latency, reasons
from components.judge.bets import apply_bets
from components.judge.constants import SAFE_FRACTIONS
from components.judge.evidence import Count, log_e, log_safety
from components.judge.growth import Growth
from components.judge.policy import Policy
from components.judge.poll import Poll
from components.judge.state import JudgeState, PollDelta, ingest, split_of
from components.judge.verdict import P95, RULE, Arm, Decision, Evidence, Reason, Test, Verdict


def begin(policy: Policy, champion: str, candidate: str) -> JudgeState:  # noqa: ARG001
    """The state before the first poll; it is the same for every policy so far.

    Raises:
        ValueError: champion and candidate are the same version.
    """
    if champion == candidate:
        raise ValueError("a version is not judged against itself")
    return JudgeState(champion, candidate)


def observe(policy: Policy, state: JudgeState, poll: Poll) -> tuple[JudgeState, Verdict]:
    """Take one poll into account.

    A poll that is not newer than the one before changes nothing; after a final verdict nothing
    does.
    """
    if state.over is not None:
        return state, state.over
    if not state.t < poll.t < math.inf:
        reason = Reason("late_poll", f"a poll of {poll.t:g} s came after one of {state.t:g} s")
        return state, _hold(state, (reason,))
    split = split_of(state, poll)
    if split is None:
        text = "the weights are no split between champion and candidate"
        state = msgspec.structs.replace(state, t=poll.t)
        return _end(state, _final(state, "ERROR", (Reason("not_comparable", text),), None))
    state, delta = ingest(policy, state, poll, split)
    state = apply_bets(policy, state, delta)
    heard = clients.listen(state.heard, poll.clients, delta.candidate, shared=delta.shared)
    if heard is not state.heard:
        state = msgspec.structs.replace(state, heard=heard)
    evidence = _evidence(policy, state)
    spoke = evidence.limit.speaks, evidence.relative.speaks
    if spoke != (state.limit_spoke, state.relative_spoke):
        state = msgspec.structs.replace(state, limit_spoke=spoke[0], relative_spoke=spoke[1])
    verdict = _signed(_decide(policy, state, delta, evidence))
    if verdict.decision == "PROMOTE":
        state = msgspec.structs.replace(state, passed=state.share)
    return _end(state, verdict)


def go_on(state: JudgeState) -> JudgeState:
    """The state of a release whose promotion is held: later polls are judged, and may end it."""
    if state.over is None or state.over.decision != "PROMOTE":
        return state
    return msgspec.structs.replace(state, over=None)


def judge(policy: Policy, champion: str, candidate: str, polls: Iterable[Poll]) -> Verdict:
    """The final verdict over `polls`, or the newest when none is final."""
    state = begin(policy, champion, candidate)
    newest = _hold(state, (Reason("undecided", "there are no polls"),))
    for poll in polls:
        known = state
        state, verdict = observe(policy, known, poll)
        if verdict.final:
            return verdict
        newest = newest if state is known else verdict
    return newest


def _end(state: JudgeState, verdict: Verdict) -> tuple[JudgeState, Verdict]:
    return (msgspec.structs.replace(state, over=verdict) if verdict.final else state), verdict


def _final(
    state: JudgeState, decision: Decision, reasons: tuple[Reason, ...], evidence: Evidence | None
) -> Verdict:
    return Verdict(decision, True, state.t, state.share, None, reasons, evidence, RULE)


def _hold(
    state: JudgeState, reasons: tuple[Reason, ...], evidence: Evidence | None = None
) -> Verdict:
    return Verdict("HOLD", False, state.t, state.share, None, reasons, evidence, RULE)


def _signed(verdict: Verdict) -> Verdict:
    """What decides says as well if one client's requests have decided it."""
    found = verdict.evidence and verdict.evidence.one_client
    if not found or (verdict.decision == "HOLD" and not verdict.final):
        return verdict
    said = Reason("one_client", found.said)
    return msgspec.structs.replace(verdict, reasons=(*verdict.reasons, said))


def _arm(policy: Policy, state: JudgeState, total: Growth, step: Growth) -> Arm:
    # The plain rule compares p95s over all that was counted.
    counted = total if policy.method == "threshold" else step
    p95 = latency.p95_ms(state.ledger.edges, counted.buckets)
    return Arm(
        total.requests,
        total.errors,
        total.latencies,
        p95,
        total.refused,
        total.unanswered,
        total.retried,
    )


def _p95(state: JudgeState) -> P95 | None:
    pair, edges = state.pair, state.ledger.edges
    if pair is None:
        return None
    ours, theirs = state.step_totals
    return P95(
        champion_edge_ms=edges[pair.u],
        candidate_edge_ms=edges[pair.v],
        champion_slower=_slower(theirs, pair.u),
        candidate_slower=_slower(ours, pair.v),
        safe_ratio=edges[pair.safe] / edges[pair.u],
    )


def _slower(total: Growth, edge: int) -> float | None:
    return latency.slower(total.buckets, edge) / total.latencies if total.latencies else None


class _Lines(NamedTuple):
    """What the log of each e-process must reach."""

    errors: float
    p95: float
    split: float
    refused: float
    safe: float


@lru_cache(maxsize=16)
def _lines(false_rollback: float, false_promotion: float) -> _Lines:
    shares = budget.split(false_rollback)
    each = (shares.errors, shares.p95, shares.split, shares.refused, false_promotion)
    return _Lines(*(-math.log(share) for share in each))


def _evidence(policy: Policy, state: JudgeState) -> Evidence:
    lines = _lines(policy.false_rollback, policy.false_promotion)
    total = Count(state.candidate_total.errors, state.candidate_total.requests)
    ours, theirs = state.step_totals
    asked = ours.asked + theirs.asked
    return Evidence(
        candidate=_arm(policy, state, state.candidate_total, ours),
        champion=_arm(policy, state, state.champion_total, theirs),
        limit=Test(log_e(state.limit), lines.errors, state.limit_spoke),
        relative=Test(log_e(state.relative), lines.errors, state.relative_spoke),
        latency=Test(log_e(state.latency), lines.p95),
        split=Test(log_e(state.split), lines.split),
        safe=Test(log_safety(total, policy.error_rate, SAFE_FRACTIONS), lines.safe),
        p95_safe=Test(log_e(state.p95_safe), lines.safe),
        p95=_p95(state),
        observed_share=100 * ours.asked / asked if asked else None,
        step_requests=ours.asked,
        watched_s=state.t - state.step_began,
        refused=Test(log_e(state.refused), lines.refused),
        beside="the baseline" if state.baseline else "production",
        one_client=clients.one_client(state.heard, policy),
        others_safe=(
            Test(clients.log_safety_without(state.heard, policy), lines.safe)
            if policy.min_clients > 1
            else None
        ),
    )


def _decide(policy: Policy, state: JudgeState, delta: PollDelta, evidence: Evidence) -> Verdict:
    if evidence.split.speaks:
        of = "its own and the baseline's requests" if state.baseline else "the requests"
        text = (
            f"the candidate got {evidence.observed_share:.1f} % of {of}, its weight there is"
            f" {state.paired:g} %: the versions are not comparable"
        )
        reason = Reason("split_mismatch", text)
        return _final(state, "ERROR", (reason,), evidence)
    faults = reasons.faults(policy, evidence)
    if faults:
        return _final(state, "ROLLBACK", faults, evidence)
    if state.passed == state.share:
        text = f"the step at {state.share:g} % was passed; the next share is not in force yet"
        return _hold(state, (Reason("passed", text),), evidence)
    if not delta.shared:
        text = f"the candidate's weight is {state.share:g} %: nothing to compare"
        return _hold(state, (Reason("waiting", text),), evidence)
    return _watch(policy, state, delta, evidence)


def _watch(policy: Policy, state: JudgeState, delta: PollDelta, evidence: Evidence) -> Verdict:
    """Nothing speaks for a rollback: promote, go on watching, or give up."""
    # Polls are seldom exactly on time: half a poll early is the watch's end.
    left = policy.watch_s - evidence.watched_s - policy.poll_s / 2
    unread = reasons.no_data(state, delta)
    if left > 0:
        found = reasons.shared_fault(policy, evidence) or reasons.suspicions(policy, evidence)
        said = f"{left:.0f} s of the watch are left"
        if found:
            return _hold(state, (*unread, *found, Reason("watching", said)), evidence)
        calm = (Reason("watching", f"nothing is wrong so far; {said}"),)
        return _hold(state, unread or calm, evidence)
    missing = reasons.lacking(policy, state, evidence)
    if not unread and not missing:
        step = next((step for step in policy.steps if step > state.share), 100)
        reason = Reason("safe", reasons.safe(policy, evidence))
        return Verdict(
            "PROMOTE", step == 100, state.t, state.share, step, (reason,), evidence, RULE
        )
    return _undecided(policy, state, evidence, unread, missing)


def _undecided(
    policy: Policy,
    state: JudgeState,
    evidence: Evidence,
    unread: tuple[Reason, ...],
    missing: tuple[Reason, ...],
) -> Verdict:
    """The watch has ended without evidence: what the policy's `undecided` says."""
    over_s = evidence.watched_s + policy.poll_s / 2 - policy.watch_s
    # A poll that could not be read says nothing about evidence that is there: wait for the next.
    waiting = policy.undecided == "extend" or not missing
    left = policy.max_extension * policy.watch_s - over_s
    if waiting and left > 0:
        return _hold(state, unread + missing, evidence)
    shared = any(reason.code == "shared_fault" for reason in missing)
    decision: Decision = "HOLD" if policy.undecided == "hold" or shared else "ROLLBACK"
    text = f"{evidence.watched_s:.0f} s have decided nothing"
    return _final(state, decision, (Reason("undecided", text), *unread, *missing), evidence)
