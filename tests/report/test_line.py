"""What a running release says, line by line."""

from collections.abc import Callable
from pathlib import Path

from components import record
from components.report.line import action, describe

Records = Callable[[str], Path]


def said(path: Path, kind: str) -> list[tuple[record.Line, str]]:
    return [(line, describe(line)) for line in record.read(path) if line.kind == kind]


def test_the_forecast_names_the_budget_and_how_it_is_split(records: Records) -> None:
    ((_, text),) = said(records("slow"), "forecast")
    assert "50% errors in 6 s" in text
    assert "false rollback: at most 1% of releases (errors 0.2%, p95 0.75%, split 0.05%)" in text
    assert text.endswith("raise the watch")


def test_actions_have_the_same_words_as_on_the_page(records: Records) -> None:
    actions = said(records("promoted"), "action")
    kinds = {type(line.body) for line, _ in actions}
    assert kinds > {record.Fetched, record.Deployed, record.WeightsSet}
    assert [text for _, text in actions] == [action(line) for line, _ in actions]
