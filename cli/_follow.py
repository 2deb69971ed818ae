"""Follow a release's record while it grows: the same view for every engine."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

import click
from components.release.journal import Journal

from components.record import Line
from components.report import formatting

POLL_S = 0.3
REPEAT_S = 10.0
"""A watch in which nothing changes says so this often where lines cannot be overwritten."""


def follow(log: Journal, running: Callable[[], bool], *, quiet: bool = False) -> None:
    """Print what is new in ``log`` until the release has ended or ``running`` says no."""
    seen = 0
    view = _View(live=sys.stdout.isatty())
    while True:
        alive = running()
        lines = log.lines() if log.exists() else []
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
        text = formatting.printable(describe(line))
        if not text:
            return
        text = f"{_clock(line, first)}  {text}"
        if line.kind != "verdict" or line.body["decision"] != "HOLD":
            self.close()
            click.echo(text)
        elif self._live:
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\033[K{text[:width]}", nl=False)
            self._pending = True
        else:
            codes = tuple(reason["code"] for reason in line.body["reasons"])
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


def describe(line: Line) -> str:
    """One line of text for people, or nothing for what they need not see."""
    body = line.body
    match line.kind:
        case "release":
            beside = (
                f"beside champion {body['champion']}" if body["champion"] else "no champion yet"
            )
            return f"release {body['release_id']}: {body['model']} {body['candidate']}, {beside}"
        case "evaluation":
            return _evaluation(body)
        case "forecast":
            return _forecast(body)
        case "verdict":
            return _verdict(line)
        case "action":
            return formatting.action(body)
        case "event":
            return f"{body['event'].replace('_', ' ')}: {body['detail']}"
        case "end":
            return f"end: {formatting.OUTCOMES[body['outcome']]}"
    return ""


def _evaluation(body: dict[str, Any]) -> str:
    if "skipped" in body:
        return f"evaluation: skipped: {body['skipped']}"
    if not body["passed"]:
        return f"evaluation: refused: {'; '.join(body['reasons'])}"
    beside = ""
    if body["champion_accuracy"] is not None:
        p = body["regression_p"]
        beside = f" (champion {body['champion_accuracy']:.4f}, regression p = {p:.3g})"
    warned = "".join(f"; {warning}" for warning in body.get("warnings", ()))
    return (
        f"evaluation: passed on {body['rows']} rows: accuracy {body['accuracy']:.4f}{beside},"
        f" p95 {body['latency']['p95_ms']:.0f} ms{warned}"
    )


def _forecast(body: dict[str, Any]) -> str:
    rows = [*body["faults"], *body["safe"]]
    seen = [f"{row['what']} {_about(row['seconds'])}" for row in rows]
    said = ["forecast: " + ", ".join(seen), formatting.budget(body["budget"])]
    return "; ".join([*said, *body["warnings"]])


def _about(seconds: float | None) -> str:
    return "never" if seconds is None else f"in {seconds:.0f} s"


def _verdict(line: Line) -> str:
    body = line.body
    if not body["step"]:
        return ""
    said = "; ".join(reason["text"] for reason in body["reasons"])
    return f"{body['step']:3.0f}%  {body['decision']}: {_counts(body['evidence'])}{said}"


def _counts(evidence: dict[str, Any] | None) -> str:
    if evidence is None:
        return ""
    candidate, champion = evidence["candidate"], evidence["champion"]
    p95 = [arm["p95_ms"] for arm in (candidate, champion)]
    beside = "" if None in p95 else f", p95 {p95[0]:.0f} ms beside {p95[1]:.0f} ms"
    return f"{candidate['errors']:.0f} of {candidate['requests']:.0f} failed{beside}; "
