from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import sluice
from components import record
from components.backtest.replay import replay
from components.errors import InputError
from components.judge import RULE, Policy
from components.record import Line
from tests.support.present import present

GOLDEN = Path(__file__).parents[1] / "judge" / "golden"


def run(*args: Path | str) -> tuple[int, str]:
    """Run the command as the entry point does: our errors are one line and exit code 1."""
    from components.errors import SluiceError

    result = CliRunner().invoke(sluice, ["replay", *map(str, args)])
    if isinstance(result.exception, SluiceError):
        return 1, str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("name", "decision", "at"),
    [("promoted", "PROMOTE", 240.0), ("rolled_back", "ROLLBACK", 120.0), ("held", "HOLD", 120.0)],
)
def test_a_golden_record_is_reproduced(name: str, decision: str, at: float) -> None:
    lines = record.read(GOLDEN / f"{name}.jsonl", whole=True)
    result = replay(lines)
    assert result.difference is None
    assert result.complete
    assert result.polls == result.verdicts > 5
    decided = present(result.decided)
    assert (decided.decision, decided.final, decided.at) == (decision, True, at)
    code, said = run(GOLDEN / f"{name}.jsonl")
    assert code == 0
    assert "reproduced" in said
    assert decision in said


def test_the_corrupted_record_is_refused_and_its_line_named() -> None:
    code, said = run(GOLDEN / "corrupted.jsonl")
    assert code == 1
    assert "changed after it was written" in said
    assert "corrupted.jsonl:" in said


def rewritten(path: Path, change: Callable[[Line], dict[str, Any] | None]) -> Path:
    """A record whose chain is whole, with other bodies."""
    for line in record.read(GOLDEN / "rolled_back.jsonl"):
        body = change(line)
        if body is not None:
            record.append(path, line.kind, body, line.at)
    return path


def test_a_verdict_that_the_polls_do_not_give_is_not_reproduced(tmp_path: Path) -> None:
    def kinder(line: Line) -> dict[str, Any]:
        if line.kind == "verdict" and line.body["decision"] == "ROLLBACK":
            return line.body | {"decision": "PROMOTE"}
        return line.body

    path = rewritten(tmp_path / "record.jsonl", kinder)
    code, said = run(path)
    assert code == 5
    assert "decision is recorded as PROMOTE, now ROLLBACK" in said
    assert "line 19: decision" in said


@pytest.mark.parametrize("other", [None, 1, 99])
def test_a_record_of_another_rule_says_so_and_what_to_do(tmp_path: Path, other: int | None) -> None:
    def older(line: Line) -> dict[str, Any]:
        if line.kind != "verdict":
            return line.body
        body = {key: value for key, value in line.body.items() if key != "rule"}
        body["decision"] = "HOLD"
        return body if other is None else body | {"rule": other}

    path = rewritten(tmp_path / "record.jsonl", older)
    code, said = run(path)
    assert code == 5
    assert f"line 3: judged by rule {other or 1} of the judge, this is rule {RULE}" in said
    assert "replay it with the Sluice that recorded it" in said
    assert run(path, "--policy", GOLDEN.parent / "nowhere.yaml")[0] == 1
    assert replay(record.read(path), Policy()).difference is None


@pytest.mark.parametrize(("factor", "code"), [(1 + 1e-14, 0), (1 + 1e-9, 5)])
def test_evidence_must_agree_to_twelve_digits(tmp_path: Path, factor: float, code: int) -> None:
    def nudged(line: Line) -> dict[str, Any]:
        if line.kind != "verdict":
            return line.body
        evidence = line.body["evidence"]
        safe = evidence["safe"] | {"log_e": evidence["safe"]["log_e"] * factor}
        return line.body | {"evidence": evidence | {"safe": safe}}

    assert run(rewritten(tmp_path / "record.jsonl", nudged))[0] == code


def test_a_release_that_was_killed_between_poll_and_verdict_is_reproduced(tmp_path: Path) -> None:
    def killed(line: Line) -> dict[str, Any] | None:
        return None if line.kind == "verdict" and line.seq == 6 else line.body

    result = replay(record.read(rewritten(tmp_path / "record.jsonl", killed)))
    assert result.difference is None
    assert result.verdicts == result.polls - 1


def test_a_record_without_its_end_says_so(tmp_path: Path) -> None:
    def cut(line: Line) -> dict[str, Any] | None:
        return None if line.kind == "end" else line.body

    code, said = run(rewritten(tmp_path / "record.jsonl", cut))
    assert code == 0
    assert "no end" in said


def test_another_policy_says_what_it_would_have_decided_and_when(tmp_path: Path) -> None:
    lines = record.read(GOLDEN / "rolled_back.jsonl")
    lax = present(replay(lines, Policy(error_rate=0.2, watch_s=60, max_extension=10)).decided)
    assert (lax.decision, lax.at) == ("PROMOTE", 60)
    quick = present(replay(lines, Policy(method="threshold", min_requests=200)).decided)
    assert (quick.decision, quick.at) == ("ROLLBACK", 60)
    policy = tmp_path / "policy.yaml"
    policy.write_text("method: threshold\nmin_requests: 200\n")
    code, said = run(GOLDEN / "rolled_back.jsonl", "--policy", policy)
    assert code == 0
    assert "policy.yaml: ROLLBACK at 60 s" in said


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\n", b"[1]\n"])
def test_what_is_no_record_is_one_line_and_exit_code_1(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(content)
    code, said = run(path)
    assert code == 1
    assert "\n" not in said


def test_a_record_that_begins_with_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    record.append(path, "poll", {"t": 0}, 0.0)
    with pytest.raises(InputError, match="begin with a 'release' line"):
        replay(record.read(path))


@pytest.mark.parametrize("champion", [None, "2"])
def test_a_release_without_anything_to_watch_is_intact(
    tmp_path: Path, champion: str | None
) -> None:
    path = tmp_path / "record.jsonl"
    head: dict[str, Any] = {"release_id": "r", "champion": champion, "candidate": "2", "policy": {}}
    record.append(path, "release", head, 0.0)
    record.append(path, "end", {"outcome": "promoted", "reason": ""}, 1.0)
    code, said = run(path)
    assert code == 0
    assert "reproduced: 0 verdicts" in said


@pytest.mark.parametrize("head", [{}, {"policy": {"error_rate": 7}}, {"policy": {}}])
def test_a_release_line_that_lacks_something_is_one_line(
    tmp_path: Path, head: dict[str, Any]
) -> None:
    path = tmp_path / "record.jsonl"
    record.append(path, "release", head, 0.0)
    code, said = run(path)
    assert code == 1
    assert "line 1" in said
    assert "\n" not in said
