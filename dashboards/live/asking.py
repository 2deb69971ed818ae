"""Every target of a board, asked: what each panel has to show."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dashboards.live.choice import Choice
from dashboards.live.server import Found, Server, Span, is_finite
from dashboards.macros import fill

Mark = tuple[float, str, str]
"""When, what, and the colour."""

POINTS = 240
"""Points of a line, at most."""
MOST_OF_MARK = 10_000
"""Points at which a mark is looked for; Prometheus refuses more than 11,000."""


@dataclass(frozen=True)
class Answer:
    """What one target of a panel gave."""

    panel: int
    """The panel's id."""
    title: str
    ref: str
    query: str
    """As it was sent."""
    legend: str
    instant: bool
    seconds: float
    """How long the answer took."""
    found: tuple[Found, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to show: no series, or no number in any."""
        return not any(map(is_finite, self.found))


def intervals(span: Span, scrape_s: float) -> dict[str, str]:
    """What stands in a query for Grafana's own durations."""
    rate = max(4 * scrape_s, span.step + scrape_s)
    whole = max(1, round(span.end - span.start))
    return {
        "__rate_interval": f"{math.ceil(rate)}s",
        "__interval": f"{math.ceil(span.step)}s",
        "__range": f"{whole}s",
        "__range_s": f"{whole}",
    }


def span_of(start: float, end: float, scrape_s: float) -> Span:
    """A time with a step that gives at most `POINTS`, and is never shorter than a scrape.

    Its points lie at multiples of the step, as Grafana's do.
    """
    step = max(scrape_s, math.ceil((end - start) / POINTS), 1.0)
    return Span(math.floor(start / step) * step, math.floor(end / step) * step, step)


def ask(
    board: Mapping[str, Any], server: Server, choice: Choice, span: Span, scrape_s: float
) -> Iterator[Answer]:
    """The answer to every target, panel by panel.

    Raises:
        Unreachable: the server did not answer.
        PlatformError: it refuses a query.
    """
    values = choice.filled() | intervals(span, scrape_s)
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            query = fill(target["expr"], values)
            began = time.perf_counter()
            instant = bool(target.get("instant"))
            found = server.instant(query, span.end) if instant else server.over(query, span)
            yield Answer(
                panel["id"],
                panel["title"],
                target["refId"],
                query,
                target.get("legendFormat", ""),
                instant,
                time.perf_counter() - began,
                tuple(found),
            )


def marks(board: Mapping[str, Any], server: Server, choice: Choice, span: Span) -> list[Mark]:
    """The annotations in the time: when, what, and the colour."""
    values = choice.filled()
    made = []
    for mark in board["annotations"]["list"]:
        query, times_of = fill(mark["expr"], values), _of_mark(mark["step"], span)
        for found in server.over(query, times_of):
            text = fill_legend(mark.get("titleFormat", mark["name"]), found.labels)
            if mark.get("useValueForTime"):
                times = {value / 1000 for _, value in found.points}
            else:
                times = _begins(found, times_of.step)
            made += [(at, text, mark["iconColor"]) for at in times if span.start <= at <= span.end]
    return sorted(made)


def _of_mark(step: str, span: Span) -> Span:
    """The time by the mark's own step, as ``60s``, or by a longer one where that is too many."""
    seconds = max(float(step.removesuffix("s")), (span.end - span.start) / MOST_OF_MARK)
    return Span(min(math.ceil(span.start / seconds) * seconds, span.end), span.end, seconds)


def _begins(found: Found, step: float) -> set[float]:
    """Where a run of neighbouring points with a value above zero begins."""
    there = [at for at, value in found.points if value > 0]
    return {at for before, at in pairwise([-math.inf, *there]) if at - before > 1.5 * step}


def fill_legend(pattern: str, labels: Mapping[str, str]) -> str:
    """A legend with its ``{{label}}`` filled in."""
    if pattern == "__auto":
        return ", ".join(labels.values())
    for name, value in labels.items():
        pattern = pattern.replace(f"{{{{{name}}}}}", value)
    return pattern
