"""A release on one screen of 80 columns."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components.judge import budget
from components.report import words
from components.report.scorecard import Bar, evaluation, scorecard
from components.report.series import Story, p95

STYLES = {"promoted": "green", "rolled_back": "red", "held": "yellow", "error": "red", None: "cyan"}
BAR = 14
"""Characters of a bar of evidence."""


def show(console: Console, story: Story, record: Path) -> None:
    """Print the release whose record is the file ``record``."""
    console.print(_head(story))
    for title, part in (
        ("What decided" if story.state.outcome else "Where it stands", _scorecard(story)),
        ("Evidence", _evidence(story)),
        ("Steps", _steps(story)),
        ("Forecast", _forecast(story)),
        ("Evaluation", _evaluation(story)),
        ("Events", _events(story)),
    ):
        if part is not None:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(Padding(part, (0, 0, 0, 2)))
    console.print(Text("\nRecord", style="bold"))
    console.print(_plain(f"  {record}"))
    hint = f"  {story.lines} lines, the chain of hashes is intact. 'sluice report' draws it,"
    console.print(Text(f"{hint}\n  'sluice replay' judges it again.", style="dim"))


def _plain(text: str, style: str = "") -> Text:
    """Text from the record: no markup, and no character that a terminal would obey."""
    return Text(words.printable(text), style)


def _head(story: Story) -> RenderableType:
    state = story.state
    outcome = words.OUTCOMES[state.outcome].upper()
    title = Text(f" {outcome} ", f"reverse bold {STYLES[state.outcome]}")
    title += _plain(f"  {state.endpoint.name}: {state.model} version {state.candidate}", "bold")
    took = f"{state.release_id}, {'took' if state.outcome else 'so far'}"
    return Group(
        title,
        _plain(words.headline(story)),
        _plain(f"{took} {words.duration(story.duration)}", "dim"),
    )


def _table(*headings: str, left: int = 1) -> Table:
    """A table without lines; the first ``left`` columns are text, the others numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at < left else "right", no_wrap=True)
    return table


def _scorecard(story: Story) -> RenderableType | None:
    rows = scorecard(story)
    if not rows:
        return None
    table = _table("", "candidate", "production")
    table.add_column("rule")
    for row in rows:
        table.add_row(Text(row.name), row.candidate, row.champion, row.rule)
    return table


def _evidence(story: Story) -> RenderableType | None:
    bars = [bar for row in scorecard(story) for bar in row.bars]
    if not bars:
        return None
    table = _table("", "", left=2)
    table.show_header = False
    table.add_column()
    for bar in bars:
        table.add_row(bar.label, _bar(bar), bar.said)
    policy = story.state.endpoint.release.policy()
    if policy.method != "sequential":
        return table
    return Group(table, _plain(words.budget(asdict(budget.split(policy.false_rollback)))))


def _bar(bar: Bar) -> Text:
    filled = round(BAR * bar.percent / 100)
    style = ("red" if "bad" in bar.css else "green") if "shown" in bar.css else "default"
    return Text.assemble(("━" * filled, style), ("─" * (BAR - filled), "dim"))


def _steps(story: Story) -> RenderableType | None:
    if not story.steps:
        return None
    table = _table("asked", "version", "got", "requests", "failed", "p95", "verdict", left=2)
    table.columns[-1].justify = "left"
    for step in story.steps:
        took = words.duration(step.ended - step.began)
        got = "-" if step.observed is None else f"{step.observed:.1f}%"
        for version, growth, rest in (
            (story.state.candidate, step.candidate, (f"{step.percent:g}%", got)),
            (str(story.state.champion), step.champion, ("", "")),
        ):
            table.add_row(
                rest[0],
                _plain(version),
                rest[1],
                words.count(growth.requests),
                words.failed(growth),
                words.ms(p95(story.edges, growth)),
                f"{words.decision(step.verdict)}, {took}" if rest[0] else "",
            )
    return table


def _evaluation(story: Story) -> RenderableType:
    rows = evaluation(story)
    if not rows:
        return _plain(f"none: {story.skipped}")
    table = _table("", "candidate", *(["production"] if story.state.champion else []))
    table.add_column("rule")
    for row in rows:
        champion = [row.champion] if story.state.champion else []
        table.add_row(row.name, row.candidate, *champion, row.rule)
    warnings = story.evaluation.warnings if story.evaluation else ()
    return Group(table, *(_plain(f"Warning: {warning}") for warning in warnings))


def _forecast(story: Story) -> RenderableType | None:
    """Of no interest once it is over."""
    if story.forecast is None or story.state.outcome:
        return None
    rows = story.forecast.faults + story.forecast.safe
    return Group(*(_plain(f"{row.what}: {words.expected(row)}") for row in rows))


def _events(story: Story) -> RenderableType | None:
    if not story.events:
        return None
    lines = []
    for event in story.events:
        until = f" to {words.clock(event.last)}, {event.times} times" if event.times > 1 else ""
        lines.append(_plain(f"{words.clock(event.first)}{until}: {words.event(event)}"))
    return Group(*lines)
