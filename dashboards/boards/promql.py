"""PromQL that the boards share: from the gateway's own names, by the labels that all series have.

A board's variables stand in it as Grafana fills them in: `$namespace` and `$endpoint` are one
value, `$version` is a regular expression, `$__rate_interval` is at least four scrapes.
"""

from components import gateway
from components.metrics.queries import SLUICE, Series

NS, EP, MV, ARM = (
    gateway.NAMESPACE_LABEL,
    gateway.ENDPOINT_LABEL,
    gateway.VERSION_LABEL,
    gateway.ARM_LABEL,
)
IN = (f'{NS}="$namespace"', f'{EP}="$endpoint"')
"""Matchers of the chosen endpoint."""
OF = (*IN, f'{MV}=~"$version"')
"""Matchers of the chosen versions of it."""
SPACE = (f'{NS}="$namespace"', f'{EP}!=""')
"""Matchers of every endpoint of the chosen namespace."""
R = "$__rate_interval"
V, E = f"v{{{{{MV}}}}}", f"{{{{{EP}}}}}"
"""Legends: a version, an endpoint."""
BY_VERSION = f"by ({MV})"
BY_ENDPOINT = f"by ({NS}, {EP})"

PREDICTOR, GATEWAY = 'job="predictor"', 'job="gateway"'
_LATENCY = gateway.LATENCY_SERIES.removesuffix("_bucket")


def pick(name: str, *matchers: str) -> str:
    """A selector of the series ``name``."""
    return Series(name).select(*matchers)


def rate(selector: str, window: str = R) -> str:
    """Growth of a counter per second."""
    return f"rate({selector}[{window}])"


def requests(by: str, where: tuple[str, ...], window: str = R) -> str:
    """Users' requests per second, without those that were the client's fault."""
    return f"sum {by} ({rate(SLUICE.requests.select(*where), window)})"


def _any(series: tuple[Series, ...], by: str, where: tuple[str, ...], window: str) -> str:
    found = " or ".join(rate(one.select(*where), window) for one in series)
    # A series is born with its first count: what has none yet has failed zero times.
    return f"(sum {by} ({found}) or 0 * {requests(by, where, window)})"


def failed_share(by: str, where: tuple[str, ...], window: str = R) -> str:
    """Share of requests that failed, 0 to 1; nothing where nobody asked."""
    failed = _any(SLUICE.failed, by, where, window)
    return f"{failed} / ({requests(by, where, window)} > 0)"


def refused(by: str, where: tuple[str, ...]) -> str:
    """Requests per second that a version refused as the client's fault."""
    return _any(SLUICE.refused, by, where, R)


def latency_ms(
    quantile: float, by: tuple[str, ...], where: tuple[str, ...], window: str = R
) -> str:
    """A quantile of the gateway's latency in milliseconds."""
    buckets = rate(SLUICE.latencies.select(*where), window)
    labels = ", ".join((*by, "le"))
    return f"histogram_quantile({quantile:g}, sum by ({labels}) ({buckets})) / {SLUICE.per_ms:g}"


def latency_mean_ms(by: str, where: tuple[str, ...]) -> str:
    """The gateway's mean latency in milliseconds."""
    return f"{mean(_LATENCY, by, where)} / {SLUICE.per_ms:g}"


def stage_mean_ms(name: str, by: str, where: tuple[str, ...]) -> str:
    """The mean of a predictor's histogram ``name`` of seconds, in milliseconds."""
    return f"1000 * {mean(name, by, where)}"


def mean(name: str, by: str, where: tuple[str, ...]) -> str:
    """The mean of what a histogram observed."""
    total, count = (rate(pick(f"{name}_{end}", *where)) for end in ("sum", "count"))
    return f"sum {by} ({total}) / (sum {by} ({count}) > 0)"


def stage_ms(name: str, quantile: float, where: tuple[str, ...]) -> str:
    """A quantile of a predictor's histogram of seconds, in milliseconds, over all replicas."""
    buckets = rate(pick(f"{name}_bucket", *where))
    return f"1000 * histogram_quantile({quantile:g}, sum by (le) ({buckets}))"
