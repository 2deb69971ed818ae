"""One look at a board: its variables, every answer, the marks, at one time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.errors import InputError
from dashboards.live import asking
from dashboards.live.asking import Answer, Mark
from dashboards.live.choice import Choice, resolve
from dashboards.live.server import Server, Span

_SINCE = re.compile(r"now-([0-9]+)([mhd])")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Look:
    """What a board shows."""

    board: Mapping[str, Any]
    choice: Choice
    span: Span
    answers: Sequence[Answer]
    marks: Sequence[Mark]


def at(
    board: Mapping[str, Any],
    server: Server,
    given: Mapping[str, Sequence[str]],
    start: float | None,
    end: float,
) -> Look:
    """Ask all that the board asks, from ``start`` (None: as far back as the board says) to ``end``.

    Raises:
        InputError: the time is empty, or a variable is wrong.
        Unreachable: Prometheus did not answer.
        PlatformError: it refuses a query.
    """
    if start is None:
        start = end - _length_s(board)
    if start >= end:
        raise InputError("the time is empty: choose a --from before --to")
    scrape_s = server.scrape_interval_s()
    span = asking.span_of(start, end, scrape_s)
    choice = resolve(board, server, start, end, given)
    answers = tuple(asking.ask(board, server, choice, span, scrape_s))
    return Look(board, choice, span, answers, asking.marks(board, server, choice, span))


def _length_s(board: Mapping[str, Any]) -> float:
    since = _SINCE.fullmatch(board["time"]["from"])
    if since is None:
        raise InputError(f"the board begins at {board['time']['from']!r}: give --from")
    return float(since[1]) * _SECONDS[since[2]]
