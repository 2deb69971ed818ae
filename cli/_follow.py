"""Follow a release's record while it grows: the same view for every engine."""

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import click

from components.errors import Unreachable
from components.judge import Verdict
from components.printing import printable
from components.record import Line, Record, Shadowed
from components.report.line import describe

POLL_S = 0.3
REPEAT_S = 10.0
"""A watch in which nothing changes says so this often where lines cannot be overwritten."""


def follow(record: Record, running: Callable[[], bool], *, quiet: bool = False) -> None:
    """Print what is new in ``record`` until ``running`` says no.

    A store that does not answer hides what is new until it does.
    """
    seen = 0
    view = _View(live=sys.stdout.isatty())
    while True:
        alive = running()
        with suppress(Unreachable):
            lines = record.lines()
            for line in lines[seen:]:
                if not quiet:
                    view.show(line, lines[0])
            seen = len(lines)
        if not alive:
            view.close()
            return
        time.sleep(POLL_S)


class _View:
    """Lines for what happened; one line that is overwritten for a watch that goes on."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._pending = False
        self._said: tuple[tuple[str, ...], float] = ((), 0.0)

    def show(self, line: Line, first: Line) -> None:
        text = printable(describe(line))
        if not text:
            return
        text = f"{_clock(line, first)}  {text}"
        verdict = line.body.verdict if isinstance(line.body, Shadowed) else line.body
        if not isinstance(verdict, Verdict) or verdict.decision != "HOLD":
            self.close()
            click.echo(text)
        elif self._live:
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\033[K{text[:width]}", nl=False)
            self._pending = True
        else:
            codes = tuple(reason.code for reason in verdict.reasons)
            if codes != self._said[0] or line.at - self._said[1] >= REPEAT_S:
                self._said = (codes, line.at)
                click.echo(text)

    def close(self) -> None:
        if self._pending:
            click.echo("\r\033[K", nl=False)
            self._pending = False


def _clock(line: Line, first: Line) -> str:
    passed = max(0, round(line.at - first.at))
    return f"{passed // 60:3d}:{passed % 60:02d}"
