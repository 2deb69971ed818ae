"""Records that the main of 2026-11-26 wrote: the same verdicts and the same page as it gave.

Beside each record stand what that version's `sluice replay --json`, `sluice show --json` and
`sluice report` said of it. Only the record's path differs, which all but `replay` repeat.
Records of the judge's rule 4, which releases on the memory platform wrote, have `replay` alone.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cli import sluice
from components import record, schemas
from components.judge import Poll, Verdict
from components.record import EvaluationSkipped, Fetched, Opened, Unknown, of
from components.release.state import fold
from tests.support.schema import faults

FOLDER = Path(__file__).parent / "golden" / "2026-11-26"
RECORDS = sorted(FOLDER.glob("*.jsonl"))
THERE = "/tmp/oldgold"  # noqa: S108  where that version read them
IDS = [path.stem for path in RECORDS]
OF_RULE_4 = sorted(FOLDER.with_name("rule-4").glob("*.jsonl"))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(sluice, [*arguments])
    assert result.exit_code == 0, result.output
    return result.output


def then(path: Path, what: str) -> str:
    """What that version said, of the record where it is now."""
    said = path.with_name(f"{path.stem}.{what}").read_text(encoding="utf-8")
    return said.replace(f"{THERE}/{path.name}", str(path))


def test_a_first_release_a_promotion_and_a_rollback_are_kept() -> None:
    outcomes = {(fold(lines).kind, fold(lines).outcome) for lines in map(record.read, RECORDS)}
    assert outcomes == {("first", "promoted"), ("canary", "promoted"), ("canary", "rolled_back")}


@pytest.mark.parametrize("path", RECORDS + OF_RULE_4, ids=lambda path: path.stem)
def test_the_verdicts_are_the_same(path: Path) -> None:
    found: dict[str, Any] = json.loads(run("replay", str(path), "--json"))
    assert found == {**json.loads(then(path, "replay.json")), "findings": []}
    assert found["verdicts"] == found["polls"]


@pytest.mark.parametrize("path", RECORDS, ids=IDS)
def test_the_page_is_the_same_to_the_byte(path: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run("report", str(path), "--out", str(page))
    assert page.read_text(encoding="utf-8") == then(path, "html")


@pytest.mark.parametrize("path", RECORDS, ids=IDS)
def test_the_summary_is_the_same(path: Path) -> None:
    assert json.loads(run("show", str(path), "--json")) == json.loads(then(path, "show.json"))


@pytest.mark.parametrize("path", RECORDS, ids=IDS)
def test_every_line_is_understood_and_has_the_schema_s_form(path: Path) -> None:
    lines = record.read(path, whole=True)
    assert of(lines, Unknown) == []
    assert [line.unknown_fields() for line in lines if line.unknown_fields()] == []
    schema = json.loads(schemas.path("record").read_text(encoding="utf-8"))
    for raw in path.read_bytes().splitlines():
        assert faults(schema, json.loads(raw)) == []


@pytest.mark.parametrize("path", RECORDS, ids=IDS)
def test_their_policy_is_that_of_the_settings(path: Path) -> None:
    head = record.opened(record.read(path))
    assert head.schema == 1
    assert head.policy
    assert head.judged_by() == fold(record.read(path)).endpoint.release.policy()


def test_what_a_line_of_the_first_schema_lacks_has_its_default() -> None:
    lines = record.read(RECORDS[0])
    assert [fetched.files for fetched in of(lines, Fetched)] == [{}]
    old = msgspec.json.decode(b'{"release_id":"r","schema":1}')
    assert "release_kind" not in old
    assert of(lines, Opened)[0].release_kind == "first"
    assert of(lines, EvaluationSkipped) == []
    rules = {verdict.rule for path in RECORDS for verdict in of(record.read(path), Verdict)}
    assert rules == {3}


def test_records_of_rule_4_name_it_and_hold_what_it_counts() -> None:
    lines = [line for path in OF_RULE_4 for line in record.read(path)]
    assert {verdict.rule for verdict in of(lines, Verdict)} == {4}
    read = [
        sample
        for poll in of(lines, Poll)
        for sources in poll.sources.values()
        for sample in sources.values()
        if sample is not None
    ]
    assert any(sample.refused for sample in read)
    assert any(sample.unanswered for sample in read)
    assert len({sample.born for sample in read}) > 1
