"""A Prometheus server's raw counters: the newest ones of a release, or polls out of the past."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import httpx
import msgspec

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

BORN_SLACK_S = 60.0
"""A process that began later than so long after it was read is none."""

_Replica = tuple[str, ...]
"""The values of `Queries.replica`."""
_Key = tuple[_Replica, str]
"""A replica of the gateway and the name of a backend there."""
_Copy = tuple[tuple[str, str], ...]
"""The labels besides: series that differ in them are copies of one target, or other targets."""


class Found(NamedTuple):
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
    nothing to say of it. A replica of the gateway that was not scraped makes its sources None, and
    so does a counter that is no number; a replica that Prometheus no longer lists has left, and so
    have they. `Sample.born` is in seconds since the epoch.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    window = f"{max(1, math.ceil(max_age))}s"
    names = [name for version in versions for name in queries.backends(endpoint, version)]
    newest = _Newest(queries)
    for found in ask(client, queries, "query", query=queries.newest(names, window)):
        newest.add(found)
    seen = set(newest.copies)
    replicas = newest.scraped or {("",) * len(queries.replica): False}
    if not all(replicas.values()):
        known = queries.counted(names, f"{MEMORY_S}s").requests
        seen |= {key_of(queries, found) for found in ask(client, queries, "query", query=known)}
    sources: dict[str, dict[str, Sample | None]] = {version: {} for version in versions}
    for version in versions:
        first, *others = queries.backends(endpoint, version)
        for replica, scraped in replicas.items():
            for name in (first, *(name for name in others if (replica, name) in seen)):
                labels = dict(zip(queries.replica, replica, strict=True)) | {queries.cluster: name}
                counters = newest.sample((replica, name)) if scraped else None
                sources[version][queries.source(labels)] = counters
    return Reading(sources, newest.unattributed)


class _Copied:
    """What one copy of a source's series says at one time."""

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}
        self.buckets: dict[str, float] = {}

    def add(self, what: str, found: Found, value: float) -> None:
        """Take one value; one edge that is written in two ways is one edge."""
        if what == "latencies":
            self.buckets[found.edge] = max(value, self.buckets.get(found.edge, 0.0))
        else:
            self.counts[what] = value


class _Newest:
    """An answer to `Queries.newest`, sorted out."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self.copies: dict[_Key, dict[_Copy, _Copied]] = {}
        self.scraped: dict[_Replica, bool] = {}
        self.unattributed: dict[str, float] = {}
        self._began: dict[_Replica, float] = {}
        self._retried: dict[_Key, float] = {}

    def add(self, found: Found) -> None:
        """Take one series of the answer."""
        what, key = found.labels.get(COUNTED, ""), key_of(self._queries, found)
        ((at, value),) = found.points
        if what == "scraped":
            self.scraped[key[0]] = self.scraped.get(key[0], False) or value == 1
        elif what == "unattributed":
            self.unattributed[found.labels.get(CAUSE, "")] = value
        elif what == "began":
            if 0 < value <= at + BORN_SLACK_S:
                self._began[key[0]] = max(value, self._began.get(key[0], value))
        elif what == "retried":
            self._retried[key] = max(value, self._retried.get(key, value))
        else:
            copies = self.copies.setdefault(key, {})
            copies.setdefault(_copy(self._queries, found), _Copied()).add(what, found, value)

    def sample(self, key: _Key) -> Sample | None:
        """What a backend of a scraped replica counted; what has no series yet is zero."""
        copies = self.copies.get(key)
        one = copies[min(copies)] if copies else _Copied()
        zeros = dict.fromkeys(self._queries.edges, 0.0)
        read = self._queries.sample(one.counts, zeros | one.buckets)
        retried, born = self._retried.get(key, 0.0), self._began.get(key[0])
        return _of_numbers(msgspec.structs.replace(read, retried=retried, born=born))


def _of_numbers(read: Sample) -> Sample | None:
    """The sample, or None if any of its counters is NaN or infinite."""
    counters = (read.requests, read.errors, read.refused, read.unanswered, read.retried)
    return read if all(map(math.isfinite, (*counters, *read.buckets.values()))) else None


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
    # This machine's own servers are asked past any proxy of the environment.
    far = httpx.URL(url).host not in {"localhost", "127.0.0.1", "::1"}
    with httpx.Client(
        base_url=url, timeout=TIMEOUT_S, transport=transport, trust_env=far
    ) as client:
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


class _Ranged:
    """One copy of a source's series over the range."""

    def __init__(self) -> None:
        self.counts: dict[str, _Values] = {}
        self.buckets: dict[str, _Values] = {}

    def take(self, what: str, edge: str, points: _Values) -> None:
        """Take one series; one edge that is written in two ways has the values of both."""
        into = self.buckets if what == "latencies" else self.counts
        values = into.setdefault(edge or what, {})
        for at, value in points.items():
            values[at] = max(value, values.get(at, value))

    def read(self, queries: Queries, at: int) -> Sample | None:
        """The copy's counters at a poll; None if they were not, or not all, read."""
        requests = self.counts.get("requests", {})
        if at not in requests or self._hole(at):
            return None
        if any(
            first < at < last and at not in self.buckets[edge] for edge, first, last in self._spans
        ):
            return None
        counts = {what: values[at] for what, values in self.counts.items() if at in values}
        buckets = {edge: values[at] for edge, values in self.buckets.items() if at in values}
        return _of_numbers(queries.sample(counts, buckets))

    def _hole(self, at: int) -> bool:
        """The errors, which have begun and go on, are missing though nothing was restarted.

        A series of errors begins with the first error and a restart ends it.
        """
        requests, failed = self.counts["requests"], self.counts.get("failed", {})
        if at in failed:
            return False
        place = bisect_left(self._failed_at, at)
        if not 0 < place < len(self._failed_at):
            return False
        return requests[at] >= requests.get(self._failed_at[place - 1], 0.0)

    @cached_property
    def _spans(self) -> list[tuple[str, int, int]]:
        """The first and the last poll of each edge."""
        return [(edge, min(of), max(of)) for edge, of in self.buckets.items() if of]

    @cached_property
    def _failed_at(self) -> list[int]:
        return sorted(self.counts.get("failed", {}))


