"""Why a verdict is what it is, in words that say what was found and what is still missing."""

from components.judge import clients, latency, threshold
from components.judge.constants import STARVED_NATS, SUSPECT_NATS
from components.judge.policy import Policy
from components.judge.state import JudgeState, PollDelta
from components.judge.verdict import Arm, Evidence, Reason, Test


def faults(policy: Policy, evidence: Evidence) -> tuple[Reason, ...]:
    """What speaks for a rollback now."""
    candidate, champion = evidence.candidate, evidence.champion
    if policy.method == "threshold":
        return threshold.found(policy, candidate, champion, evidence.beside)
    found = []
    if evidence.limit.speaks and evidence.relative.speaks:
        text = (
            f"{_rate(candidate)} of the candidate's requests failed, over the limit of"
            f" {policy.error_rate:.2%} and worse than {evidence.beside}'s {_rate(champion)}"
            f"{_unanswered(candidate)}"
        )
        found.append(Reason("error_rate", text))
    if evidence.refused is not None and evidence.refused.speaks:
        text = (
            f"the candidate refused {_refusals(candidate)} of its requests as the client's fault"
            f" (4xx), {evidence.beside} {_refusals(champion)} of the same clients'"
        )
        found.append(Reason("refused", text))
    if evidence.latency.speaks:
        theirs = f"{evidence.beside}'s{_slower(evidence)}"
        text = f"the p95 is more than {policy.p95_ratio:g} times {theirs}"
        found.append(Reason("p95", text))
    return tuple(found)


def _slower(evidence: Evidence) -> str:
    p95 = evidence.p95
    if p95 is None:
        return ""
    return (
        f": {p95.candidate_slower or 0:.1%} of its answers took longer than"
        f" {p95.candidate_edge_ms:.0f} ms, {p95.champion_slower or 0:.1%} of {evidence.beside}'s"
        f" longer than {p95.champion_edge_ms:.0f} ms"
    )


def _unanswered(arm: Arm) -> str:
    return f" ({arm.unanswered:.0f} got no answer)" if arm.unanswered else ""


def _rate(arm: Arm) -> str:
    return f"{arm.errors / arm.requests:.2%}" if arm.requests else "0 of 0"


def _refusals(arm: Arm) -> str:
    return f"{arm.refused / arm.asked:.2%}" if arm.asked else "0 of 0"


def _strength(test: Test) -> str:
    """Evidence beside what is needed, in powers of ten."""
    ten = 2.302585
    return f"10^{test.log_e / ten:.1f} of 10^{test.log_needed / ten:.1f}"


def suspicions(policy: Policy, evidence: Evidence) -> tuple[Reason, ...]:
    """What looks wrong though the evidence does not suffice, and what a rollback still needs."""
    if policy.method == "threshold":
        return ()
    candidate, champion, found = evidence.candidate, evidence.champion, []
    if candidate.errors > policy.error_rate * candidate.requests:
        needs = [
            f"{claim} ({_strength(test)})"
            for claim, test in (
                ("that it is over the limit", evidence.limit),
                (f"that it is worse than {evidence.beside}", evidence.relative),
            )
            if not test.speaks
        ]
        text = (
            f"suspected: {candidate.errors:.0f} of {candidate.requests:.0f} failed"
            f"{_unanswered(candidate)}, over the limit of {policy.error_rate:.2%},"
            f" {evidence.beside} {_rate(champion)}; a rollback still needs evidence"
            f" {' and '.join(needs)}"
        )
        found.append(text)
    refused = evidence.refused
    if refused is not None and refused.log_e >= SUSPECT_NATS:
        found.append(
            f"suspected: {candidate.refused:.0f} of {candidate.asked:.0f} were refused (4xx),"
            f" {evidence.beside} {_refusals(champion)}; a rollback still needs evidence"
            f" ({_strength(refused)})"
        )
    if evidence.latency.log_e >= SUSPECT_NATS:
        found.append(
            f"suspected: a p95 over {policy.p95_ratio:g} times {evidence.beside}'s"
            f"{_slower(evidence)}; a rollback still needs evidence"
            f" ({_strength(evidence.latency)})"
        )
    return tuple(Reason("suspected", text) for text in found)


def no_data(state: JudgeState, delta: PollDelta) -> tuple[Reason, ...]:
    """Why this poll cannot be the one that promotes, if so."""
    other = "the baseline" if state.baseline else f"version {state.champion}"
    for arm, interval in (
        (f"version {state.candidate}", delta.candidate),
        (other, delta.champion),
    ):
        if not interval.read or interval.missing is not None:
            source = f" ({interval.missing})" if interval.missing else ""
            return (Reason("scrape_down", f"{arm} was not read{source}"),)
    if state.due >= STARVED_NATS:
        text = f"the candidate got none of the {state.due:.0f} requests that were due to it"
        return (Reason("candidate_starved", text),)
    if delta.candidate.growth.asked + delta.champion.growth.asked == 0:
        return (Reason("both_idle", "neither version got a request since the poll before"),)
    if state.settled is None and state.waited:
        text = "the versions' counters are of different times: waiting for the next scrape"
        return (Reason("undecided", text),)
    counted = delta.candidate.growth.asked if state.settled is None else state.settled[0]
    if counted == 0 or not (delta.candidate.whole and delta.champion.whole):
        return (Reason("undecided", "this poll has no whole count of the candidate"),)
    return ()


