"""The series that a panel shows: names, colours that stay the same across panels, buckets."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dashboards.live.asking import Answer, fill_legend
from dashboards.live.server import Found, Points

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
    stepped: bool = False

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
        keys = {_identity(found, answer) for answer in answers for found in answer.found}
        self._colours = {key: index % COLOURS for index, key in enumerate(sorted(keys))}

    def series(self, answers: Sequence[Answer]) -> list[Series]:
        """The series of one panel that have a number; those of one colour differ by dash."""
        taken: dict[int, int] = {}
        made = []
        for answer in answers:
            for found in answer.found:
                if not any(math.isfinite(value) for _, value in found.points):
                    continue
                colour = self._colours[_identity(found, answer)]
                dash = taken.get(colour, 0)
                taken[colour] = dash + 1
                name = fill_legend(answer.legend, found.labels) or "value"
                made.append(Series(name, found.points, colour, dash % DASHES))
        return made


def _identity(found: Found, answer: Answer) -> str:
    known = next((found.labels[name] for name in IDENTITIES if name in found.labels), None)
    return known if known is not None else f"~{fill_legend(answer.legend, found.labels)}"


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
