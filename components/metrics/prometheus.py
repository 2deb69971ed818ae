"""A Prometheus server's raw counters: the newest ones of a release, or polls out of the past."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from components import gateway
from components.errors import InputError, Unreachable
from components.judge import Poll, Sample
from components.metrics.queries import CAUSE, COUNTED, STYLES, Queries
from components.metrics.reading import Reading

MAX_POINTS = 11_000
"""Prometheus refuses more points per series in one query."""
TIMEOUT_S = 30.0
MEMORY_S = 24 * 3600
"""A source that counted something within this time is known."""

_Replica = tuple[str, ...]
"""The values of `Queries.replica`."""
_Key = tuple[_Replica, str]
"""A replica of the gateway and the name of a backend there."""


class _Found(NamedTuple):
    """One series of an answer."""

    labels: Mapping[str, str]
    edge: str
    """The bucket's upper edge in ms; empty if the series is none of a histogram."""
    points: list[tuple[float, float]]
    """Time in seconds since the epoch, and value; one point of an instant query."""


def sample(
    client: httpx.Client, queries: Queries, endpoint: str, versions: Sequence[str], max_age: float
) -> Reading:
    """The newest raw counters of each version, none older than ``max_age`` seconds.

    A version without a request yet has counters of zero, if the gateway was scraped and had
    nothing to say of it. A replica of the gateway that was not scraped makes its sources None; one
    that Prometheus no longer lists has left, and so have they.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    window = f"{max(1, math.ceil(max_age))}s"
    names = [name for version in versions for name in queries.backends(endpoint, version)]
    newest = _Newest(queries)
    for found in _ask(client, queries, "query", query=queries.newest(names, window)):
        newest.add(found)
    seen = {*newest.counted["requests"], *newest.buckets}
    replicas = newest.scraped or {("",) * len(queries.replica): False}
    if not all(replicas.values()):
        known = queries.counted(names, f"{MEMORY_S}s").requests
        seen |= {_key(queries, found) for found in _ask(client, queries, "query", query=known)}
    sources: dict[str, dict[str, Sample | None]] = {version: {} for version in versions}
    for version in versions:
        first, *others = queries.backends(endpoint, version)
        for replica, scraped in replicas.items():
            for name in (first, *(name for name in others if (replica, name) in seen)):
                labels = dict(zip(queries.replica, replica, strict=True)) | {queries.cluster: name}
                counters = newest.sample((replica, name)) if scraped else None
                sources[version][queries.source(labels)] = counters
    return Reading(sources, newest.unattributed)


class _Newest:
    """An answer to `Queries.newest`, sorted out."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.counted: dict[str, dict[_Key, float]] = {"requests": {}, "failed": {}}
        self.buckets: dict[_Key, dict[str, float]] = {}
        self.scraped: dict[_Replica, bool] = {}
        self.unattributed: dict[str, float] = {}

    def add(self, found: _Found) -> None:
        """Take one series of the answer."""
        what, key = found.labels.get(COUNTED, ""), _key(self._queries, found)
        ((_, value),) = found.points
        if what == "latencies":
            self.buckets.setdefault(key, {})[found.edge] = value
        elif what == "scraped":
            self.scraped[key[0]] = value == 1
        elif what == "unattributed":
            self.unattributed[found.labels.get(CAUSE, "")] = value
        else:
            self.counted.setdefault(what, {})[key] = value

    def sample(self, key: _Key) -> Sample:
        """What a backend of a scraped replica counted; what has no series yet is zero."""
        requests, failed = (self.counted[what].get(key, 0.0) for what in ("requests", "failed"))
        return Sample(
            requests, failed, dict.fromkeys(self._queries.edges, 0.0) | self.buckets.get(key, {})
        )


class Range(NamedTuple):
    """What to read: seconds since the epoch, and the seconds between two polls."""

    start: float
    end: float
    step: float


def fetch_polls(
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


_Values = dict[int, float]
"""A series by the poll's number."""


def _version(
    client: httpx.Client, queries: Queries, endpoint: str, version: str, span: Range
) -> dict[int, dict[str, Sample | None]]:
    """The samples of one version by the poll's number and source."""
    names = queries.backends(endpoint, version)
    requests, failed, latencies = (
        _over(client, query, queries, span) for query in queries.counted(names)
    )
    if not requests:
        raise InputError(f"Prometheus has no requests of {names[0]} in that time")
    found: dict[int, dict[str, Sample | None]] = {}
    for (source, _), counts in requests.items():
        errors = failed.get((source, ""), {})
        slow = {edge: values for (owner, edge), values in latencies.items() if owner == source}
        for at in range(min(counts), max(counts) + 1):
            found.setdefault(at, {})[source] = _sample(at, counts, errors, slow)
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


def _over(
    client: httpx.Client, query: str, queries: Queries, span: Range
) -> dict[tuple[str, str], _Values]:
    """Values per source and bucket edge."""
    start, end, step = span
    found = _ask(client, queries, "query_range", query=query, start=start, end=end, step=step)
    return {
        (queries.source(one.labels), one.edge): {
            round((at - start) / step): value for at, value in one.points
        }
        for one in found
    }


def _key(queries: Queries, found: _Found) -> _Key:
    replica = tuple(found.labels.get(label, "") for label in queries.replica)
    return replica, found.labels.get(queries.cluster, "")


def _ask(client: httpx.Client, queries: Queries, api: str, **asked: str | float) -> list[_Found]:
    try:
        answer = client.get(f"/api/v1/{api}", params=asked)
        answer.raise_for_status()
        return [_found(one, queries) for one in answer.json()["data"]["result"]]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error


def _found(series: Mapping[str, Any], queries: Queries) -> _Found:
    labels: dict[str, str] = series["metric"]
    points = series["values"] if "values" in series else [series["value"]]
    edge = gateway.milliseconds(labels["le"], queries.per_ms) if "le" in labels else ""
    return _Found(labels, edge, [(float(at), float(value)) for at, value in points])
