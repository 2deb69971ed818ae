"""The plots of a release over one time axis, with their lettering."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import NamedTuple

from markupsafe import Markup

from components.report import plot, words
from components.report.plot import Area, Scale
from components.report.series import Event, Point, Span, Story, p95, pooled, trailing

POINTS = 240
"""Points in a plot, at most about; more polls are pooled."""
MARGIN = 0.04
"""What the time axis shows before the first poll and after the end, of the time between."""
NARROW = 3.5
"""A stretch of less percent of the axis has no room for its label."""
WINDOW_POLLS = 5
WINDOW_SHARE = 1 / 25
"""The lines of rates are over so much of the plot's time, or so many polls if that is longer."""


class Key(NamedTuple):
    """An entry of a legend."""

    css: str
    text: str


class Tick(NamedTuple):
    """A label at a plot, and where it stands in percent of the axis."""

    at: float
    label: str
    css: str = ""


class Band(NamedTuple):
    """A stretch of the strip above the plots, in percent of the axis."""

    left: float
    width: float
    label: str
    css: str


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


def figures(story: Story) -> tuple[Figure, ...]:
    """The plots, on one time axis; none when nothing was polled."""
    points = pooled(story.points, POINTS)
    if len(points) < 2:
        return ()
    x = _time_axis(story)
    every = (points[-1].t - points[0].t) / (len(points) - 1)
    window = max((x.high - x.low) * WINDOW_SHARE, WINDOW_POLLS * every)
    lines = trailing(points, window)
    note = f"Line: over the last {words.duration(window)}. Dots: {_each(points)}."
    return (
        _share(story, x, points, lines, note),
        _latency(story, x, points, lines, note),
        _errors(story, x, points, lines, note),
        _against(story, x, points),
        _safety(story, x, points),
        _requests(story, x, lines),
    )


def _time_axis(story: Story) -> Scale:
    low, high = story.points[0].t, max(story.points[-1].t, story.duration)
    margin = MARGIN * (high - low)
    return plot.time_scale(low - margin, high + margin)


def _each(points: Sequence[Point]) -> str:
    most = max(point.polls for point in points)
    return "single polls" if most == 1 else f"{most} polls each"


