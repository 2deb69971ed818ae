"""The decision of rule 3, poll by poll."""

import math

import msgspec

from components.judge import latency, threshold
from components.judge.constants import (
    SAFE_FRACTIONS,
    STARVED_NATS,
)
from components.judge.evidence import Count, log_e, log_safety
from components.judge.growth import Growth
from components.judge.policy import Policy
from components.judge.poll import Poll
from components.judge.rule3 import budget
from components.judge.rule3.bets import apply_bets, edge_pair
from components.judge.rule3.state import JudgeState, PollDelta, ingest
from components.judge.verdict import P95, Arm, Decision, Evidence, Reason, Test, Verdict

RULE = 3


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
    share = _share(state, poll)
    if share is None:
        text = "the weights are no split between champion and candidate"
        state = msgspec.structs.replace(state, t=poll.t)
        return _end(state, _final(state, "ERROR", (Reason("not_comparable", text),), None))
    state, delta = ingest(policy, state, poll, share)
    state = apply_bets(policy, state, delta)
    evidence = _evidence(policy, state)
    state = msgspec.structs.replace(
        state, limit_spoke=evidence.limit.speaks, relative_spoke=evidence.relative.speaks
    )
    return _end(state, _decide(policy, state, delta, evidence))


def _end(state: JudgeState, verdict: Verdict) -> tuple[JudgeState, Verdict]:
    return (msgspec.structs.replace(state, over=verdict) if verdict.final else state), verdict


def _share(state: JudgeState, poll: Poll) -> float | None:
    """Percent of traffic of the candidate; None when the weights do not say."""
    ours = poll.weights.get(state.candidate, 0.0)
    theirs = poll.weights.get(state.champion, 0.0)
    others = sum(poll.weights.values()) - ours - theirs
    if not (ours >= 0 and theirs >= 0 and others == 0 and ours + theirs < math.inf):
        return None
    return 100 * ours / (ours + theirs) if ours + theirs else 0.0


def _final(
    state: JudgeState, decision: Decision, reasons: tuple[Reason, ...], evidence: Evidence | None
) -> Verdict:
    return Verdict(decision, True, state.t, state.share, None, reasons, evidence, RULE)


def _hold(
    state: JudgeState, reasons: tuple[Reason, ...], evidence: Evidence | None = None
) -> Verdict:
    return Verdict("HOLD", False, state.t, state.share, None, reasons, evidence, RULE)


def _arm(state: JudgeState, total: Growth) -> Arm:
    p95 = latency.p95_ms(state.ledger.edges, total.buckets)
    return Arm(total.requests, total.errors, total.latencies, p95)


def _p95(policy: Policy, state: JudgeState) -> P95 | None:
    pair, edges = edge_pair(policy, state), state.ledger.edges
    if pair is None:
        return None
    ours, theirs = state.candidate_total, state.champion_total
    return P95(
        champion_edge_ms=edges[pair.u],
        candidate_edge_ms=edges[pair.v],
        champion_slower=_slower(theirs, pair.u),
        candidate_slower=_slower(ours, pair.v),
        safe_ratio=edges[pair.safe] / edges[pair.u],
    )


def _slower(total: Growth, edge: int) -> float | None:
    return latency.slower(total.buckets, edge) / total.latencies if total.latencies else None


def _evidence(policy: Policy, state: JudgeState) -> Evidence:
    shares = budget.split(policy.false_rollback)
    errors, promotion = -math.log(shares.errors), -math.log(policy.false_promotion)
    total = Count(state.candidate_total.errors, state.candidate_total.requests)
    ours, theirs = state.step_requests
    return Evidence(
        candidate=_arm(state, state.candidate_total),
        champion=_arm(state, state.champion_total),
        limit=Test(log_e(state.limit), errors, state.limit_spoke),
        relative=Test(log_e(state.relative), errors, state.relative_spoke),
        latency=Test(log_e(state.latency), -math.log(shares.p95)),
        split=Test(log_e(state.split), -math.log(shares.split)),
        safe=Test(log_safety(total, policy.error_rate, SAFE_FRACTIONS), promotion),
        p95_safe=Test(log_e(state.p95_safe), promotion),
        p95=_p95(policy, state),
        observed_share=100 * ours / (ours + theirs) if ours + theirs else None,
        step_requests=ours,
        watched_s=state.t - state.step_began,
    )


def _decide(policy: Policy, state: JudgeState, delta: PollDelta, evidence: Evidence) -> Verdict:
    if evidence.split.speaks:
        text = (
            f"the candidate got {evidence.observed_share:.1f} % of the requests, its weight is"
            f" {state.share:g} %: the versions are not comparable"
        )
        reason = Reason("split_mismatch", text)
        return _final(state, "ERROR", (reason,), evidence)
    faults = _faults(policy, evidence)
    if faults:
        return _final(state, "ROLLBACK", faults, evidence)
    if not delta.shared:
        text = f"the candidate's weight is {state.share:g} %: nothing to compare"
        return _hold(state, (Reason("waiting", text),), evidence)
    return _watch(policy, state, delta, evidence)


