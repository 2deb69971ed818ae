"""What traffic got: shares, failures and latencies, in all and per version."""

import math
from collections import Counter
from collections.abc import Sequence

from components import gateway
from components.load.sender import LATE_MS, NO_ANSWER, Outcome
from components.models import Frozen


class Part(Frozen):
    """The answers of one version, or of all."""

    requests: int
    share: float
    """Of all requests."""
    failures: int
    """Failed as the gateway counts it, or no answer."""
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    """Over all answers; None without any."""


class Summary(Frozen):
    """A run of traffic, or a window of it."""

    seconds: float
    """From the first due time to the last."""
    late: int
    """Requests that left more than 10 ms after they were due."""
    statuses: dict[str, int]
    """Requests by status; what got no answer by the kind of error."""
    total: Part
    versions: dict[str, Part]
    """By the version that answered."""


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """The figures of ``outcomes``."""
    count = len(outcomes)
    by_version: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.version is not None:
            by_version.setdefault(outcome.version, []).append(outcome)
    statuses = Counter(str(o.status) if o.status else o.error or "no answer" for o in outcomes)
    due = [outcome.due for outcome in outcomes]
    return Summary(
        seconds=max(due) - min(due) if due else 0.0,
        late=sum(outcome.late_ms > LATE_MS for outcome in outcomes),
        statuses=dict(sorted(statuses.items())),
        total=_part(outcomes, count),
        versions={name: _part(part, count) for name, part in sorted(by_version.items())},
    )


def _part(outcomes: Sequence[Outcome], count: int) -> Part:
    times = sorted(outcome.ms for outcome in outcomes if outcome.status)
    return Part(
        requests=len(outcomes),
        share=len(outcomes) / count if count else 0.0,
        failures=sum(o.status == NO_ANSWER or gateway.is_failed(o.status) for o in outcomes),
        p50_ms=_quantile(times, 0.5),
        p95_ms=_quantile(times, 0.95),
        p99_ms=_quantile(times, 0.99),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of the values do not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
