"""From cumulative counters to what happened since the poll before, source by source.

A source first seen at its version's first poll is a baseline; first seen later it is new and
starts at zero. Fewer requests than before mean that the source restarted: it counts from zero.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from operator import add, itemgetter, sub
from typing import NamedTuple

import msgspec

from components.judge.poll import Sample

MAX_COUNT = 2.0**53
"""Beyond it a float no longer counts in steps of one."""
MAX_EDGES = 1_000


class Growth(NamedTuple):
    """Requests, errors and cumulative buckets of an interval; no buckets are all zeros."""

    requests: float = 0.0
    errors: float = 0.0
    buckets: tuple[float, ...] = ()

    @property
    def latencies(self) -> float:
        """Answers whose latency is known."""
        return self.buckets[-1] if self.buckets else 0.0


class Source(NamedTuple):
    """What was last read of one source, and when (when it was first named, if never)."""

    last: Growth | None
    t: float


class Clock(NamedTuple):
    """Times in the polls' own seconds; the judge reads no other clock."""

    now: float
    before: float
    """The poll before."""
    gone: float
    """A source last read before this has left, unless it is still listed."""


class Layout(NamedTuple):
    """A histogram's bucket edges as they are written, as they rise, and how to pick counts so."""

    keys: tuple[str, ...]
    edges: tuple[float, ...]
    pick: Callable[[Mapping[str, float]], tuple[float, ...]]


class Ledger(msgspec.Struct, frozen=True):
    """All sources of both versions, and the histogram that they share."""

    sources: Mapping[tuple[str, str], Source]
    layout: Layout | None = None

    @property
    def edges(self) -> tuple[float, ...]:
        """The edges in ms, ending in infinity; empty while no histogram was read."""
        return self.layout.edges if self.layout else ()


class Interval(NamedTuple):
    """What one poll says of one version."""

    growth: Growth
    baseline: Growth
    """Counts from before the release."""
    read: bool
    """At least one source was read."""
    whole: bool
    """Every source was read now and at the poll before, and no counter went back."""
    missing: str | None
    """A source that was not read, though it may still serve."""
    fault: str | None
    """A sample that cannot be true."""


@lru_cache(maxsize=64)
def _layout(keys: tuple[str, ...]) -> Layout | None:
    """The edges in rising order and how to pick their counts; None if they make no histogram."""
    try:
        edges = sorted((float(key), key) for key in keys)
    except ValueError:
        return None
    values = tuple(edge for edge, _ in edges)
    rising = all(a < b for a, b in pairwise(values))
    if not 2 <= len(keys) <= MAX_EDGES or not rising or not values[0] > 0:
        return None
    if values[-1] != float("inf"):
        return None
    return Layout(keys, values, itemgetter(*(key for _, key in edges)))


def edges_of(buckets: Mapping[str, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The edges in ms, rising and ending in infinity, and their cumulative counts.

    Both are empty when `buckets` are no histogram.
    """
    layout = _layout(tuple(buckets)) if buckets else None
    return (layout.edges, layout.pick(buckets)) if layout else ((), ())


def _read(sample: Sample, usual: Layout | None) -> tuple[Growth, Layout | None] | str:
    """The sample's counters and their histogram, or why it cannot be true."""
    if not (0 <= sample.requests <= MAX_COUNT and 0 <= sample.errors <= MAX_COUNT):
        return "requests or errors are no count"
    if not sample.buckets:
        return Growth(sample.requests, sample.errors), usual
    keys = tuple(sample.buckets)
    layout = usual if usual is not None and usual.keys == keys else _layout(keys)
    if layout is None:
        return "the bucket edges are no rising positive numbers that end in +Inf"
    if usual is not None and layout.edges != usual.edges:
        return "its bucket edges differ from the other sources'"
    counts = layout.pick(sample.buckets)
    # The sum is NaN if any count is; sorting what is in order already is the fastest test of order.
    if not (counts[0] >= 0 and sum(counts) <= MAX_COUNT * len(counts)):
        return "a bucket holds no count"
    if counts[-1] > MAX_COUNT or sorted(counts) != [*counts]:
        return "the buckets do not rise with their edges"
    return Growth(sample.requests, sample.errors, counts), layout


def _since(last: Growth, now: Growth) -> tuple[Growth, bool] | None:
    """What was added and whether a counter went back; None if two scrapes are mixed up."""
    if now.requests < last.requests:
        return now, True
    if len(now.buckets) < len(last.buckets):
        return None
    requests, errors = now.requests - last.requests, now.errors - last.errors
    if errors > requests:
        return None
    buckets = tuple(map(sub, now.buckets, last.buckets)) if last.buckets else now.buckets
    if errors < 0 or (buckets and min(buckets) < 0):
        # Part of it went back while requests went on: a restart that cannot be told from a
        # mixed-up reading. Nothing of this interval counts; the next one starts here.
        return Growth(), True
    return Growth(requests, errors, buckets), False


def combine(a: Growth, b: Growth) -> Growth:
    """The sum of two sources or intervals."""
    if not a.buckets or not b.buckets:
        buckets = a.buckets or b.buckets
    else:
        buckets = tuple(map(add, a.buckets, b.buckets))
    return Growth(a.requests + b.requests, a.errors + b.errors, buckets)


def _missing(
    sources: Mapping[tuple[str, str], Source],
    version: str,
    samples: Mapping[str, Sample | None],
    clock: Clock,
) -> str | None:
    """A source that was not read now: it is listed, or was read lately.

    Only one that is no longer listed can have left; a listed one is there and may be failing.
    """
    for (owner, name), source in sources.items():
        if owner != version:
            continue
        if name in samples:
            unread = source.last is None or source.t < clock.now
        else:
            unread = source.last is not None and clock.gone <= source.t < clock.now
        if unread:
            return name
    return None


def advance(
    ledger: Ledger,
    version: str,
    samples: Mapping[str, Sample | None],
    clock: Clock,
    *,
    first: bool,
) -> tuple[Ledger, Interval]:
    """Read one version's samples; `first` makes sources that are new a baseline."""
    sources, layout = dict(ledger.sources), ledger.layout
    growth = baseline = Growth()
    read, whole, fault = False, True, None
    for name in sorted(samples):
        sample, key = samples[name], (version, name)
        known = sources.get(key)
        found = None if sample is None else _read(sample, layout)
        if isinstance(found, str):
            fault = fault or f"version {version}, source {name}: {found}"
        if not isinstance(found, tuple) or found[0].errors > found[0].requests:
            # Errors beyond requests are two scrapes mixed up: the next poll has both.
            sources.setdefault(key, Source(None, clock.now))
            continue
        now, layout = found
        if known is None and first:
            baseline = combine(baseline, now)
        elif known is None:
            growth = combine(growth, now)
        elif known.last is not None:
            since = _since(known.last, now)
            if since is None:
                continue
            added, went_back = since
            growth = combine(growth, added)
            whole = whole and not went_back and known.t == clock.before
        else:
            whole = False
        sources[key] = Source(now, clock.now)
        read = True
    missing = _missing(sources, version, samples, clock)
    return Ledger(sources, layout), Interval(
        growth, baseline, read, whole and missing is None, missing, fault
    )
