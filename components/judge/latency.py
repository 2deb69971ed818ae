"""Which pair of histogram edges decides the p95 rule, and p95s read from buckets."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec

from components.judge.constants import (
    MIN_TAIL_PAST,
    NEAR_TAIL,
    P95_MARGIN,
    PRIOR_ERRORS,
    RATIO_SLACK,
    RECENT_LATENCIES,
    RECENT_POLLS,
    TAIL,
)

_ROUNDING = 1e-3
"""Edges that were written with four digits still meet their ratio within this."""

Buckets = tuple[float, ...]
"""Cumulative counts by rising edge; the last one is all answers. Empty when nothing is known."""


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Indices of edges: {champion > u} is held against {candidate > v}, v = ratio * u.

    Under "no quantile of the candidate is above ratio times the champion's", the candidate's
    share beyond v is at most the champion's beyond u.
    """

    u: int
    v: int
    safe: int
    """{candidate > safe} below {champion > u} shows the candidate's p95 to be less than the ratio
    of these two edges times the champion's, at most ratio * P95_MARGIN."""


def p95_edge(edges: Sequence[float], counts: Sequence[float]) -> int:
    """Index of the finite edge whose exceedance among `counts` (cumulative) is nearest 5 %."""
    total, finite = counts[-1], len(edges) - 1
    at = min(bisect_left(counts, (1 - TAIL) * total), finite - 1)
    if at == 0:
        return 0
    above = abs(1 - counts[at] / total - TAIL)
    below = abs(1 - counts[at - 1] / total - TAIL)
    return at if above < below else at - 1


def pair(edges: Sequence[float], u: int, ratio: float) -> Pair | None:
    """The pair of edge `u`, or None when no finite edge lies within the ratio's slack."""
    v = bisect_left(edges, ratio * edges[u] * (1 - _ROUNDING))
    if v >= len(edges) - 1 or edges[v] > ratio * RATIO_SLACK * edges[u]:
        return None
    at_most = ratio * P95_MARGIN * edges[u] * (1 + _ROUNDING)
    return Pair(u, v, bisect_right(edges, at_most) - 1)


@lru_cache(maxsize=16)
def pairs(edges: tuple[float, ...], ratio: float) -> tuple[Pair, ...]:
    """The pairs of all edges that can decide the ratio, rising."""
    found = (pair(edges, u, ratio) for u in range(len(edges) - 1))
    return tuple([one for one in found if one is not None])


def deciding(edges: tuple[float, ...], counts: Buckets, ratio: float) -> Pair | None:
    """The pair that decides the ratio at the p95 of `counts` (cumulative), or None.

    It is that of the deciding edge whose exceedance is nearest 5 %. None if the p95 lies too far
    from it: its exceedance is not about 5 %, and the deciding edges on both sides of the p95 (below
    the first and above the last: the edges) are further apart than the ratio.
    """
    found, total = pairs(edges, ratio), counts[-1]
    if not found:
        return None
    at = bisect_left(found, (1 - TAIL) * total, key=lambda one: counts[one.u])
    beside = found[max(at - 1, 0) : at + 1]
    nearest = min(beside, key=lambda one: abs(1 - counts[one.u] / total - TAIL))
    if abs(1 - counts[nearest.u] / total - TAIL) <= NEAR_TAIL * TAIL:
        return nearest
    low, high = p95_bucket(edges, counts)
    low = edges[found[at - 1].u] if at else low
    high = edges[found[at].u] if at < len(found) else high
    return nearest if high <= low * ratio * RATIO_SLACK else None


def decides_everywhere(edges: tuple[float, ...], ratio: float) -> bool:
    """Whether the ratio is decided wherever the p95 lies, from the lowest edge to the top."""
    found = [edges[one.u] for one in pairs(edges, ratio)]
    if not found:
        return False
    spans = pairwise((edges[0], *found, edges[-2] / ratio))
    return all(high <= low * ratio * RATIO_SLACK * (1 + _ROUNDING) for low, high in spans)


def p95_bucket(edges: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """The edges in ms between which the p95 of `counts` (cumulative) lies."""
    at = bisect_left(counts, (1 - TAIL) * counts[-1])
    return (edges[at - 1] if at else 0.0), edges[at]


def remember(recent: Buckets, newer: Buckets) -> Buckets:
    """`recent` and `newer` cumulative buckets together, the older answers fading.

    The weights come to sum to `RECENT_LATENCIES`, or to `RECENT_POLLS` times what one comparison of
    the versions brings if that is more. Nothing fades while there are no answers.
    """
    if not recent or not newer:
        return recent or newer
    kept = 1.0
    if recent[-1] > 0 and newer[-1] > 0:
        room = (RECENT_LATENCIES - newer[-1]) / recent[-1]
        kept = min(max(room, 1 - 1 / RECENT_POLLS), 1.0)
    return tuple([kept * old + new for old, new in zip(recent, newer, strict=True)])


def faded(recent: Buckets) -> Buckets:
    """What `recent` says of another arm: so little that the arm's own answers soon outweigh it."""
    if not recent or recent[-1] <= MIN_TAIL_PAST:
        return recent
    return tuple([count * MIN_TAIL_PAST / recent[-1] for count in recent])


def known(recent: Buckets) -> bool:
    """Whether so much of the champion's latency is known that an edge may be chosen."""
    return bool(recent) and recent[-1] >= MIN_TAIL_PAST


def next_pair(edges: tuple[float, ...], recent: Buckets, ratio: float) -> Pair | None:
    """The `deciding` pair of the next bet, or None while too little is known."""
    return deciding(edges, recent, ratio) if known(recent) else None


def slower(counts: Sequence[float], edge: int) -> float:
    """How many of `counts` (cumulative) lie beyond the edge of that index."""
    return counts[-1] - counts[edge] if counts else 0.0


def tail(counts: Sequence[float], edge: int) -> float:
    """The share to expect beyond the edge of that index, after `counts` (cumulative)."""
    return (slower(counts, edge) + PRIOR_ERRORS) / (counts[-1] + PRIOR_ERRORS / TAIL)


def tail_beyond(edges: Sequence[float], counts: Sequence[float], ms: float) -> float:
    """The share to expect beyond `ms`: `tail` between edges, its log linear in the log of time.

    The log of most tails bends down, so this is rather too small than too large.
    """
    at = bisect_left(edges, ms)
    if at == 0 or edges[at] == math.inf:
        return tail(counts, at)
    low, high = math.log(tail(counts, at - 1)), math.log(tail(counts, at))
    part = math.log(ms / edges[at - 1]) / math.log(edges[at] / edges[at - 1])
    return math.exp(low + part * (high - low))


def p95_ms(edges: Sequence[float], counts: Sequence[float]) -> float | None:
    """The p95 by linear interpolation in its bucket, as PromQL's `histogram_quantile` does.

    None without counts, and beyond the highest finite edge: there, PromQL answers that edge, which
    would make the slowest of all versions look as fast as any other beyond it.
    """
    if not counts or counts[-1] <= 0:
        return None
    rank = (1 - TAIL) * counts[-1]
    at = bisect_left(counts, rank)
    if at >= len(edges) - 1:
        return None
    low, before = (edges[at - 1], counts[at - 1]) if at else (0.0, 0.0)
    return low + (edges[at] - low) * (rank - before) / (counts[at] - before)