def shared_fault(policy: Policy, evidence: Evidence) -> tuple[Reason, ...]:
    """Over the limit, now or before, without a rollback: production failed as well."""
    if policy.method == "threshold" or not evidence.limit.speaks:
        return ()
    text = (
        f"{_rate(evidence.candidate)} of the candidate's requests failed; its error rate was shown"
        f" to be over the limit of {policy.error_rate:.2%}, but not to be worse than"
        f" {evidence.beside}'s {_rate(evidence.champion)}"
    )
    return (Reason("shared_fault", text),)


def lacking(policy: Policy, state: JudgeState, evidence: Evidence) -> tuple[Reason, ...]:
    """What evidence of safety lacks, over all polls so far."""
    found = []
    candidate, champion = evidence.candidate, evidence.champion
    if state.fault is not None:
        found.append(Reason("invalid_sample", state.fault))
    if evidence.step_requests == 0:
        found.append(Reason("undecided", "the candidate got no request in this step"))
    found += _few_clients(policy, state, evidence)
    if policy.method == "threshold":
        return (*found, *threshold.lacking(policy, candidate, champion))
    shared = shared_fault(policy, evidence)
    found += shared
    if not shared and not evidence.safe.speaks:
        text = (
            f"{candidate.requests:.0f} requests with {candidate.errors:.0f} failures do not show"
            f" an error rate below {policy.error_rate:.2%}"
        )
        found.append(Reason("undecided", text))
    if evidence.p95 is None:
        found.append(_undecidable(policy, state))
    elif not evidence.p95_safe.speaks:
        text = (
            f"{candidate.latencies:.0f} answers do not show a p95 below"
            f" {evidence.p95.safe_ratio:.2g} times {evidence.beside}'s"
        )
        found.append(Reason("undecided", text))
    return tuple(found)


def _few_clients(policy: Policy, state: JudgeState, evidence: Evidence) -> tuple[Reason, ...]:
    """What evidence of as many clients as the policy asks for lacks."""
    if evidence.others_safe is None:
        return ()
    wanted = f"evidence of {policy.min_clients} clients"
    heard = state.heard
    busy = clients.busiest(heard, policy.min_clients - 1)
    if not busy:
        return (Reason("few_clients", f"nobody tells the clients apart: no {wanted}"),)
    found, others = [], clients.without(heard, busy)
    if not evidence.others_safe.speaks:
        text = (
            f"without {' and '.join(busy)}, {others.trials:.0f} requests with {others.hits:.0f}"
            f" failures do not show an error rate below {policy.error_rate:.2%}: no {wanted}"
        )
        found.append(Reason("few_clients", text))
    share = 1 - others.trials / clients.without(heard, []).trials
    if share > policy.client_share:
        text = (
            f"{share:.0%} of the candidate's requests were {' and '.join(busy)}'s, more than"
            f" {policy.client_share:.0%}, so that the p95 is theirs: no {wanted}"
        )
        found.append(Reason("few_clients", text))
    return tuple(found)


def _undecidable(policy: Policy, state: JudgeState) -> Reason:
    if not latency.known(state.recent):
        return Reason("undecided", "production has too few latencies to choose a bucket edge")
    low, high = latency.p95_bucket(state.ledger.edges, state.recent)
    text = (
        f"no bucket edges decide a p95 ratio of {policy.p95_ratio:g}: production's p95 lies between"
        f" {low:.4g} and {high:.4g} ms"
    )
    return Reason("p95_undecidable", text)


def safe(policy: Policy, evidence: Evidence) -> str:
    """What was shown."""
    candidate = evidence.candidate
    text = f"{_rate(candidate)} of {candidate.requests:.0f} requests failed"
    if candidate.refused:
        share = f"no larger a share than {evidence.beside}'s"
        text += f" ({candidate.refused:.0f} more were refused, {share})"
    if policy.method == "threshold" or evidence.p95 is None:
        return f"{text} and the p95 is within {policy.p95_ratio:g} times {evidence.beside}'s"
    return (
        f"{text}, shown to be below {policy.error_rate:.2%}; the p95 is shown to be below"
        f" {evidence.p95.safe_ratio:.2g} times {evidence.beside}'s{_retries(evidence)}"
    )


def _retries(evidence: Evidence) -> str:
    ours, theirs = evidence.candidate.retried, evidence.champion.retried
    if not ours and not theirs:
        return ""
    return (
        f"; the gateway sent {ours:.0f} of its requests and {theirs:.0f} of {evidence.beside}'s"
        " once more, which may hide failures"
    )
