"""A release on one screen of 80 columns."""

from dataclasses import asdict

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.judge import budget
from components.printing import printable
from components.record import BaselineSet
from components.report import formatting, line
from components.report.scorecard import Bar, evaluation, scorecard
from components.report.timeline import Timeline, p95

STYLES = {"promoted": "green", "rolled_back": "red", "held": "yellow", "error": "red", None: "cyan"}
BAR = 14
"""Characters of a bar of evidence."""


def show(console: Console, timeline: Timeline, record: str) -> None:
    """Print the release whose record is at ``record``."""
    console.print(_head(timeline))
    for title, part in (
        ("What decided" if timeline.state.outcome else "Where it stands", _scorecard(timeline)),
        ("Evidence", _evidence(timeline)),
        ("Steps", _steps(timeline)),
        ("Held", _held(timeline)),
        ("Compared with", _compared(timeline)),
        ("Forecast", _forecast(timeline)),
        ("Evaluation", _evaluation(timeline)),
        ("Events", _events(timeline)),
        ("Of a later schema", _later(timeline)),
    ):
        if part is not None:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(Padding(part, (0, 0, 0, 2)))
    console.print(Text("\nRecord", style="bold"))
    console.print(_plain(f"  {record}"))
    hint = f"  {timeline.lines} lines, the chain of hashes is intact. 'sluice report' draws it,"
    console.print(Text(f"{hint}\n  'sluice replay' judges it again.", style="dim"))


def _plain(text: str, style: str = "") -> Text:
    """Text from the record: no markup, and no character that a terminal would obey."""
    return Text(printable(text), style)


def _head(timeline: Timeline) -> RenderableType:
    state = timeline.state
    outcome = formatting.OUTCOMES[state.outcome].upper()
    title = Text(f" {outcome} ", f"reverse bold {STYLES[state.outcome]}")
    title += _plain(f"  {state.endpoint.name}: {state.model} version {state.candidate}", "bold")
    took = f"{state.release_id}, {'took' if state.outcome else 'so far'}"
    return Group(
        title,
        _plain(formatting.headline(timeline)),
        _plain(f"{took} {formatting.duration(timeline.duration)}", "dim"),
    )


def _table(*headings: str, left: int = 1) -> Table:
    """A table without lines; the first ``left`` columns are text, the others numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at < left else "right", no_wrap=True)
    return table


def _scorecard(timeline: Timeline) -> RenderableType | None:
    rows = scorecard(timeline)
    if not rows:
        return None
    table = _table("", "candidate", timeline.compared)
    table.add_column("rule")
    for row in rows:
        table.add_row(Text(row.name), row.candidate, row.champion, row.rule)
    return table


def _evidence(timeline: Timeline) -> RenderableType | None:
    bars = [bar for row in scorecard(timeline) for bar in row.bars]
    if not bars:
        return None
    table = _table("", "", left=2)
    table.show_header = False
    table.add_column()
    for bar in bars:
        table.add_row(bar.label, _bar(bar), bar.said)
    policy = timeline.state.endpoint.release.policy()
    if policy.method != "sequential":
        return table
    return Group(table, _plain(formatting.budget(asdict(budget.split(policy.false_rollback)))))


def _bar(bar: Bar) -> Text:
    filled = round(BAR * bar.percent / 100)
    style = ("red" if "bad" in bar.css else "green") if "shown" in bar.css else "default"
    return Text.assemble(("━" * filled, style), ("─" * (BAR - filled), "dim"))


def _steps(timeline: Timeline) -> RenderableType | None:
    if not timeline.steps:
        return None
    table = _table("asked", "version", "got", "requests", "failed", "p95", "verdict", left=2)
    table.columns[-1].justify = "left"
    for step in timeline.steps:
        took = formatting.duration(step.ended - step.began)
        got = "-" if step.observed is None else f"{step.observed:.1f}%"
        champion = str(timeline.state.champion)
        beside = step.production is not None
        arms = [
            (timeline.state.candidate, step.candidate, (f"{step.percent:g}%", got)),
            (f"{champion}, baseline" if beside else champion, step.champion, ("", "")),
        ]
        if step.production:
            arms.append((champion, step.production, ("", "")))
        for version, growth, rest in arms:
            table.add_row(
                rest[0],
                _plain(version),
                rest[1],
                formatting.count(growth.requests),
                formatting.failed(growth),
                formatting.ms(p95(timeline.edges, growth)),
                f"{formatting.decision(step.verdict)}, {took}" if rest[0] else "",
            )
    return table


def _evaluation(timeline: Timeline) -> RenderableType:
    rows = evaluation(timeline)
    if not rows:
        return _plain(f"none: {timeline.skipped}")
    table = _table("", "candidate", *(["production"] if timeline.state.champion else []))
    table.add_column("rule")
    for row in rows:
        champion = [row.champion] if timeline.state.champion else []
        table.add_row(row.name, row.candidate, *champion, row.rule)
    warnings = timeline.evaluation.warnings if timeline.evaluation else ()
    return Group(table, *(_plain(f"Warning: {warning}") for warning in warnings))


def _compared(timeline: Timeline) -> RenderableType | None:
    """Whether there was a baseline, and why."""
    lines = [
        _plain(f"{formatting.clock(done.t)}: {line.action(done.line)}")
        for done in timeline.actions
        if isinstance(done.line.body, BaselineSet)
    ]
    return Group(*lines) if lines else None


def _held(timeline: Timeline) -> RenderableType | None:
    """What steps waited for, and what people decided."""
    lines = [
        _plain(f"{formatting.clock(done.t)}: {line.action(done.line)}") for done in timeline.holds
    ]
    return Group(*lines) if lines else None


def _forecast(timeline: Timeline) -> RenderableType | None:
    """Of no interest once it is over."""
    if timeline.forecast is None or timeline.state.outcome:
        return None
    rows = timeline.forecast.faults + timeline.forecast.safe
    return Group(*(_plain(f"{row.what}: {formatting.expected(row)}") for row in rows))


def _events(timeline: Timeline) -> RenderableType | None:
    if not timeline.events:
        return None
    lines = []
    for event in timeline.events:
        until = (
            f" to {formatting.clock(event.last)}, {event.times} times" if event.times > 1 else ""
        )
        lines.append(
            _plain(
                f"{formatting.clock(event.first)}{until}: {line.event(event.name, event.detail)}"
            )
        )
    return Group(*lines)


def _later(timeline: Timeline) -> RenderableType | None:
    lines = [
        _plain(f"{formatting.clock(done.t)}: {line.action(done.line)}") for done in timeline.later
    ]
    return Group(*lines) if lines else None
