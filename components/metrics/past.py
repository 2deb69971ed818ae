"""Polls out of a Prometheus server's past."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import httpx
import msgspec

from components.errors import InputError
from components.judge import Poll, Sample
from components.metrics.prometheus import (
    BORN_SLACK_S,
    MEMORY_S,
    Copy,
    Found,
    ask,
    client_of,
    copy_of,
    of_numbers,
)
from components.metrics.queries import STYLES, Queries

MAX_POINTS = 11_000
"""Prometheus refuses more points per series in one query."""


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
    with client_of(url, transport) as client:
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
        self.scraped: _Values = {}
        """When what is known at a poll was read."""

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
        return of_numbers(queries.sample(counts, buckets))

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
    sources: dict[str, dict[Copy, _Ranged]] = {}
    for what, query in queries.counted(names)._asdict().items():
        for one, points in over(client, query, queries, span) if query else ():
            copies = sources.setdefault(queries.source(one.labels), {})
            copies.setdefault(copy_of(queries, one), _Ranged()).take(what, one.edge, points)
    asked = {
        source: {copy: of for copy, of in copies.items() if of.counts.get("requests")}
        for source, copies in sources.items()
    }
    if not any(asked.values()):
        raise InputError(f"Prometheus has no requests of {names[0]} in that time")
    for one, points in over(client, queries.scraped_at(names), queries, span):
        copies = asked.get(queries.source(one.labels), {})
        if (copy := copy_of(queries, one)) in copies:
            copies[copy].scraped = points
    born = _births(client, queries, span)
    earlier = _known_before(client, queries, names, span)
    found: dict[int, dict[str, Sample | None]] = {}
    for source, copies in asked.items():
        polls = {at for of in copies.values() for at in of.counts["requests"]}
        # Of a source that was known before, the first value is not its beginning.
        first = 0 if source in earlier else min(polls, default=0)
        newest = -math.inf
        for at in range(first, max(polls, default=-1) + 1):
            read, newest = _read(queries, copies, at, newest)
            began = born.get(source.split("/")[0], {}).get(at)
            if read is not None and began is not None:
                read = msgspec.structs.replace(read, born=began - span.start)
            found.setdefault(at, {})[source] = read
    return found


def _read(
    queries: Queries, copies: Mapping[Copy, _Ranged], at: int, newest: float
) -> tuple[Sample | None, float]:
    """The counters at a poll, and when they were read, which is not before ``newest``.

    The copies are of one process, however often it is seen: what was read last holds. A copy that
    is not scraped any more (its labels have changed) stands still for minutes, so that going back
    to it would look like a restart.
    """
    known = sorted((-of.scraped[at], copy) for copy, of in copies.items() if at in of.scraped)
    for before, copy in known:
        read = copies[copy].read(queries, at) if -before >= newest else None
        if read is not None:
            return read, -before
    return None, newest


def _births(client: httpx.Client, queries: Queries, span: Range) -> dict[str, _Values]:
    """When the process of each instance began, as seen at each poll."""
    query = queries.began()
    found: dict[str, _Values] = {}
    for one, points in over(client, query, queries, span) if query else ():
        into = found.setdefault(one.labels.get("instance", ""), {})
        for at, value in points.items():
            if 0 < value <= span.start + at * span.step + BORN_SLACK_S:
                into[at] = max(value, into.get(at, value))
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
    """Each series of the answer with its values by the poll's number; NaN is no value.

    Raises:
        Unreachable: the server did not answer, or not as Prometheus does.
    """
    start, end, step = span
    found = ask(client, queries, "query_range", query=query, start=start, end=end, step=step)
    return [
        (
            one,
            {round((at - start) / step): value for at, value in one.points if math.isfinite(value)},
        )
        for one in found
    ]
