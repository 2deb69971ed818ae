"""What versions were asked and used in a time that is over: growth of raw counters, by source.

A counter only rises within one life of its process. Where the process's start is known, it tells
lives apart as it does for the judge (`components.judge.lives`); a counter that fell has begun anew
in any case. A new life is counted from zero. What was counted before the time, or by a process
whose past nobody read, is left out and said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components.judge.lives import same_life

Counts = tuple[float, ...]


@dataclass(frozen=True)
class Usage:
    """What one arm of an endpoint was asked, and what it used."""

    requests: float = 0.0
    """Those that were answered or should have been; not the refused ones."""
    failed: float = 0.0
    """Of the requests."""
    refused: float = 0.0
    """Requests that the version refused as the client's fault."""
    rows: float | None = None
    """That were run through the model; None: the predictor was never read."""
    cpu_s: float | None = None
    """Seconds of a core; None likewise."""
    restarts: int = 0
    """Lives of a process that ended within the time: of the gateway's or the predictor's."""
    unsure: bool = False
    """A process was read that had counted before anybody read it: that is left out."""

    @property
    def served(self) -> float:
        """Requests that were answered as they should be: what a bill is divided by."""
        return self.requests - self.failed


@dataclass(frozen=True)
class Metered:
    """The usage of an endpoint's arms."""

    arms: dict[str, Usage]
    unseen_s: float = 0.0
    """Seconds in which the gateway was not read. What it counted then is in the usage all the same,
    unless its process ended before it was read again."""


class Read(NamedTuple):
    """One source at one time."""

    counts: Counts
    born: float | None = None
    """When its process began, in seconds since the epoch; None: not known."""


class Grown(NamedTuple):
    """What was added over a time."""

    counts: Counts
    restarts: int = 0
    unsure: bool = False


def grown(base: Read | None, reads: Iterable[Read], start: float) -> Grown:
    """What a source counted over a time.

    Args:
        base: what it had counted at the time's ``start``; None: nobody knows.
        reads: its counters in the time, one after another.
        start: in seconds since the epoch: who was born later has counted from zero.
    """
    last, restarts, unsure = base, 0, False
    total: Counts = ()
    for read in reads:
        added = read.counts
        if last is None:
            if read.born is None or read.born < start:
                unsure, added = True, (0.0,) * len(read.counts)
        elif _new_life(last, read, start):
            restarts += 1
        else:
            added = tuple(
                now - before for now, before in zip(read.counts, last.counts, strict=True)
            )
        total = added if not total else tuple(map(sum, zip(total, added, strict=True)))
        last = read
    return Grown(total, restarts, unsure)


def _new_life(last: Read, now: Read, start: float) -> bool:
    if any(after < before for after, before in zip(now.counts, last.counts, strict=True)):
        return True
    # A base of unknown birth is of an earlier life than a process that began after it was read.
    began_since = last.born is None and now.born is not None and now.born > start
    return began_since or not same_life(last.born, now.born)


def added_up(parts: Sequence[Grown], width: int) -> Grown:
    """The sum of several sources, each of so many counters."""
    counts = tuple(sum(part.counts[i] for part in parts if part.counts) for i in range(width))
    return Grown(counts, sum(part.restarts for part in parts), any(part.unsure for part in parts))