def _faults(policy: Policy, evidence: Evidence) -> tuple[Reason, ...]:
    """What speaks for a rollback now."""
    candidate, champion = evidence.candidate, evidence.champion
    if policy.method == "threshold":
        if not threshold.enough(policy, candidate, champion):
            return ()
        return threshold.faults(policy, candidate, champion)
    found = []
    if evidence.limit.speaks and evidence.relative.speaks:
        text = (
            f"{_rate(candidate)} of the candidate's requests failed, over the limit of"
            f" {policy.error_rate:.2%} and worse than production's {_rate(champion)}"
        )
        found.append(Reason("error_rate", text))
    if evidence.latency.speaks:
        p95 = evidence.p95
        said = (
            f": {p95.candidate_slower or 0:.1%} of its answers took longer than"
            f" {p95.candidate_edge_ms:.0f} ms, {p95.champion_slower or 0:.1%} of production's"
            f" longer than {p95.champion_edge_ms:.0f} ms"
            if p95
            else ""
        )
        text = f"the p95 is more than {policy.p95_ratio:g} times production's{said}"
        found.append(Reason("p95", text))
    return tuple(found)


def _rate(arm: Arm) -> str:
    return f"{arm.errors / arm.requests:.2%}" if arm.requests else "0 of 0"


def _watch(policy: Policy, state: JudgeState, delta: PollDelta, evidence: Evidence) -> Verdict:
    """Nothing speaks for a rollback: promote, go on watching, or give up."""
    # Polls are seldom exactly on time: half a poll early is the watch's end.
    left = policy.watch_s - evidence.watched_s - policy.poll_s / 2
    unread = _no_data(state, delta)
    if left > 0:
        reasons = unread + _shared_fault(policy, evidence) or (
            Reason("watching", f"nothing is wrong so far; {left:.0f} s of the watch are left"),
        )
        return _hold(state, reasons, evidence)
    missing = _lacking(policy, state, evidence)
    if not unread and not missing:
        step = next((step for step in policy.steps if step > state.share), 100)
        reason = Reason("safe", _safe(policy, evidence))
        return Verdict(
            "PROMOTE", step == 100, state.t, state.share, step, (reason,), evidence, RULE
        )
    return _undecided(policy, state, evidence, unread, missing)


def _no_data(state: JudgeState, delta: PollDelta) -> tuple[Reason, ...]:
    """Why this poll cannot be the one that promotes, if so."""
    for version, interval in ((state.candidate, delta.candidate), (state.champion, delta.champion)):
        if not interval.read or interval.missing is not None:
            source = f" ({interval.missing})" if interval.missing else ""
            return (Reason("scrape_down", f"version {version} was not read{source}"),)
    if state.due >= STARVED_NATS:
        text = f"the candidate got none of the {state.due:.0f} requests that were due to it"
        return (Reason("candidate_starved", text),)
    if delta.candidate.growth.requests + delta.champion.growth.requests == 0:
        return (Reason("both_idle", "neither version got a request since the poll before"),)
    if delta.candidate.growth.requests == 0 or not (delta.candidate.whole and delta.champion.whole):
        return (Reason("undecided", "this poll has no whole count of the candidate"),)
    return ()


def _shared_fault(policy: Policy, evidence: Evidence) -> tuple[Reason, ...]:
    """Over the limit, now or before, without a rollback: production failed as well."""
    if policy.method == "threshold" or not evidence.limit.speaks:
        return ()
    text = (
        f"{_rate(evidence.candidate)} of the candidate's requests failed; its error rate was shown"
        f" to be over the limit of {policy.error_rate:.2%}, but not to be worse than production's"
        f" {_rate(evidence.champion)}"
    )
    return (Reason("shared_fault", text),)


def _lacking(policy: Policy, state: JudgeState, evidence: Evidence) -> tuple[Reason, ...]:
    """What evidence of safety lacks, over all polls so far."""
    found = []
    candidate, champion = evidence.candidate, evidence.champion
    if state.fault is not None:
        found.append(Reason("invalid_sample", state.fault))
    if evidence.step_requests == 0:
        found.append(Reason("undecided", "the candidate got no request in this step"))
    if policy.method == "threshold":
        return (*found, *threshold.lacking(policy, candidate, champion))
    shared = _shared_fault(policy, evidence)
    found += shared
    if not shared and not evidence.safe.speaks:
        text = (
            f"{candidate.requests:.0f} requests with {candidate.errors:.0f} failures do not show"
            f" an error rate below {policy.error_rate:.2%}"
        )
        found.append(Reason("undecided", text))
    if evidence.p95 is None:
        found.append(
            Reason("p95_undecidable", f"no bucket edges decide a p95 ratio of {policy.p95_ratio:g}")
            if latency.known(state.recent)
            else Reason("undecided", "production has too few latencies to choose a bucket edge")
        )
    elif not evidence.p95_safe.speaks:
        text = (
            f"{candidate.latencies:.0f} answers do not show a p95 below"
            f" {evidence.p95.safe_ratio:.2g} times production's"
        )
        found.append(Reason("undecided", text))
    return tuple(found)


def _safe(policy: Policy, evidence: Evidence) -> str:
    candidate = evidence.candidate
    text = f"{_rate(candidate)} of {candidate.requests:.0f} requests failed"
    if policy.method == "threshold" or evidence.p95 is None:
        return f"{text} and the p95 is within {policy.p95_ratio:g} times production's"
    return (
        f"{text}, shown to be below {policy.error_rate:.2%}; the p95 is shown to be below"
        f" {evidence.p95.safe_ratio:.2g} times production's"
    )


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
