"""Panels with a time axis as figures: lines, heatmaps, states."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from components.report import plot
from components.report.frame import Key, Tick
from components.report.plot import Area, Scale
from dashboards.live.asking import Answer, Mark
from dashboards.live.server import Span
from dashboards.page import units
from dashboards.page.series import Bucket, Series, buckets

COLUMNS = 60
"""Of a heatmap, and of what is said where the pointer is."""
SHADES = 6
LONGEST_LABEL = 8
"""Beside an axis; longer ones go without their unit, which the legend has."""
PIXELS_A_ROW = 18
"""Of a panel's height in Grafana's grid, for the plot itself."""


@dataclass(frozen=True)
class Figure:
    """A plot with its lettering."""

    svg: Markup
    height: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    legend: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row of a state timeline: its name, and stretches in percent of the axis."""

    name: str
    stretches: tuple[Tick, ...]
    """Where each begins; `css` is its colour and ``label`` what it means."""
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """What of a panel's JSON is drawn."""

    key: str
    title: str
    empty: str
    unit: str
    height: int
    decimals: int | None
    limits: tuple[tuple[float, str], ...]
    least: float | None
    stacked: bool
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def said(self, value: float) -> str:
        """The value in words, if it has some, else with its unit."""
        word = self.words.get(f"{value:g}")
        return word[0] if word else units.text(value, self.unit, self.decimals)

    def colour(self, value: float) -> str:
        """The colour of the highest limit that the value reaches."""
        reached = [colour for limit, colour in self.limits if value >= limit]
        return reached[-1] if reached else "text"


def read(panel: Mapping[str, Any]) -> Panel:
    """The panel of a board's JSON."""
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults.get("custom", {})
    steps = defaults["thresholds"]["steps"]
    words = {
        value: (result.get("text", ""), result.get("color", "text"))
        for mapping in defaults.get("mappings", ())
        if mapping["type"] == "value"
        for value, result in mapping["options"].items()
    }
    return Panel(
        key=f"panel-{panel['id']}",
        title=panel["title"],
        empty=defaults["noValue"],
        unit=defaults["unit"],
        height=panel["gridPos"]["h"],
        decimals=defaults.get("decimals"),
        limits=tuple((step["value"], step["color"]) for step in steps[1:]),
        least=defaults.get("min"),
        stacked=custom.get("stacking", {}).get("mode") == "normal",
        words=words,
    )


def lines(
    panel: Panel, series: Sequence[Series], span: Span, marks: Sequence[Mark], stairs: set[str]
) -> Figure:
    """Lines over time, with the limits across and the marks of releases."""
    drawn = _stacked(series) if panel.stacked else list(series)
    y = _axis(drawn, panel)
    area = Area(plot.clock_scale(span.start, span.end), y, panel.height * PIXELS_A_ROW)
    shapes = [plot.moment(area, at, f"change {colour}") for at, _, colour in marks]
    for limit, colour in panel.limits:
        if area.y.low < limit <= area.y.high:
            shapes.append(plot.level(area, limit, f"rule {colour}"))
    for one in drawn:
        points = _places(one, span, stepped=one.name in stairs)
        shapes.append(plot.line(area, points, one.css))
    columns = _said(panel, series, span)
    return _framed(panel, area, [plot.grid(area), *shapes, plot.columns(area, columns)], series)


def heat(
    panel: Panel, answers: Sequence[Answer], span: Span, marks: Sequence[Mark]
) -> Figure | None:
    """A histogram over time: the darker, the more; None if it counted nothing."""
    found = [one for answer in answers for one in answer.found]
    full = [bucket for bucket in buckets(found) if any(v > 0 for _, v in bucket.points)]
    if not full:
        return None
    lowest = max(full[0].edge * 0.8, 1e-9)
    edges = [lowest, *(b.edge if math.isfinite(b.edge) else _beyond(full) for b in full)]
    low, high = math.log10(edges[0]), math.log10(max(edges[-1], edges[0] * 1.1))
    y = Scale(low, high, _edge_ticks(low, high, panel.unit))
    area = Area(plot.clock_scale(span.start, span.end), y, panel.height * PIXELS_A_ROW)
    width = (span.end - span.start) / COLUMNS
    shades: dict[int, list[tuple[tuple[float, float], tuple[float, float]]]] = {}
    summed = [_pooled(bucket, span, width) for bucket in full]
    most = max((count for row in summed for count in row.values()), default=1.0)
    for below, above, row in zip(edges, edges[1:], summed, strict=False):
        for column, count in row.items():
            shade = math.ceil(SHADES * math.sqrt(count / most))
            begin = span.start + column * width
            corners = ((begin, math.log10(below)), (begin + width, math.log10(above)))
            shades.setdefault(shade, []).append(corners)
    shapes = [plot.cells(area, boxes, f"heat h{shade}") for shade, boxes in sorted(shades.items())]
    shapes += [plot.moment(area, at, f"change {colour}") for at, _, colour in marks]
    return _framed(panel, area, [plot.grid(area), *shapes], ())


def _beyond(full: Sequence[Bucket]) -> float:
    """Where the last, open bucket is drawn to end."""
    return 1.3 * max((b.edge for b in full if math.isfinite(b.edge)), default=1.0)