def _figure(
    story: Story,
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
    changes = chain(
        (plot.moment(area, split.t, "change") for split in story.splits),
        (plot.moment(area, event.first, "event") for event in story.events),
        (plot.stretch(area, event.first, event.last, "during") for event in story.events),
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


def _columns(
    points: Sequence[Point], said: Callable[[Point], str]
) -> list[tuple[float, float, str]]:
    return [(p.began, p.t, f"{words.clock(p.t)}: {said(p)}") for p in points]


def _names(story: Story) -> tuple[Key, Key]:
    """The legend of both versions."""
    return (
        Key("line candidate", f"candidate, version {story.state.candidate}"),
        Key("line champion", f"production, version {story.state.champion}"),
    )


def _share(
    story: Story, x: Scale, points: Sequence[Point], lines: Sequence[Point], note: str
) -> Figure:
    asked = [(x.low, 0.0), *((split.t, split.percent) for split in story.splits)]
    area = Area(x, plot.value_scale(min(100.0, 2.2 * max(p for _, p in asked)), "%"), 120)

    def observed(point: Point) -> float | None:
        return point.observed if point.share else None

    def said(point: Point) -> str:
        got = "not read" if point.observed is None else f"got {point.observed:.1f}%"
        return f"asked {point.share:g}%, {got}"

    return _figure(
        story,
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
        columns=_columns(points, said),
    )


def _requests(story: Story, x: Scale, lines: Sequence[Point]) -> Figure:
    rates = [s.per_second for p in lines for s in (p.candidate, p.champion) if s]
    area = Area(x, plot.value_scale(1.1 * max(rates, default=1.0), ""), 90)
    return _figure(
        story,
        area,
        key="requests",
        title="Requests per second",
        note="",
        legend=_names(story),
        shapes=_both(area, (), lines, lambda span: span.per_second),
        columns=_columns(lines, lambda p: _compare(p, lambda span: f"{span.per_second:.2g}/s")),
    )


def _places(points: Sequence[Point], value: Callable[[Point], float | None]) -> list[plot.Place]:
    """The value after each poll, with a gap where a step begins."""
    places: list[plot.Place] = []
    for before, point in pairwise([None, *points]):
        if before and point and before.share != point.share:
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
    return f"candidate {ours}, production {theirs}"


def _errors(
    story: Story, x: Scale, points: Sequence[Point], lines: Sequence[Point], note: str
) -> Figure:
    limit = story.state.endpoint.release.judge.error_rate
    rates = [
        growth.errors / growth.requests
        for step in story.steps
        for growth in (step.candidate, step.champion)
        if growth.requests
    ]
    area = Area(x, plot.value_scale(100 * max([2.5 * limit, *(1.5 * r for r in rates)]), "%"), 150)

    def rate(span: Span) -> float | None:
        return None if span.error_rate is None else 100 * span.error_rate

    def said(span: Span) -> str:
        growth = span.growth
        failed = f"{growth.errors:.0f} of {growth.requests:.0f}"
        return f"{words.percent(span.error_rate)} ({failed})"

    return _figure(
        story,
        area,
        key="errors",
        title="Failed requests",
        note=f"{note} What is beyond the scale sits on its edge.",
        legend=(*_names(story), Key("rule", f"limit {words.percent(limit)}")),
        shapes=[plot.level(area, 100 * limit, "rule"), *_both(area, points, lines, rate)],
        columns=_columns(points, lambda p: _compare(p, said)),
    )


def _latency(
    story: Story, x: Scale, points: Sequence[Point], lines: Sequence[Point], note: str
) -> Figure:
    ratio = story.state.endpoint.release.judge.p95_ratio

    def value(span: Span) -> float | None:
        return p95(story.edges, span.growth)

    def allowed(point: Point) -> float | None:
        theirs = value(point.champion) if point.champion else None
        return theirs and ratio * theirs

    of_steps = [
        factor * found
        for step in story.steps
        for growth, factor in ((step.candidate, 1.0), (step.champion, ratio))
        if (found := p95(story.edges, growth))
    ]
    area = Area(x, plot.value_scale(1.4 * max(of_steps, default=100.0), " ms"), 180)
    return _figure(
        story,
        area,
        key="latency",
        title="p95 latency",
        note=f"{note} What is beyond the scale sits on its edge.",
        legend=(*_names(story), Key("rule", f"limit: {ratio:g} times production's")),
        shapes=[
            plot.line(area, _places(lines, allowed), "rule"),
            *_both(area, points, lines, value),
        ],
        columns=_columns(points, lambda p: _compare(p, lambda span: words.ms(value(span)))),
    )


TESTS = (
    ("latency", "p95 over the ratio"),
    ("limit", "failures over the limit"),
    ("relative", "failures worse than production"),
    ("split", "split not as asked"),
)


SAFE = (("safe", "failures below the limit"), ("p95_safe", "p95 not much above production's"))


def _exponents(points: Sequence[Point], test: str) -> list[plot.Place]:
    """Log10 E of a test after each poll."""
    return [
        (
            p.t,
            getattr(p.verdict.evidence, test).log_e / math.log(10)
            if p.verdict and p.verdict.evidence
            else None,
        )
        for p in points
    ]


def _needed(points: Sequence[Point], test: str) -> float | None:
    found = [p.verdict.evidence for p in points if p.verdict and p.verdict.evidence]
    needed: float | None = getattr(found[-1], test).log_needed if found else None
    return needed


def _evidence_said(tests: Sequence[tuple[str, str]]) -> Callable[[Point], str]:
    def said(point: Point) -> str:
        if point.verdict is None:
            return "no verdict"
        found = point.verdict.evidence
        values = [f"{name} E {words.evidence(getattr(found, test).log_e)}" for test, name in tests]
        return "; ".join([words.decision(point.verdict), *(values if found else [])])

    return said


def _evidence_figure(
    story: Story,
    x: Scale,
    points: Sequence[Point],
    tests: Sequence[tuple[str, str]],
    area_height: float,
    **texts: str,
) -> Figure:
    needed = {test: found for test, _ in tests if (found := _needed(points, test)) is not None}
    exponents = {test: _exponents(points, test) for test, _ in tests}
    highest = max(needed.values(), default=math.log(100)) / math.log(10)
    area = Area(x, plot.log_scale(-2, 1.35 * highest + 0.3), area_height)
    shapes = [plot.level(area, n / math.log(10), f"needed {test}") for test, n in needed.items()]
    for test, places in exponents.items():
        line = needed.get(test, math.inf) / math.log(10)
        spoke = [(t, line) for t, value in places if value is not None and value >= line][:1]
        shapes += [plot.line(area, places, f"line {test}"), plot.dots(area, spoke, f"spoke {test}")]
    return _figure(
        story,
        area,
        legend=tuple(Key(f"line {test}", name) for test, name in tests),
        shapes=shapes,
        columns=_columns(points, _evidence_said(tests)),
        levels=tuple(
            Tick(100 * area.y.at(n / math.log(10)), f"needs {words.evidence(n)}", test)
            for test, n in needed.items()
        ),
        **texts,
    )


def _against(story: Story, x: Scale, points: Sequence[Point]) -> Figure:
    return _evidence_figure(
        story,
        x,
        points,
        TESTS,
        190,
        key="evidence",
        title="Evidence against the candidate (E, log scale)",
        note="A test speaks where its line reaches what it needs, marked by a disc; failures need"
        " both of theirs at the same poll. E may be looked at as often as one likes: without a"
        " fault it ever reaches 100 with a chance of at most 1 in 100.",
    )


def _safety(story: Story, x: Scale, points: Sequence[Point]) -> Figure:
    return _evidence_figure(
        story,
        x,
        points,
        SAFE,
        110,
        key="safety",
        title="Evidence that it is safe (E, log scale)",
        note="Both are asked for at the end of each step, before more traffic is given.",
    )


def strip(story: Story) -> tuple[Band, ...]:
    """The shares asked, as labelled stretches of the time axis."""
    if len(story.points) < 2:
        return ()
    x = _time_axis(story)
    levels = [(x.low, 0.0), *((max(s.t, x.low), s.percent) for s in story.splits)]
    bands = []
    for (begin, share), (end, _) in pairwise([*levels, (x.high, 0.0)]):
        left, width = 100 * x.at(begin), 100 * (x.at(end) - x.at(begin))
        if width > 0:
            css = "full" if share == 100 else "some" if share else "none"
            label = f"{share:g}%" if share and width >= NARROW else ""
            bands.append(Band(left, width, label, css))
    return tuple(bands)


def marks(story: Story) -> tuple[tuple[Tick, Event], ...]:
    """The events' numbers above the plots."""
    if len(story.points) < 2:
        return ()
    x = _time_axis(story)
    return tuple(
        (Tick(100 * x.at(event.first), str(number)), event)
        for number, event in enumerate(story.events, 1)
    )
