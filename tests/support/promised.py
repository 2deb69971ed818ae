"""What is promised of a release that is struck, by the moments that its record has."""

import itertools
from collections.abc import Sequence

from components.record import Ended, Line, WeightsSet
from components.release.state import fold

ENDS_S = 30.0
"""So long after its lease, counted from when it was heard of last, somebody goes on with a release
or has ended it."""


def longest_silence(lines: Sequence[Line]) -> float:
    """Seconds between two lines of a record, at most, from the candidate's first share to the end.

    A release writes with each poll, and whoever ends it writes last: what strikes it falls into one
    silence. A release without such a share moved no user, and has none.
    """
    ends = [number for number, line in enumerate(lines) if isinstance(line.body, Ended)]
    assert ends, "the record has no end"
    candidate = fold(lines).candidate
    told = [
        line.at
        for number, line in enumerate(lines[: ends[0] + 1])
        if any(_shares(each, candidate) for each in lines[: number + 1])
    ]
    return max((after - before for before, after in itertools.pairwise(told)), default=0.0)


def _shares(line: Line, candidate: str) -> bool:
    return isinstance(line.body, WeightsSet) and line.body.weights.get(candidate, 0) > 0


def in_time(lines: Sequence[Line], lease_s: float) -> None:
    """Whatever struck the release, it went on or was over within its lease and `ENDS_S`.

    Args:
        lines: of the release's record, which has its end.
        lease_s: the lease's length; the sum of several if who took over was struck, too.

    Raises:
        AssertionError: it was silent for longer, or for ever.
    """
    silent = longest_silence(lines)
    limit = lease_s + ENDS_S
    assert silent <= limit, f"silent for {silent:.1f} s, not {limit:g} s at most"