def states(panel: Panel, series: Sequence[Series], span: Span) -> list[Row]:
    """What stood when, a row a series, in the order of their first moment."""
    x = plot.clock_scale(span.start, span.end)
    made = []
    for one in sorted(series, key=_first_moment):
        ticks, widths = [], []
        for begin, end, value in _runs(one, span):
            text, colour = panel.words.get(f"{value:g}", (panel.said(value), panel.colour(value)))
            if colour != "transparent":
                said = f"{one.name} {text}: {_clock(begin)} to {_clock(end)}"
                ticks.append(Tick(100 * x.at(begin), said, colour))
                widths.append(max(100 * (x.at(end) - x.at(begin)), 0.3))
        made.append(Row(one.name, tuple(ticks), tuple(widths)))
    return made


def time_ticks(span: Span) -> tuple[Tick, ...]:
    """The labels below a time axis."""
    x = plot.clock_scale(span.start, span.end)
    return tuple(Tick(100 * x.at(t), label) for t, label in x.ticks)


def _first_moment(series: Series) -> float:
    return min((at for at, value in series.points if value > 0), default=math.inf)


def _runs(series: Series, span: Span) -> list[tuple[float, float, float]]:
    """Stretches of one value; a point holds until the next step."""
    runs: list[tuple[float, float, float]] = []
    for at, value in series.points:
        until = min(at + span.step, span.end)
        if runs and runs[-1][2] == value and at - runs[-1][1] < span.step / 2:
            runs[-1] = (runs[-1][0], until, value)
        else:
            runs.append((at, until, value))
    return runs


def _framed(panel: Panel, area: Area, shapes: Iterable[str], series: Sequence[Series]) -> Figure:
    legend = tuple(
        Key(one.css, one.name if one.last is None else f"{one.name}: {panel.said(one.last)}")
        for one in series
    )
    said = f"{panel.title} over time. {' '.join(f'{key.text}.' for key in legend)}"
    return Figure(
        svg=plot.drawing(area, panel.key, panel.title, said, shapes),
        height=area.height,
        x_ticks=tuple(Tick(100 * area.x.at(t), label) for t, label in area.x.ticks),
        y_ticks=tuple(Tick(100 * area.y.at(value), label) for value, label in area.y.ticks),
        legend=legend,
    )


def _values(series: Iterable[Series]) -> list[float]:
    return [value for one in series for _, value in one.points if math.isfinite(value)]


def _axis(series: Sequence[Series], panel: Panel) -> Scale:
    """From zero, or below; a limit that is not far above the values is shown with them."""
    values = _values(series)
    low, high = min([0.0, *values]), max([0.0, *values])
    limits = [limit for limit, _ in panel.limits]
    high = max([high, *(limit for limit in limits if limit <= 3 * high)]) or min(limits, default=1)
    low, high = 1.05 * low, 1.08 * high
    by, suffix = units.shown(panel.unit, max(high, -low))
    ticks = plot.value_scale((high - low) / by, "").ticks
    step = ticks[1][0]
    numbers = [
        n * step for n in range(math.ceil(low / by / step), math.floor(high / by / step) + 1)
    ]
    labels = [f"{number:,.6g}" for number in numbers]
    if all(len(label + suffix) <= LONGEST_LABEL for label in labels):
        labels = [label + suffix for label in labels]
    places = (number * by for number in numbers)
    return Scale(low, high, tuple(zip(places, labels, strict=True)))


def _edge_ticks(low: float, high: float, unit: str) -> tuple[tuple[float, str], ...]:
    steps = [10.0**p * m for p in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    within = [step for step in steps if low <= math.log10(step) <= high]
    every = max(1, math.ceil(len(within) / 6))
    return tuple((math.log10(step), units.text(step, unit)) for step in within[::every])


def _places(series: Series, span: Span, *, stepped: bool) -> list[plot.Place]:
    """Its points, with a gap where a step is missing or has no number."""
    made: list[plot.Place] = []
    before: tuple[float, float] | None = None
    for at, value in series.points:
        if before is not None and at - before[0] > 1.5 * span.step:
            made.append((at, None))
        elif before is not None and stepped:
            made.append((at, before[1]))
        there = math.isfinite(value)
        made.append((at, value if there else None))
        before = (at, value) if there else None
    return made


def _stacked(series: Sequence[Series]) -> list[Series]:
    below: dict[float, float] = {}
    made = []
    for one in series:
        points = tuple((at, below.get(at, 0.0) + value) for at, value in one.points)
        below |= dict(points)
        made.append(Series(one.name, points, one.colour, one.dash))
    return made


def _pooled(bucket: Bucket, span: Span, width: float) -> dict[int, float]:
    """The counts by column of the heatmap."""
    made: dict[int, float] = {}
    for at, value in bucket.points:
        if value > 0 and math.isfinite(value):
            column = min(int((at - span.start) / width), COLUMNS - 1)
            made[column] = made.get(column, 0.0) + value
    return made


def _said(panel: Panel, series: Sequence[Series], span: Span) -> list[tuple[float, float, str]]:
    """What is said of each moment where the pointer is over it."""
    width = (span.end - span.start) / COLUMNS
    made = []
    for column in range(COLUMNS):
        begin, end = span.start + column * width, span.start + (column + 1) * width
        parts = []
        for one in series:
            inside = [v for at, v in one.points if begin <= at < end and math.isfinite(v)]
            if inside:
                parts.append(f"{one.name} {panel.said(inside[-1])}")
        made.append((begin, end, f"{_clock(begin)}: {', '.join(parts) or 'nothing'}"))
    return made


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at))