def _version(
    client: httpx.Client, queries: Queries, endpoint: str, version: str, span: Range
) -> dict[int, dict[str, Sample | None]]:
    """The samples of one version by the poll's number and source."""
    names = queries.backends(endpoint, version)
    sources: dict[str, dict[_Copy, _Ranged]] = {}
    for what, query in queries.counted(names)._asdict().items():
        for one, points in over(client, query, queries, span) if query else ():
            copies = sources.setdefault(queries.source(one.labels), {})
            copies.setdefault(_copy(queries, one), _Ranged()).take(what, one.edge, points)
    asked = {
        source: {copy: of for copy, of in copies.items() if of.counts.get("requests")}
        for source, copies in sources.items()
    }
    if not any(asked.values()):
        raise InputError(f"Prometheus has no requests of {names[0]} in that time")
    born = _births(client, queries, span)
    earlier = _known_before(client, queries, names, span)
    found: dict[int, dict[str, Sample | None]] = {}
    for source, copies in asked.items():
        polls = {at for of in copies.values() for at in of.counts["requests"]}
        # Of a source that was known before, the first value is not its beginning.
        first = 0 if source in earlier else min(polls, default=0)
        for at in range(first, max(polls, default=-1) + 1):
            # One process, however often it is seen: the first copy that was read.
            reads = (copies[copy].read(queries, at) for copy in sorted(copies))
            read = next((one for one in reads if one is not None), None)
            began = born.get(source.split("/")[0], {}).get(at)
            if read is not None and began is not None:
                read = msgspec.structs.replace(read, born=began - span.start)
            found.setdefault(at, {})[source] = read
    return found


def _births(client: httpx.Client, queries: Queries, span: Range) -> dict[str, _Values]:
    """When the process of each instance began, as seen at each poll."""
    query = queries.began()
    found: dict[str, _Values] = {}
    for one, points in over(client, query, queries, span) if query else ():
        into = found.setdefault(one.labels.get("instance", ""), {})
        for at, value in points.items():
            if 0 < value <= span.start + at * span.step + BORN_SLACK_S:
                into[at] = value
    return found


def _known_before(
    client: httpx.Client, queries: Queries, names: Sequence[str], span: Range
) -> set[str]:
    """The sources that counted something in the day before the range."""
    query = queries.counted(names, f"{MEMORY_S}s").requests
    return {
        queries.source(one.labels)
        for one in ask(client, queries, "query", query=query, time=span.start)
    }


def over(
    client: httpx.Client, query: str, queries: Queries, span: Range
) -> list[tuple[Found, _Values]]:
    """Each series of the answer with its values by the poll's number; NaN is no value."""
    start, end, step = span
    found = ask(client, queries, "query_range", query=query, start=start, end=end, step=step)
    return [
        (
            one,
            {round((at - start) / step): value for at, value in one.points if math.isfinite(value)},
        )
        for one in found
    ]


def _copy(queries: Queries, found: Found) -> _Copy:
    known = {*queries.replica, queries.cluster, *queries.parts, "le", COUNTED, CAUSE, "__name__"}
    return tuple(sorted(it for it in found.labels.items() if it[0] not in known))


def key_of(queries: Queries, found: Found) -> _Key:
    """The replica and the backend that a series is of."""
    replica = tuple(found.labels.get(label, "") for label in queries.replica)
    return replica, found.labels.get(queries.cluster, "")


def ask(client: httpx.Client, queries: Queries, api: str, **asked: str | float) -> list[Found]:
    """The series of an answer.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    try:
        answer = client.get(f"/api/v1/{api}", params=asked)
        answer.raise_for_status()
        return [_found(one, queries) for one in answer.json()["data"]["result"]]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"Prometheus at {client.base_url}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{client.base_url} does not answer as Prometheus does: {error!r}"
        raise Unreachable(text) from error


def _found(series: Mapping[str, Any], queries: Queries) -> Found:
    labels: dict[str, str] = series["metric"]
    points = series["values"] if "values" in series else [series["value"]]
    edge = gateway.milliseconds(labels["le"], queries.per_ms) if "le" in labels else ""
    return Found(labels, edge, [(float(at), float(value)) for at, value in points])
