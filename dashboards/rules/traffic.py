"""What users got, of each version and of each endpoint, as rates over five minutes.

Recorded often, and averaged by whoever looks at hours or days: a rate over three days would read
every scrape of them.
"""

from components import gateway
from components.metrics.queries import SLUICE, Series
from dashboards.rules.form import BY_ENDPOINT, BY_VERSION, EVERY_S, Group, recorded

VERSION_REQUESTS = "version:sluice_requests:rate5m"
VERSION_ERRORS = "version:sluice_errors:rate5m"
VERSION_P95 = "version:sluice_latency_ms:p95_5m"
REQUESTS = "endpoint:sluice_requests:rate5m"
ERRORS = "endpoint:sluice_errors:rate5m"
ANSWERS = "endpoint:sluice_answers:rate5m"
"""Those that have a latency."""
SLOW = "endpoint:sluice_slow:rate5m"
"""Those of them that did not come in time; `slo.objectives` records it, endpoint by endpoint."""


def groups(every_s: int = EVERY_S) -> list[Group]:
    """The rates of versions, and of endpoints as their sums."""
    latencies = f"sum by ({BY_VERSION}, le) ({_of_users(SLUICE.latencies)})"
    rules = [
        recorded(VERSION_REQUESTS, f"sum by ({BY_VERSION}) ({_of_users(SLUICE.requests)})"),
        # A version without an error has no series of errors: zero.
        recorded(
            VERSION_ERRORS,
            f"sum by ({BY_VERSION}) (\n{_failed()}\n)\nor\n0 * {VERSION_REQUESTS}\n",
        ),
        recorded(
            VERSION_P95,
            f"histogram_quantile(\n  0.95, {latencies}\n) / {SLUICE.per_ms}\n",
        ),
        recorded(REQUESTS, f"sum by ({BY_ENDPOINT}) ({VERSION_REQUESTS})"),
        recorded(ERRORS, f"sum by ({BY_ENDPOINT}) ({VERSION_ERRORS})"),
        recorded(ANSWERS, answered(gateway.USERS, 'le="+Inf"')),
    ]
    return [{"name": "sluice-traffic", "interval": f"{every_s}s", "rules": rules}]


def answered(*matchers: str) -> str:
    """Answers a second of each endpoint, in the buckets of these matchers."""
    return f"sum by ({BY_ENDPOINT}) ({_rate(SLUICE.latencies, *matchers)})"


def _rate(series: Series, *matchers: str) -> str:
    return f"rate({series.select(*matchers)}[5m])"


def _of_users(series: Series) -> str:
    return _rate(series, gateway.USERS)


def _failed() -> str:
    return "\n  or\n".join(f"    {_of_users(series)}" for series in SLUICE.failed)
