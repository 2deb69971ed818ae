"""One source from reading to reading: what was added, and by which life of its process.

A counter only rises within one life of the process behind it. Where the process's start is known
it tells the lives apart. Where it is not, a counter that fell is *late* if it lies among what was
read of late (another of two redundant Prometheus servers has answered), and is ignored until it
goes on; else the process was restarted. What cannot be told apart is never counted twice: such a
source begins anew from its reading.
"""

from math import inf
from operator import lt, sub

import msgspec

from components.judge.constants import LIFE_SLACK_S, NEAR_ZERO
from components.judge.growth import Growth


class Clock(msgspec.Struct, frozen=True, gc=False):
    """Times in the polls' own seconds; the judge reads no other clock."""

    now: float
    gone: float
    """A source last read before this may be forgotten, unless it is still listed."""
    paired: float
    """Up to here the two versions have been compared."""
    patience: float
    """A source that shows the same fallen numbers since before this was restarted."""
    late: float = -inf
    """A late reading is not from before this."""
    began: float = 0.0
    """The time of the first poll."""
    soon: float = inf
    """Since a source that was read after this, a histogram need not have been flushed."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """An earlier reading, to know late ones by."""

    t: float
    asked: float
    errors: float


class Source(msgspec.Struct, frozen=True, gc=False):
    """What was last read of one source, and when (when it was first named, if never)."""

    last: Growth | None
    t: float
    born: float | None = None
    marks: tuple[Mark, ...] = ()
    """Earlier readings of this life, oldest first: one from before what is late, and the rest."""
    fallen: Growth | None = None
    """A newer reading below `last`: the next one tells what it was."""
    fell: float | None = None
    """Since when its readings are below `last`."""
    base: tuple[float, float] = (0.0, 0.0)
    """Requests and latencies when the source began to be counted."""
    unseen: float = 0.0
    """Requests since then whose answers are not in the histogram though they should be."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one reading of a known source adds."""

    source: Source
    growth: Growth
    lost: bool = False
    """Something happened that `growth` does not hold."""
    late: bool = False
    """`growth` begins at another time than the source was last read."""


def start(now: Growth, t: float, born: float | None, *, whole: bool = False) -> Source:
    """A source whose first reading is `now`; `whole` if it has counted from zero."""
    base = (0.0, 0.0) if whole else (now.requests, now.latencies)
    return Source(now, t, born, (Mark(t, now.asked, now.errors),), base=base)


def same_life(a: float | None, b: float | None) -> bool:
    """Whether two starts are one process's, as far as they are known."""
    return a is None or b is None or abs(a - b) <= LIFE_SLACK_S


def follow(source: Source, last: Growth, now: Growth, born: float | None, clock: Clock) -> Step:
    """The source after a reading; it keeps its `t` if the reading is not to be trusted."""
    if source.born is not None and born is not None and not same_life(source.born, born):
        if born < source.born:
            # An earlier life, from a server that is behind.
            return Step(source, Growth())
        if _below(now, last) or last.asked == 0:
            return Step(start(now, clock.now, born, whole=True), now, lost=True)
        return _anew(now, clock, born)
    born = source.born if born is None else born
    added = tuple(map(sub, now.buckets, last.buckets))
    # Sorting what mostly rises already is the fastest way to its least.
    if _counts_below(now, last) or (added and sorted(added)[0] < 0):
        return _fallen(source, last, now, born, clock)
    requests, errors = now.requests - last.requests, now.errors - last.errors
    if errors > requests or len(now.buckets) < len(last.buckets):
        # Two scrapes mixed up: the next poll has both.
        return Step(source, Growth())
    unseen, buckets, lost = _answered(source, last, now, added, clock)
    grown = Growth(
        requests,
        errors,
        buckets,
        now.refused - last.refused,
        now.unanswered - last.unanswered,
        now.retried - last.retried,
    )
    marks = _remember(source.marks, Mark(clock.now, now.asked, now.errors), clock)
    base = source.base if last.buckets or last.requests == 0 else (now.requests, now.latencies)
    # Begun at another time than compared: a source that was not waited for.
    late = source.t < clock.paired
    return Step(Source(now, clock.now, born, marks, base=base, unseen=unseen), grown, lost, late)


