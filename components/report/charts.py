"""The plots of a release over one time axis, with their lettering."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from components.report import formatting, plot
from components.report.events import Event
from components.report.evidence_charts import against, safety
from components.report.frame import Figure, Key, Tick, columns, framed
from components.report.plot import Area, Scale
from components.report.pooling import pooled, trailing
from components.report.timeline import Point, Span, Timeline, p95

POINTS = 240
"""Points in a plot, at most about; more polls are pooled."""
MARGIN = 0.04
"""What the time axis shows before the first poll and after the end, of the time between."""
NARROW = 3.5
"""A stretch of less percent of the axis has no room for its label."""
WINDOW_POLLS = 5
WINDOW_SHARE = 1 / 25
"""The lines of rates are over so much of the plot's time, or so many polls if that is longer."""


class Band(NamedTuple):
    """A stretch of the strip above the plots, in percent of the axis."""

    left: float
    width: float
    label: str
    css: str


def charts(timeline: Timeline) -> tuple[Figure, ...]:
    """The plots, on one time axis; none when nothing was polled."""
    points = pooled(timeline.points, POINTS)
    if len(points) < 2:
        return ()
    x = _time_axis(timeline)
    every = (points[-1].t - points[0].t) / (len(points) - 1)
    window = max((x.high - x.low) * WINDOW_SHARE, WINDOW_POLLS * every)
    lines = trailing(points, window)
    note = f"Line: over the last {formatting.duration(window)}. Dots: {_each(points)}."
    return (
        _share(timeline, x, points, lines, note),
        _latency(timeline, x, points, lines, note),
        _errors(timeline, x, points, lines, note),
        against(timeline, x, points),
        safety(timeline, x, points),
        _requests(timeline, x, lines),
    )


def _time_axis(timeline: Timeline) -> Scale:
    low, high = timeline.points[0].t, max(timeline.points[-1].t, timeline.duration)
    margin = MARGIN * (high - low)
    return plot.time_scale(low - margin, high + margin)


def _each(points: Sequence[Point]) -> str:
    most = max(point.polls for point in points)
    return "single polls" if most == 1 else f"{most} polls each"


def _names(timeline: Timeline) -> tuple[Key, Key]:
    """The legend of both versions."""
    return (
        Key("line candidate", f"candidate, version {timeline.state.candidate}"),
        Key("line champion", f"{timeline.compared}, version {timeline.state.champion}"),
    )


def _share(
    timeline: Timeline, x: Scale, points: Sequence[Point], lines: Sequence[Point], note: str
) -> Figure:
    asked = [(x.low, 0.0), *((split.t, split.percent) for split in timeline.splits)]
    area = Area(x, plot.value_scale(min(100.0, 2.2 * max(p for _, p in asked)), "%"), 120)

    def observed(point: Point) -> float | None:
        return point.observed if point.share else None

    def said(point: Point) -> str:
        got = "not read" if point.observed is None else f"got {point.observed:.1f}%"
        return f"asked {point.share:g}%, {got}"

    return framed(
        timeline,
        area,
        key="share",
        title="Candidate's share of the traffic",
        note=note,
        legend=(Key("asked", "asked"), Key("line candidate", "observed")),
        shapes=(
            plot.stairs(area, asked, "asked"),
            plot.dots(area, _places(points, observed), "dots candidate"),
            plot.line(area, _places(lines, observed), "line candidate"),
        ),
        columns=columns(points, said),
    )


def _requests(timeline: Timeline, x: Scale, lines: Sequence[Point]) -> Figure:
    rates = [s.per_second for p in lines for s in (p.candidate, p.champion) if s]
    area = Area(x, plot.value_scale(1.1 * max(rates, default=1.0), ""), 90)
    return framed(
        timeline,
        area,
        key="requests",
        title="Requests per second",
        note="",
        legend=_names(timeline),
        shapes=_both(area, (), lines, lambda span: span.per_second),
        columns=columns(lines, lambda p: _compare(p, lambda span: f"{span.per_second:.2g}/s")),
    )


def _stage(point: Point) -> tuple[float, bool]:
    return point.share, point.baseline


def _places(points: Sequence[Point], value: Callable[[Point], float | None]) -> list[plot.Place]:
    """The value after each poll, with a gap where a step begins."""
    places: list[plot.Place] = []
    for before, point in pairwise([None, *points]):
        if before and point and _stage(before) != _stage(point):
            places.append((before.t, None))
        if point:
            places.append((point.t, value(point)))
    return places


