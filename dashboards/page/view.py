"""What every panel of a board shows, ready for the page."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.report.frame import Tick
from dashboards.live.asking import Answer, Mark
from dashboards.live.look import Look
from dashboards.live.server import Span
from dashboards.page import drawn, units
from dashboards.page.drawn import Figure, Row
from dashboards.page.series import Palette, Series, buckets
from dashboards.page.tables import Table, table

Named = Callable[[Sequence[Answer]], list[Series]]
"""The series of some answers with their names and colours."""


@dataclass(frozen=True)
class Number:
    """A number of now, or a bar of it."""

    text: str
    css: str
    name: str = ""
    percent: float = 0.0


@dataclass(frozen=True)
class View:
    """One panel; what it is not is empty."""

    kind: str
    title: str
    question: str = ""
    metrics: str = ""
    width: int = 24
    empty: str = ""
    """What stands there instead, when there is nothing to show."""
    figure: Figure | None = None
    number: Number | None = None
    bars: tuple[Number, ...] = ()
    states: tuple[Row, ...] = ()
    ticks: tuple[Tick, ...] = ()
    table: Table | None = None
    limits: tuple[tuple[str, str], ...] = field(default=())
    """What each limit is, with its colour."""


def views(look: Look) -> Iterator[View]:
    """The board's headings and panels, in order."""
    palette = Palette(look.answers)
    values = look.choice.filled()
    for panel in look.board["panels"]:
        if panel["type"] == "row":
            yield View("row", panel["title"])
            continue
        own = [answer for answer in look.answers if answer.panel == panel["id"]]
        yield _view(panel, own, palette.series, look.span, marks=look.marks, values=values)


def _view(
    panel: Mapping[str, Any],
    answers: Sequence[Answer],
    named: Named,
    span: Span,
    *,
    marks: Sequence[Mark],
    values: Mapping[str, str],
) -> View:
    what = drawn.read(panel)
    question, _, metrics = panel["description"].partition(" Metrics: ")
    full = [answer for answer in answers if not answer.is_empty]
    shown: dict[str, Any] = {}
    if not full:
        shown["empty"] = panel["fieldConfig"]["defaults"]["noValue"]
    elif panel["type"] == "timeseries":
        series = named(full)
        stairs = {one.name for one in series if _is_stepped(panel, one.name)}
        shown["figure"] = drawn.lines(what, series, span, marks, stairs)
        shown["limits"] = tuple((what.said(limit), colour) for limit, colour in what.limits)
    elif panel["type"] == "heatmap":
        figure = drawn.heat(what, full, span, marks)
        shown["figure" if figure else "empty"] = figure or what.empty
    elif panel["type"] == "stat":
        shown["number"] = _number(what, full[0])
    elif panel["type"] == "bargauge":
        shown["bars"] = tuple(_bars(what, full, named))
    elif panel["type"] == "state-timeline":
        shown["states"] = tuple(drawn.states(what, named(full), span))
        shown["ticks"] = drawn.time_ticks(span)
    else:
        shown["table"] = table(panel, full, values)
    return View(
        kind=panel["type"],
        title=panel["title"],
        question=question,
        metrics=metrics.replace("`", "").rstrip("."),
        width=panel["gridPos"]["w"],
        **shown,
    )


def _is_stepped(panel: Mapping[str, Any], name: str) -> bool:
    return any(
        override["matcher"]["id"] == "byRegexp"
        and re.search(override["matcher"]["options"].strip("/"), name)
        for override in panel["fieldConfig"]["overrides"]
    )


def _number(panel: drawn.Panel, answer: Answer) -> Number:
    value = answer.found[0].points[-1][1]
    word = panel.words.get(f"{value:g}")
    return Number(panel.said(value), word[1] if word else panel.colour(value))


def _bars(panel: drawn.Panel, answers: Sequence[Answer], named: Named) -> Iterator[Number]:
    if any("le" in one.labels for answer in answers for one in answer.found):
        found = [one for answer in answers for one in answer.found]
        bars = [
            (f"to {units.text(bucket.edge, 'none')}", bucket.points[-1][1])
            for bucket in buckets(found)
        ]
    else:
        bars = [(one.name, one.last or 0.0) for one in named(answers)]
    most = max((value for _, value in bars), default=0.0) or 1.0
    for name, value in bars:
        yield Number(panel.said(value), panel.colour(value), name, 100 * value / most)
