"""Polls out of a Prometheus server: a retrospective over two versions' raw counters."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from components.errors import InputError, Unreachable
from components.judge.poll import Poll, Sample

MAX_POINTS = 11_000
"""Prometheus refuses more points per series in one query."""
TIMEOUT_S = 30.0

_Values = dict[int, float]
"""A series by the poll's number."""


class Style(NamedTuple):
    """PromQL of one gateway; `{series}` becomes the version's own name there."""

    series: str
    """The version's name, from `{endpoint}` and `{version}`."""
    requests: str
    errors: str
    buckets: str
    """A histogram by `le`."""
    edges_per_ms: float
    """What an `le` of one millisecond is written as."""
    source: tuple[str, ...]
    """The labels that tell sources apart."""


_ANSWERED = 'envoy_sluice_requests{{cluster=~"{series}(-grpc)?"'

STYLES = {
    # What `local/envoy.py` counts and `local/metrics.py` reads: one series for each status code.
    "sluice": Style(
        series="{endpoint}-v{version}",
        requests=f"sum by (instance, cluster) ({_ANSWERED}}}}})",
        errors=(
            f'sum by (instance, cluster) ({_ANSWERED},code=~"[5-9].."}}}}'
            f' or {_ANSWERED},grpc=~"2|4|13|14|15"}}}})'
        ),
        buckets=(
            "sum by (instance, cluster, le)"
            ' (envoy_sluice_latency_bucket{{cluster=~"{series}(-grpc)?"}})'
        ),
        edges_per_ms=1000,
        source=("instance", "cluster"),
    ),
    "envoy": Style(
        series="{endpoint}-v{version}",
        requests='envoy_cluster_upstream_rq_total{{envoy_cluster_name="{series}"}}',
        errors=(
            'envoy_cluster_upstream_rq_xx{{envoy_cluster_name="{series}",'
            'envoy_response_code_class="5"}}'
        ),
        buckets='envoy_cluster_upstream_rq_time_bucket{{envoy_cluster_name="{series}"}}',
        edges_per_ms=1,
        source=("instance",),
    ),
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
    version), which Prometheus does not know. A source without a value between its first and its
    last one was not scraped then: it is None.

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
        _query(client, query.format(series=name), style, span)
        for query in (style.requests, style.errors, style.buckets)
    )
    if not requests:
        raise InputError(f"Prometheus has no requests of {name} in that time")
    found: dict[int, dict[str, Sample | None]] = {}
    for (source, _), counts in requests.items():
        failed = errors.get((source, ""), {})
        slow = {edge: values for (owner, edge), values in buckets.items() if owner == source}
        for at in range(min(counts), max(counts) + 1):
            found.setdefault(at, {})[source] = _sample(at, counts, failed, slow)
    return found


def _sample(
    at: int, requests: _Values, failed: _Values, slow: Mapping[str, _Values]
) -> Sample | None:
    """One source's counters at a poll within its time; None if it was not, or not all, read."""
    # A series of errors begins with the first error and a restart ends it, but none has holes.
    hole = at not in failed and any(other < at for other in failed) and max(failed) > at
    if at not in requests or hole:
        return None
    histogram = {edge: counts[at] for edge, counts in slow.items() if at in counts}
    return Sample(requests[at], failed.get(at, 0.0), histogram)


def _query(
    client: httpx.Client, query: str, style: Style, span: Range
) -> dict[tuple[str, str], _Values]:
    """Values per source and bucket edge in ms (empty where there is none)."""
    times = {"start": span.start, "end": span.end, "step": span.step}
    try:
        answer = client.get("/api/v1/query_range", params={"query": query, **times})
        answer.raise_for_status()
        series: list[dict[str, Any]] = answer.json()["data"]["result"]
        return {
            (_source(one["metric"], style), _edge(one["metric"].get("le", ""), style)): {
                round((at - span.start) / span.step): float(value) for at, value in one["values"]
            }
            for one in series
        }
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error


def _source(labels: Mapping[str, str], style: Style) -> str:
    return "/".join(labels.get(label, "") for label in style.source)


def _edge(le: str, style: Style) -> str:
    return le if le in {"", "+Inf"} else f"{float(le) / style.edges_per_ms:g}"