def _answered(
    source: Source, last: Growth, now: Growth, buckets: tuple[float, ...], clock: Clock
) -> tuple[float, tuple[float, ...], bool]:
    """Answers that are overdue so far, the interval's buckets, and whether they have a past.

    `buckets` are what was added to those that were read before, too.
    """
    if not last.buckets:
        # A histogram that began with the first request; else its past is unknown.
        unknown = bool(now.buckets) and last.requests > 0
        return source.unseen, () if unknown else now.buckets, unknown
    # Requests that were open at the last poll may be answered in this one.
    open_ = max(last.requests - last.latencies, 0.0)
    more = buckets[-1] > now.requests - last.requests + open_
    if source.t > clock.soon or now.requests == last.requests:
        # Read again at once, or nothing new: this may be the same scrape.
        return source.unseen, buckets, more
    # A histogram may be flushed later than its counter, but not by a whole scrape: what was asked
    # until the last one and has no latency now was never answered, or not by the version.
    asked, answered = last.requests - source.base[0], now.latencies - source.base[1]
    unseen = max(source.unseen, asked - answered)
    if unseen > source.unseen:
        buckets = (*buckets[:-1], buckets[-1] + unseen - source.unseen)
    return unseen, buckets, more


def _counts_below(now: Growth, last: Growth) -> bool:
    """A counter besides the buckets is lower than it was."""
    return now.requests < last.requests or now.errors < last.errors or now.refused < last.refused


def _below(now: Growth, last: Growth) -> bool:
    """A counter is lower than it was."""
    return _counts_below(now, last) or any(map(lt, now.buckets, last.buckets))


def _fallen(source: Source, last: Growth, now: Growth, born: float | None, clock: Clock) -> Step:
    """A reading below the last: late, a part of two lives, or the second life's."""
    fell = clock.now if source.fell is None else source.fell
    waits = msgspec.structs.replace(source, fell=fell)
    if fell <= clock.late:
        # Too long for a server that is behind.
        return _anew(now, clock, born)
    mixed = now.requests < last.requests and 0 < now.errors == last.errors
    if mixed or (now.requests < last.requests and _is_late(source, now, clock)):
        return Step(waits, Growth())
    if source.fallen is None or _below(now, source.fallen):
        return Step(msgspec.structs.replace(waits, fallen=now), Growth())
    same = now.requests == source.fallen.requests
    if same and source.t >= clock.patience:
        # The same numbers again may be the same stale scrape, unless they stay.
        return Step(waits, Growth())
    if now.requests >= last.requests:
        # Only a part went back while requests went on: nothing of this interval counts.
        return _anew(now, clock, born)
    begun = start(source.fallen, clock.now, born)
    step = follow(begun, source.fallen, now, born, clock)
    return msgspec.structs.replace(step, lost=True, late=True)


def _is_late(source: Source, now: Growth, clock: Clock) -> bool:
    """The reading lies among those of late."""
    if not source.marks:
        return False
    oldest = source.marks[0]
    if oldest.t > clock.late and now.asked >= NEAR_ZERO * oldest.asked:
        return True
    return now.asked >= oldest.asked and now.errors >= oldest.errors


def _anew(now: Growth, clock: Clock, born: float | None) -> Step:
    return Step(start(now, clock.now, born), Growth(), lost=True, late=True)


def _remember(marks: tuple[Mark, ...], newest: Mark, clock: Clock) -> tuple[Mark, ...]:
    """The marks with the newest; of those from before `late`, only the last."""
    first = 0
    while first + 1 < len(marks) and marks[first + 1].t <= clock.late:
        first += 1
    return (*marks[first:], newest)
