"""A board as one HTML page, drawn as the release's report is, for whoever has no Grafana.

It needs nothing else: no network, no library, no fonts.
"""

import math
import time
from pathlib import Path
from typing import Any

from components.report.template import filled_in
from dashboards.live.look import Look
from dashboards.page.view import views

HERE = Path(__file__).parent
MOST_MARKS = 8
"""Told above the plots; all of them are drawn."""


def render(look: Look) -> str:
    """The page of a board as Prometheus answered it."""
    chosen = {
        name: ", ".join(values)
        for name, values in look.choice.values.items()
        if name not in ("datasource", "mlflow")
    }
    return filled_in(
        HERE,
        board=look.board,
        chosen=chosen,
        views=list(views(look)),
        marks=[(moment(at), text, colour) for at, text, colour in look.marks[-MOST_MARKS:]],
        begin=moment(look.span.start),
        end=moment(look.span.end),
        step=look.span.step,
    )


def moment(at: float) -> str:
    """The wall clock, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def data(look: Look) -> dict[str, Any]:
    """The same for programs: every series of every target; what is no number is None."""
    panels = [
        {
            "panel": answer.title,
            "ref": answer.ref,
            "query": answer.query,
            "seconds": round(answer.seconds, 4),
            "series": [
                {
                    "labels": dict(one.labels),
                    "points": [[at, v if math.isfinite(v) else None] for at, v in one.points],
                }
                for one in answer.found
            ],
        }
        for answer in look.answers
    ]
    return {
        "board": look.board["title"],
        "variables": {name: list(values) for name, values in look.choice.values.items()},
        "from": look.span.start,
        "to": look.span.end,
        "step": look.span.step,
        "panels": panels,
    }
