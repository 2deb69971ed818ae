"""The plain rule for those whose process demands it: point estimates against thresholds.

No guarantee of any kind comes with it; it has the same no-data states and split check.
"""

from components.judge.policy import Policy
from components.judge.verdict import Arm, Reason


def enough(policy: Policy, candidate: Arm, champion: Arm) -> bool:
    """Both versions had the minimum number of requests, with known latencies."""
    return all(
        min(arm.requests, arm.latencies) >= policy.min_requests for arm in (candidate, champion)
    )


def found(policy: Policy, candidate: Arm, champion: Arm, beside: str) -> tuple[Reason, ...]:
    """What exceeds its threshold, once there is enough to say so; ``beside`` names the champion."""
    refused = _refused(policy, candidate, champion, beside)
    if not enough(policy, candidate, champion):
        return refused
    return refused + faults(policy, candidate, champion, beside)


def _refused(policy: Policy, candidate: Arm, champion: Arm, beside: str) -> tuple[Reason, ...]:
    """The candidate refuses a larger share than production, by more than the error limit."""
    if min(candidate.asked, champion.asked) < policy.min_requests:
        return ()
    ours, theirs = candidate.refused / candidate.asked, champion.refused / champion.asked
    if ours <= theirs + policy.error_rate:
        return ()
    text = f"{ours:.2%} of the candidate's requests were refused (4xx), {theirs:.2%} of {beside}'s"
    return (Reason("refused", text),)


def faults(
    policy: Policy, candidate: Arm, champion: Arm, beside: str = "production"
) -> tuple[Reason, ...]:
    """What exceeds its threshold; call it once there is `enough`."""
    found = []
    rate = candidate.errors / candidate.requests
    if rate > policy.error_rate:
        text = f"{rate:.2%} of the candidate's requests failed, more than {policy.error_rate:.2%}"
        found.append(Reason("error_rate", text))
    # There are answers of both, so a p95 that is None lies beyond the highest edge.
    if candidate.p95_ms is None and champion.p95_ms is not None:
        text = f"the p95 lies beyond the highest bucket edge, {beside}'s does not"
        found.append(Reason("p95", text))
    elif candidate.p95_ms and champion.p95_ms:
        ratio = candidate.p95_ms / champion.p95_ms
        if ratio > policy.p95_ratio:
            text = f"the p95 is {ratio:.2f} times {beside}'s, more than {policy.p95_ratio:g}"
            found.append(Reason("p95", text))
    return tuple(found)


def lacking(policy: Policy, candidate: Arm, champion: Arm) -> tuple[Reason, ...]:
    """What is missing to compare with the thresholds."""
    if not enough(policy, candidate, champion):
        text = f"fewer than {policy.min_requests} requests, or latencies, of one version"
        return (Reason("undecided", text),)
    if candidate.p95_ms is None and champion.p95_ms is None:
        text = "both p95s lie beyond the highest bucket edge: they cannot be compared"
        return (Reason("undecided", text),)
    return ()
