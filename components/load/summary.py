"""What traffic got: shares, failures and latencies, in all and per version."""

from collections import Counter
from collections.abc import Sequence

from components import gateway
from components.load.sender import LATE_MS, NO_ANSWER, Outcome
from components.models import Frozen
from components.quantiles import nearest_rank


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
    times = [outcome.ms for outcome in outcomes if outcome.status]
    return Part(
        requests=len(outcomes),
        share=len(outcomes) / count if count else 0.0,
        failures=sum(o.status == NO_ANSWER or gateway.is_failed(o.status) for o in outcomes),
        p50_ms=nearest_rank(times, 0.5),
        p95_ms=nearest_rank(times, 0.95),
        p99_ms=nearest_rank(times, 0.99),
    )


def table(summary: Summary) -> str:
    """The figures for people, a version a line."""
    rate = summary.total.requests / summary.seconds if summary.seconds else 0.0
    lines = [
        f"{summary.total.requests} requests in {summary.seconds:.1f} s ({rate:.1f}/s), "
        f"{summary.late} left late; "
        + ", ".join(f"{status}: {count}" for status, count in summary.statuses.items()),
        f"{'version':<10}{'requests':>9}{'share':>8}{'failed':>8}"
        f"{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}",
    ]
    parts = {**summary.versions, "all": summary.total}
    return "\n".join(lines + [_row(name, part) for name, part in parts.items()])


def _row(name: str, part: Part) -> str:
    times = "".join(
        f"{'-' if value is None else format(value, '.1f'):>8}"
        for value in (part.p50_ms, part.p95_ms, part.p99_ms)
    )
    return f"{name:<10}{part.requests:>9}{part.share:>8.1%}{part.failures:>8}{times}"
