"""Polls out of a Prometheus server: a retrospective over two versions' raw counters."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from components.errors import InputError, Unreachable
from components.judge.poll import Poll, Sample

MAX_POINTS = 11_000
"""Prometheus refuses more points per series in one query."""
TIMEOUT_S = 30.0


class Style(NamedTuple):
    """PromQL selectors of one gateway; `{series}` becomes the version's own name there."""

    series: str
    """The version's name, from `{endpoint}` and `{version}`."""
    requests: str
    errors: str
    buckets: str
    """A histogram with `le` in milliseconds."""
    source: str
    """The label that tells sources apart."""


STYLES = {
    "envoy": Style(
        series="{endpoint}-v{version}",
        requests='envoy_cluster_upstream_rq_total{{envoy_cluster_name="{series}"}}',
        errors=(
            'envoy_cluster_upstream_rq_xx{{envoy_cluster_name="{series}",'
            'envoy_response_code_class="5"}}'
        ),
        buckets='envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="{series}"}}',
        source="instance",
    )
}


class Range(NamedTuple):
    """What to read: seconds since the epoch, and the seconds between two polls."""

    start: float
    end: float
    step: float


def fetch(
    url: str,
    style: str,
    endpoint: str,
    weights: Mapping[str, float],
    span: Range,
    *,
    transport: httpx.BaseTransport | None = None,
) -> list[Poll]:
    """One poll per `span.step` over the range.

    The first poll is the baseline of both versions; the later ones carry `weights` (percent by
    version), which Prometheus does not know.

    Raises:
        InputError: the range is empty or too long, or the server has no requests of a version.
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    points = (span.end - span.start) / span.step
    if not 1 <= points < MAX_POINTS:
        raise InputError(
            f"the range holds {points:.0f} polls: choose --from, --to and --poll for"
            f" 1 to {MAX_POINTS}"
        )
    with httpx.Client(base_url=url, timeout=TIMEOUT_S, transport=transport) as client:
        versions = {v: _version(client, STYLES[style], endpoint, v, span) for v in weights}
    champion = max(weights, key=lambda version: weights[version])
    polls = []
    for index in range(int(points) + 1):
        sources = {version: samples.get(index, {}) for version, samples in versions.items()}
        split = dict(weights) if index else {champion: 100.0}
        polls.append(Poll(index * span.step, split, sources))
    return polls


def _version(
    client: httpx.Client, style: Style, endpoint: str, version: str, span: Range
) -> dict[int, dict[str, Sample | None]]:
    """The samples of one version by the poll's number and source."""
    name = style.series.format(endpoint=endpoint, version=version)
    requests, errors, buckets = (
        _query(client, query.format(series=name), style.source, span)
        for query in (style.requests, style.errors, style.buckets)
    )
    if not requests:
        raise InputError(f"Prometheus has no requests of {name} in that time")
    found: dict[int, dict[str, Sample | None]] = {}
    for (source, _), values in requests.items():
        # A series of errors begins with the first error.
        failed = errors.get((source, ""), {})
        slow = {edge: counts for (owner, edge), counts in buckets.items() if owner == source}
        for at, count in values.items():
            histogram = {edge: counts[at] for edge, counts in slow.items() if at in counts}
            sample = Sample(count, failed.get(at, 0.0), histogram)
            found.setdefault(at, {})[source] = sample
    return found


def _query(
    client: httpx.Client, query: str, source: str, span: Range
) -> dict[tuple[str, str], dict[int, float]]:
    """Values by the poll's number, per source and bucket edge (empty where there is none)."""
    times = {"start": span.start, "end": span.end, "step": span.step}
    try:
        answer = client.get("/api/v1/query_range", params={"query": query, **times})
        answer.raise_for_status()
        series: list[dict[str, Any]] = answer.json()["data"]["result"]
        return {
            (one["metric"].get(source, ""), one["metric"].get("le", "")): {
                round((at - span.start) / span.step): float(value) for at, value in one["values"]
            }
            for one in series
        }
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error