def _both(
    area: Area,
    points: Sequence[Point],
    lines: Sequence[Point],
    value: Callable[[Span], float | None],
) -> list[str]:
    """Dots and lines of both versions."""

    def of(css: str, point: Point) -> float | None:
        span = getattr(point, css)
        return value(span) if span else None

    return [
        draw(area, _places(some, partial(of, css)), f"{form} {css}")
        for css in ("champion", "candidate")
        for some, draw, form in ((points, plot.dots, "dots"), (lines, plot.line, "line"))
    ]


def _compare(point: Point, said: Callable[[Span], str]) -> str:
    ours = said(point.candidate) if point.candidate else "not read"
    theirs = said(point.champion) if point.champion else "not read"
    if not point.baseline:
        return f"candidate {ours}, production {theirs}"
    production = said(point.production) if point.production else "not read"
    return f"candidate {ours}, baseline {theirs}, production {production}"


def _errors(
    timeline: Timeline, x: Scale, points: Sequence[Point], lines: Sequence[Point], note: str
) -> Figure:
    limit = timeline.state.endpoint.release.judge.error_rate
    rates = [
        growth.errors / growth.requests
        for step in timeline.steps
        for growth in (step.candidate, step.champion)
        if growth.requests
    ]
    area = Area(x, plot.value_scale(100 * max([2.5 * limit, *(1.5 * r for r in rates)]), "%"), 150)

    def rate(span: Span) -> float | None:
        return None if span.error_rate is None else 100 * span.error_rate

    def said(span: Span) -> str:
        growth = span.growth
        failed = f"{growth.errors:.0f} of {growth.requests:.0f}"
        return f"{formatting.percent(span.error_rate)} ({failed})"

    return framed(
        timeline,
        area,
        key="errors",
        title="Failed requests",
        note=f"{note} What is beyond the scale sits on its edge.",
        legend=(*_names(timeline), Key("rule", f"limit {formatting.percent(limit)}")),
        shapes=[plot.level(area, 100 * limit, "rule"), *_both(area, points, lines, rate)],
        columns=columns(points, lambda p: _compare(p, said)),
    )


def _latency(
    timeline: Timeline, x: Scale, points: Sequence[Point], lines: Sequence[Point], note: str
) -> Figure:
    ratio = timeline.state.endpoint.release.judge.p95_ratio

    def value(span: Span) -> float | None:
        return p95(timeline.edges, span.growth)

    def allowed(point: Point) -> float | None:
        theirs = value(point.champion) if point.champion else None
        return theirs and ratio * theirs

    of_steps = [
        factor * found
        for step in timeline.steps
        for growth, factor in ((step.candidate, 1.0), (step.champion, ratio))
        if (found := p95(timeline.edges, growth))
    ]
    area = Area(x, plot.value_scale(1.4 * max(of_steps, default=100.0), " ms"), 180)
    return framed(
        timeline,
        area,
        key="latency",
        title="p95 latency",
        note=f"{note} What is beyond the scale sits on its edge.",
        legend=(*_names(timeline), Key("rule", f"limit: {ratio:g} times {timeline.compared}'s")),
        shapes=[
            plot.line(area, _places(lines, allowed), "rule"),
            *_both(area, points, lines, value),
        ],
        columns=columns(points, lambda p: _compare(p, lambda span: formatting.ms(value(span)))),
    )


def strip(timeline: Timeline) -> tuple[Band, ...]:
    """The shares asked, as labelled stretches of the time axis."""
    if len(timeline.points) < 2:
        return ()
    x = _time_axis(timeline)
    levels = [(x.low, 0.0), *((max(s.t, x.low), s.percent) for s in timeline.splits)]
    bands = []
    for (begin, share), (end, _) in pairwise([*levels, (x.high, 0.0)]):
        left, width = 100 * x.at(begin), 100 * (x.at(end) - x.at(begin))
        if width > 0:
            css = "full" if share == 100 else "some" if share else "none"
            label = f"{share:g}%" if share and width >= NARROW else ""
            bands.append(Band(left, width, label, css))
    return tuple(bands)


def marks(timeline: Timeline) -> tuple[tuple[Tick, Event], ...]:
    """The events' numbers above the plots."""
    if len(timeline.points) < 2:
        return ()
    x = _time_axis(timeline)
    return tuple(
        (Tick(100 * x.at(event.first), str(number)), event)
        for number, event in enumerate(timeline.events, 1)
    )
