"""The series that a panel shows: names, colours that stay the same across panels, buckets."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from dashboards.live.asking import Answer, fill_legend
from dashboards.live.server import Found, Points, is_finite

COLOURS = 8
DASHES = 4
IDENTITIES = ("model_version", "endpoint", "test", "signal", "price", "outcome")
"""Labels by which people tell series apart, the first that a series has."""


@dataclass(frozen=True)
class Series:
    """One series with what stands in the legend."""

    name: str
    points: Points
    colour: int
    dash: int

    @property
    def css(self) -> str:
        """The classes of its line."""
        return f"line s{self.colour} d{self.dash}"

    @property
    def last(self) -> float | None:
        """The newest value that is a number."""
        return next((value for _, value in reversed(self.points) if math.isfinite(value)), None)


class Palette:
    """One colour for one version, endpoint, test or signal on the whole page."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        found = {_identity(one.labels) for answer in answers for one in answer.found}
        self._numbers = {
            (name, value): number
            for name, group in groupby(sorted(filter(None, found)), key=lambda pair: pair[0])
            for number, (_, value) in enumerate(group)
        }

    def series(self, answers: Sequence[Answer]) -> list[Series]:
        """The series of one panel that have a number; those of one colour differ by dash."""
        taken: dict[int, int] = {}
        made: list[Series] = []
        for answer in answers:
            for one in filter(is_finite, answer.found):
                known = _identity(one.labels)
                # What has no identity is told from its neighbours alone.
                colour = (self._numbers[known] if known else len(made)) % COLOURS
                dash = taken.get(colour, 0)
                taken[colour] = dash + 1
                name = fill_legend(answer.legend, one.labels) or "value"
                made.append(Series(name, one.points, colour, dash % DASHES))
        return made


def _identity(labels: Mapping[str, str]) -> tuple[str, str] | None:
    return next(((name, labels[name]) for name in IDENTITIES if name in labels), None)


class Bucket(NamedTuple):
    """What lies above the next lower edge and not above this one."""

    edge: float
    points: tuple[tuple[float, float], ...]


def buckets(found: Sequence[Found]) -> list[Bucket]:
    """A histogram's cumulative buckets by `le` as single ones, by edge."""
    ordered = sorted(found, key=lambda one: _edge(one.labels))
    made, below = [], dict[float, float]()
    for one in ordered:
        own = [(t, max(value - below.get(t, 0.0), 0.0)) for t, value in one.points]
        made.append(Bucket(_edge(one.labels), tuple(own)))
        below = dict(one.points)
    return made


def _edge(labels: Mapping[str, str]) -> float:
    return float(labels.get("le", "inf").replace("+Inf", "inf"))
