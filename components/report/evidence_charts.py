"""The charts of the judge's evidence, poll by poll."""

import math
from collections.abc import Callable, Sequence

from components.report import formatting, plot
from components.report.frame import Figure, Key, Tick, columns, framed
from components.report.plot import Area, Scale
from components.report.timeline import Point, Timeline


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
        values = [
            f"{name} E {formatting.evidence(getattr(found, test).log_e)}" for test, name in tests
        ]
        return "; ".join([formatting.decision(point.verdict), *(values if found else [])])

    return said


def _evidence_figure(
    timeline: Timeline,
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
    return framed(
        timeline,
        area,
        legend=tuple(Key(f"line {test}", name) for test, name in tests),
        shapes=shapes,
        columns=columns(points, _evidence_said(tests)),
        levels=tuple(
            Tick(100 * area.y.at(n / math.log(10)), f"needs {formatting.evidence(n)}", test)
            for test, n in needed.items()
        ),
        **texts,
    )


def against(timeline: Timeline, x: Scale, points: Sequence[Point]) -> Figure:
    """What speaks against the candidate, test by test."""
    return _evidence_figure(
        timeline,
        x,
        points,
        (
            ("latency", "p95 over the ratio"),
            ("limit", "failures over the limit"),
            ("relative", f"failures worse than {timeline.compared}"),
            ("split", "split not as asked"),
        ),
        190,
        key="evidence",
        title="Evidence against the candidate (E, log scale)",
        note="A test speaks where its line reaches what it needs, marked by a disc; failures need"
        " both of theirs at the same poll. E may be looked at as often as one likes: without a"
        " fault it ever reaches 100 with a chance of at most 1 in 100.",
    )


def safety(timeline: Timeline, x: Scale, points: Sequence[Point]) -> Figure:
    """What speaks for it."""
    return _evidence_figure(
        timeline,
        x,
        points,
        (
            ("safe", "failures below the limit"),
            ("p95_safe", f"p95 not much above {timeline.compared}'s"),
        ),
        110,
        key="safety",
        title="Evidence that it is safe (E, log scale)",
        note="Both are asked for at the end of each step, before more traffic is given.",
    )
