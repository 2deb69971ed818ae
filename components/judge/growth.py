"""What a source counted: one sample checked, and sums of what was counted."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from operator import add, itemgetter
from typing import NamedTuple

import msgspec

from components.judge.poll import Sample

MAX_COUNT = 2.0**53
"""Beyond it a float no longer counts in steps of one."""
MAX_EDGES = 1_000


class Growth(msgspec.Struct, frozen=True, gc=False):
    """What was counted, over a life or an interval; no buckets are all zeros."""

    requests: float = 0.0
    """Those that were answered or should have been; not the refused ones."""
    errors: float = 0.0
    """Of the requests."""
    buckets: tuple[float, ...] = ()
    """Cumulative; an answer that never came is slower than every finite edge."""
    refused: float = 0.0
    """Requests that the version refused as the client's fault."""
    unanswered: float = 0.0
    """Of the errors: no answer came."""
    retried: float = 0.0
    """Requests that the gateway sent once more."""

    @property
    def latencies(self) -> float:
        """Answers whose latency is known, or known to be beyond the histogram."""
        return self.buckets[-1] if self.buckets else 0.0

    @property
    def asked(self) -> float:
        """All requests that reached the version."""
        return self.requests + self.refused


NOTHING = Growth()
"""Nothing was counted."""


class Layout(NamedTuple):
    """A histogram's bucket edges as they are written, as they rise, and how to pick counts so."""

    keys: tuple[str, ...]
    edges: tuple[float, ...]
    pick: Callable[[Mapping[str, float]], tuple[float, ...]]


@lru_cache(maxsize=64)
def layout_of(keys: tuple[str, ...]) -> Layout | None:
    """The edges in rising order and how to pick their counts; None if they make no histogram."""
    try:
        edges = sorted((float(key), key) for key in keys)
    except ValueError:
        return None
    values = tuple(edge for edge, _ in edges)
    rises = all(a < b for a, b in pairwise(values))
    if not 2 <= len(keys) <= MAX_EDGES or not rises or not values[0] > 0:
        return None
    if values[-1] != float("inf"):
        return None
    rising = tuple(key for _, key in edges)
    return Layout(keys, values, _in_order if keys == rising else itemgetter(*rising))


def _in_order(buckets: Mapping[str, float]) -> tuple[float, ...]:
    return tuple(buckets.values())


def edges_of(buckets: Mapping[str, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The edges in ms, rising and ending in infinity, and their cumulative counts.

    Both are empty when `buckets` are no histogram.
    """
    layout = layout_of(tuple(buckets)) if buckets else None
    return (layout.edges, layout.pick(buckets)) if layout else ((), ())


def read_sample(sample: Sample, usual: Layout | None) -> tuple[Growth, Layout | None] | str:
    """The sample's counters and their histogram, or why it cannot be true."""
    counters = (
        sample.requests,
        sample.errors,
        sample.refused,
        sample.unanswered,
        sample.retried,
    )
    # The sum is NaN if any counter is.
    if not (min(counters) >= 0 and sum(counters) <= MAX_COUNT):
        return "requests or errors are no count"
    requests, errors, *more = counters
    if not sample.buckets:
        return Growth(requests, errors, (), *more), usual
    keys = tuple(sample.buckets)
    layout = usual if usual is not None and usual.keys == keys else layout_of(keys)
    if layout is None:
        return "the bucket edges are no rising positive numbers that end in +Inf"
    if usual is not None and layout.edges != usual.edges:
        return "its bucket edges differ from the other sources'"
    counts = layout.pick(sample.buckets)
    # Sorting what is in order already is the fastest test of order.
    if not (counts[0] >= 0 and sum(counts) <= MAX_COUNT * len(counts)):
        return "a bucket holds no count"
    if counts[-1] > MAX_COUNT or sorted(counts) != [*counts]:
        return "the buckets do not rise with their edges"
    if sample.unanswered:
        counts = (*counts[:-1], counts[-1] + sample.unanswered)
    return Growth(requests, errors, counts, *more), layout


def combine(a: Growth, b: Growth) -> Growth:
    """The sum of two sources or intervals."""
    if a is NOTHING or b is NOTHING:
        return b if a is NOTHING else a
    if not a.buckets or not b.buckets:
        buckets = a.buckets or b.buckets
    else:
        buckets = tuple(map(add, a.buckets, b.buckets))
    return Growth(
        a.requests + b.requests,
        a.errors + b.errors,
        buckets,
        a.refused + b.refused,
        a.unanswered + b.unanswered,
        a.retried + b.retried,
    )
