"""Fewer points than polls, and counts over a while: what can be seen in a plot."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from components.report.timeline import Point, Span, total


def pooled(points: Sequence[Point], most: int) -> tuple[Point, ...]:
    """At most about ``most`` points: neighbours are added up, never across a step or a gap."""
    each = math.ceil(len(points) / most) if points else 1
    if each == 1:
        return tuple(points)

    def stretch(point: Point) -> tuple[Any, ...]:
        return (point.share, point.baseline, point.champion is None, point.candidate is None)

    result = []
    for _, group in groupby(points, key=stretch):
        inside = list(group)
        result += [_merged(inside[at : at + each]) for at in range(0, len(inside), each)]
    return tuple(result)


def _merged(points: Sequence[Point]) -> Point:
    verdicts = [point.verdict for point in points if point.verdict]
    return Point(
        began=points[0].began,
        t=points[-1].t,
        share=points[-1].share,
        champion=merged_span([point.champion for point in points]),
        candidate=merged_span([point.candidate for point in points]),
        verdict=verdicts[-1] if verdicts else None,
        polls=sum(point.polls for point in points),
        baseline=points[-1].baseline,
        production=merged_span([point.production for point in points]),
    )


def merged_span(spans: Sequence[Span | None]) -> Span | None:
    """The spans added up; None when none was read."""
    there = [span for span in spans if span]
    if not there:
        return None
    return Span(total(span.growth for span in there), sum(span.seconds for span in there))


def trailing(points: Sequence[Point], seconds: float) -> tuple[Point, ...]:
    """Each point with the counts of the ``seconds`` before it in its step; a gap stays one."""
    result, start = [], 0
    for at, point in enumerate(points):
        while points[start].t <= point.t - seconds or points[start].share != point.share:
            start += 1
        inside = points[start : at + 1]
        result.append(
            replace(
                point,
                champion=point.champion and merged_span([p.champion for p in inside]),
                candidate=point.candidate and merged_span([p.candidate for p in inside]),
                production=point.production and merged_span([p.production for p in inside]),
            )
        )
    return tuple(result)
