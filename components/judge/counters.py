"""From cumulative counters to what happened since the poll before, source by source.

A source first seen at its version's first poll is a baseline; first seen later it is new and
starts at zero, unless its process is older than what was watched. One that is no longer listed has
left; one that is listed without counters was not read.
"""

from collections.abc import Mapping

import msgspec

from components.judge.constants import LIFE_SLACK_S
from components.judge.growth import NOTHING, Growth, Layout, combine, read_sample
from components.judge.lives import Clock, Source, follow, same_life, start
from components.judge.poll import Sample

MAX_GONE = 50
"""So many sources of a version that have left are remembered, in case that one comes back."""


class Ledger(msgspec.Struct, frozen=True):
    """All sources of both versions, and the histogram that they share."""

    sources: Mapping[tuple[str, str], Source]
    layout: Layout | None = None

    @property
    def edges(self) -> tuple[float, ...]:
        """The edges in ms, ending in infinity; empty while no histogram was read."""
        return self.layout.edges if self.layout else ()


class Interval(msgspec.Struct, frozen=True, gc=False):
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
    """A source that was not read, though it is listed."""
    waiting: bool
    """A source was not read that the comparison may wait for."""
    fault: str | None
    """A sample that cannot be true."""

    @property
    def whole(self) -> bool:
        """Every source was read, and nothing was lost."""
        return self.missing is None and not self.lost


def _unread(
    sources: Mapping[tuple[str, str], Source],
    version: str,
    samples: Mapping[str, Sample | None],
    clock: Clock,
) -> tuple[str | None, bool]:
    """A listed source that was not read now; whether the comparison may wait for one."""
    missing, waiting = None, False
    for name in samples:
        source = sources[version, name]
        if source.last is not None and source.t == clock.now:
            continue
        missing = missing or name
        waiting = waiting or (source.last is not None and source.t >= clock.paired)
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


def _is_new(ledger: Ledger, name: str, known: Source | None, sample: Sample, clock: Clock) -> bool:
    """Whether a source that was never read before has counted only since the first poll.

    Its process began later, or was read before under another name that begins as this one does, up
    to a slash; where the start is not known, one that was not listed before is new.
    """
    born = sample.born
    if born is None or known is not None:
        return known is None or (born is not None and born >= clock.began)
    if born >= clock.began:
        return True
    process = name.partition("/")[0]
    return any(
        bool(source.marks)
        and source.marks[0].t < clock.now
        and source.born is not None
        and other.partition("/")[0] == process
        and same_life(source.born, born)
        for (_, other), source in ledger.sources.items()
    )


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
    growth = baseline = NOTHING
    read, lost, late, fault = False, False, False, None
    for name in sorted(samples):
        sample, key = samples[name], (version, name)
        known = sources.get(key)
        found = None if sample is None else read_sample(sample, layout)
        if isinstance(found, str):
            fault = fault or f"version {version}, source {name}: {found}"
        if sample is None or not isinstance(found, tuple) or found[0].errors > found[0].requests:
            # Errors beyond requests are two scrapes mixed up: the next poll has both.
            sources.setdefault(key, Source(None, clock.now))
            continue
        now, layout = found
        if known is None and first:
            baseline = combine(baseline, now)
            sources[key] = start(now, clock.now, sample.born)
            late = True
        elif (known is None or known.last is None) and _is_new(ledger, name, known, sample, clock):
            growth = combine(growth, now)
            sources[key] = start(now, clock.now, sample.born, whole=True)
            lost = lost or now.latencies > now.requests
            late = late or (sample.born or clock.now) < clock.paired - LIFE_SLACK_S
        elif known is None or known.last is None:
            sources[key] = start(now, clock.now, sample.born)
            lost = late = True
        else:
            step = follow(known, known.last, now, sample.born, clock)
            sources[key] = step.source
            if step.source.t != clock.now:
                continue
            growth = combine(growth, step.growth)
            lost, late = lost or step.lost, late or step.late
        read = True
    missing, waiting = _unread(sources, version, samples, clock)
    _forget(sources, version, samples, clock)
    return Ledger(sources, layout), Interval(
        growth, baseline, read, lost, late, missing, waiting, fault
    )
