"""Rule 3: from cumulative counters to what happened since the poll before, source by source.

A source first seen at its version's first poll is a baseline; first seen later it is new and
starts at zero. A counter that is lower than before is stale, as one of two redundant Prometheus
servers may be, or was restarted: the next reading tells which. A restarted one counts from zero.
"""

from collections.abc import Mapping
from operator import lt, sub
from typing import NamedTuple

import msgspec

from components.judge.growth import MAX_COUNT, Growth, Layout, combine, layout_of
from components.judge.poll import Sample

MAX_GONE = 50
"""So many sources of a version that have left are remembered, in case that one comes back."""


class Source(NamedTuple):
    """What was last read of one source, and when (when it was first named, if never)."""

    last: Growth | None
    t: float
    fallen: Growth | None = None
    """A newer reading below `last`: the next one tells whether it was stale or a restart."""


class Clock(NamedTuple):
    """Times in the polls' own seconds; the judge reads no other clock."""

    now: float
    gone: float
    """A source last read before this has left, unless it is still listed."""
    paired: float
    """Up to here the two versions have been compared."""
    patience: float
    """The comparison does not wait for a source last read before this."""


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
    lost: bool
    """Something happened that `growth` does not hold: a source restarted or has an unknown past."""
    late: bool
    """`growth` begins at another time than what there is to compare: before it, for a source that
    was not waited for, or after it, for one whose past is unknown."""
    missing: str | None
    """A source that was not read, though it may still serve."""
    waiting: bool
    """A source was not read that the comparison waits for."""
    fault: str | None
    """A sample that cannot be true."""

    @property
    def whole(self) -> bool:
        """Every source was read, and nothing was lost."""
        return self.missing is None and not self.lost


def _read(sample: Sample, usual: Layout | None) -> tuple[Growth, Layout | None] | str:
    """The sample's counters and their histogram, or why it cannot be true."""
    if not (0 <= sample.requests <= MAX_COUNT and 0 <= sample.errors <= MAX_COUNT):
        return "requests or errors are no count"
    if not sample.buckets:
        return Growth(sample.requests, sample.errors), usual
    keys = tuple(sample.buckets)
    layout = usual if usual is not None and usual.keys == keys else layout_of(keys)
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


def _below(now: Growth, last: Growth) -> bool:
    """A counter is lower than it was."""
    if now.requests < last.requests or now.errors < last.errors:
        return True
    return any(map(lt, now.buckets, last.buckets))


def _restarted(source: Source, now: Growth, clock: Clock) -> bool:
    """The reading is below the last for the second time, and goes on from the first of the two.

    The same numbers again may be the same stale scrape, unless they stay.
    """
    if source.fallen is None or _below(now, source.fallen):
        return False
    return now.requests > source.fallen.requests or source.t < clock.patience


def _since(source: Source, last: Growth, now: Growth, clock: Clock) -> tuple[Growth, bool] | None:
    """What was added and whether something was lost; None if the reading is not to be trusted."""
    if _below(now, last):
        if not _restarted(source, now, clock):
            return None
        # If only a part went back while requests went on, nothing of this interval counts.
        return (now if now.requests < last.requests else Growth()), True
    requests, errors = now.requests - last.requests, now.errors - last.errors
    if errors > requests or len(now.buckets) < len(last.buckets):
        # Two scrapes mixed up: the next poll has both.
        return None
    if not last.buckets:
        # A histogram that began with the first request; else its past is unknown.
        unknown = bool(now.buckets) and last.requests > 0
        return Growth(requests, errors, () if unknown else now.buckets), unknown
    buckets = tuple(map(sub, now.buckets, last.buckets))
    # Requests that were open at the last poll may be answered in this one.
    open_ = max(last.requests - last.latencies, 0.0)
    return Growth(requests, errors, buckets), buckets[-1] > requests + open_


def _unread(
    sources: Mapping[tuple[str, str], Source],
    version: str,
    samples: Mapping[str, Sample | None],
    clock: Clock,
) -> tuple[str | None, bool]:
    """A source that was not read now, though it is listed or was read lately; whether to wait.

    Only one that is no longer listed can have left; a listed one is there and may be failing.
    """
    missing, waiting = None, False
    for (owner, name), source in sources.items():
        if owner != version or (source.last is not None and source.t == clock.now):
            continue
        if name in samples or (source.last is not None and source.t >= clock.gone):
            missing = missing or name
            begun = source.last is not None and source.t >= clock.paired
            waiting = waiting or (begun and source.t >= clock.patience)
    return missing, waiting


def _forget(
    sources: dict[tuple[str, str], Source],
    version: str,
    samples: Mapping[str, Sample | None],
    clock: Clock,
) -> None:
    """Drop the sources that left first, when more have left than are remembered."""
    if len(sources) <= MAX_GONE:
        return
    gone = [
        (source.t, key)
        for key, source in sources.items()
        if key[0] == version and key[1] not in samples and source.t < clock.gone
    ]
    for _, key in sorted(gone)[: max(len(gone) - MAX_GONE, 0)]:
        del sources[key]


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
    read, lost, late, fault = False, False, False, None
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
            late = True
        elif known is None:
            growth = combine(growth, now)
            lost = lost or now.latencies > now.requests
        elif known.last is None:
            lost = late = True
        else:
            since = _since(known, known.last, now, clock)
            if since is None:
                if _below(now, known.last):
                    sources[key] = known._replace(fallen=now)
                continue
            growth = combine(growth, since[0])
            lost = lost or since[1]
            late = late or known.t < clock.paired
        sources[key] = Source(now, clock.now)
        read = True
    missing, waiting = _unread(sources, version, samples, clock)
    _forget(sources, version, samples, clock)
    return Ledger(sources, layout), Interval(
        growth, baseline, read, lost, late, missing, waiting, fault
    )
