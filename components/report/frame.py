"""One plot of a release with its lettering: what every chart of the page has in common."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from markupsafe import Markup

from components.report import formatting, plot
from components.report.plot import Area
from components.report.timeline import Point, Timeline


class Key(NamedTuple):
    """An entry of a legend."""

    css: str
    text: str


class Tick(NamedTuple):
    """A label at a plot, and where it stands in percent of the axis."""

    at: float
    label: str
    css: str = ""


@dataclass(frozen=True)
class Figure:
    """One plot with its lettering."""

    key: str
    title: str
    note: str
    legend: tuple[Key, ...]
    svg: Markup
    height: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    """Labels of lines across, inside the plot."""


def framed(
    timeline: Timeline,
    area: Area,
    *,
    key: str,
    title: str,
    note: str,
    legend: tuple[Key, ...],
    shapes: Iterable[str],
    columns: Iterable[tuple[float, float, str]],
    levels: tuple[Tick, ...] = (),
) -> Figure:
    """The shapes on their grid, with the release's shifts and events behind them."""
    changes = chain(
        (plot.moment(area, split.t, "change") for split in timeline.splits),
        (plot.moment(area, event.first, "event") for event in timeline.events),
        (plot.stretch(area, event.first, event.last, "during") for event in timeline.events),
    )
    inside = [plot.grid(area), *changes, *shapes, plot.columns(area, columns)]
    description = f"{title} over time. {' '.join(f'{entry.text}.' for entry in legend)} {note}"
    return Figure(
        key=key,
        title=title,
        note=note,
        legend=legend,
        svg=plot.drawing(area, key, title, description, inside),
        height=area.height,
        x_ticks=tuple(Tick(100 * area.x.at(t), label) for t, label in area.x.ticks),
        y_ticks=tuple(Tick(100 * area.y.at(value), label) for value, label in area.y.ticks),
        levels=levels,
    )


def columns(
    points: Sequence[Point], said: Callable[[Point], str]
) -> list[tuple[float, float, str]]:
    """What is said of each point where the pointer is over it."""
    return [(p.began, p.t, f"{formatting.clock(p.t)}: {said(p)}") for p in points]
