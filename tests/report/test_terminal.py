"""`sluice show` and `sluice report`: one screen, one page, one line for what is wrong."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cli import sluice
from components import record
from components.evaluation import EvaluationResult
from components.report import terminal
from components.report.timeline import timeline_of
from tests.support.records import Recorder

Records = Callable[[str], Path]
NewRecord = Callable[..., Recorder]


def shown(lines: list[record.Line], path: Path) -> str:
    written = io.StringIO()
    terminal.show(Console(file=written, width=80, highlight=False), timeline_of(lines), str(path))
    return written.getvalue()


def sluice_says(*arguments: str | Path) -> Result:
    return CliRunner().invoke(sluice, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("promoted", ["PROMOTED", "10%", "50%", "passed", "Accuracy"]),
        ("slow", ["ROLLED BACK", "roll back", "at most 1.3 times production's", "p95"]),
        ("failing", ["ROLLED BACK", "roll back", "worse than production"]),
        ("first", ["PROMOTED", "first version", "Accuracy"]),
        ("refused", ["ROLLED BACK", "before it got any traffic", "495"]),
        ("cut", ["UNDER WAY", "10:03 to 14:48, 20 times: metrics unreachable"]),
    ],
)
def test_a_release_fits_80_columns_and_says_how_it_went(
    records: Records, name: str, expected: list[str]
) -> None:
    path = records(name)
    text = shown(record.read(path), path)
    assert max(len(line.rstrip()) for line in text.splitlines() if str(path) not in line) <= 80
    assert [said for said in expected if said not in text] == []


def test_rows_that_the_champion_failed_are_told(records: Records, new_record: NewRecord) -> None:
    (found,) = record.of(record.read(records("promoted")), EvaluationResult)
    written = new_record()
    warned = msgspec.structs.replace(found, champion_failures=31, warnings=("31 unanswered",))
    written.append(warned)
    text = shown(written.lines(), Path("record.jsonl"))
    assert "Warning: 31 unanswered" in text


def test_the_evidence_names_the_budget_that_it_is_held_against(records: Records) -> None:
    text = shown(record.read(records("slow")), records("slow"))
    budget = "at most 1% of releases (errors 0.25%, p95 0.6%, refused 0.1%, split 0.05%)"
    assert f"false rollback: {budget}" in " ".join(text.split())


def test_no_text_of_a_record_commands_the_terminal(new_record: NewRecord) -> None:
    written = new_record(candidate="2\x1b]0;title\x07")
    written.append(record.Noted("x\x1b[2J", "[bold]as written[/bold]"))
    written.append(record.Ended("error", "line one\nline two \x1b[31m"))
    text = shown(written.lines(), Path("record.jsonl"))
    assert "\x1b" not in text
    assert "[bold]as written[/bold]" in text


def test_show_gives_programs_one_json_object(records: Records) -> None:
    result = sluice_says("show", records("slow"), "--json")
    said = json.loads(result.stdout)
    assert result.exit_code == 0
    assert said["outcome"] == "rolled_back"
    assert said["steps"][0]["decision"] == "ROLLBACK"
    (step,) = timeline_of(record.read(records("slow"))).steps
    assert said["steps"][0]["candidate"]["requests"] == step.candidate.requests > 0
    assert said["record"] == str(records("slow"))


def test_report_writes_the_page_beside_the_record(records: Records, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(records("slow").read_bytes())
    result = sluice_says("report", tmp_path)
    assert result.stdout.strip() == str(tmp_path / "report.html")
    assert "rolled back" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_report_writes_where_it_is_told(records: Records, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert json.loads(sluice_says("report", records("first"), "--out", out, "--json").stdout) == {
        "report": str(out)
    }
    assert out.exists()


def test_a_changed_record_is_not_reported(records: Records, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(records("slow").read_bytes().replace(b'"p95_ms":', b'"p96_ms":', 1))
    result = sluice_says("report", path)
    assert "the line was changed after it was written" in str(result.exception)
    assert not (tmp_path / "report.html").exists()


def test_a_missing_record_and_an_impossible_target_are_clear(
    records: Records, tmp_path: Path
) -> None:
    assert "no such file" in str(sluice_says("show", tmp_path / "none.jsonl").exception)
    result = sluice_says("report", records("first"), "--out", tmp_path / "no" / "page.html")
    assert "choose another file by --out" in str(result.exception)
