from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cli import sluice
from components import record
from components.backtest.replay import replay
from components.errors import InputError
from components.judge import RULE, Policy, Poll, Verdict
from components.record import SCHEMA, Ended, Line, ReleaseKind
from tests.judge import make_golden
from tests.support.polls import Gateway
from tests.support.present import present
from tests.support.records import chained, opened, write, written

GOLDEN = Path(__file__).parents[1] / "judge" / "golden"

Body = dict[str, Any]


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


@pytest.mark.parametrize("story", make_golden.STORIES)
def test_a_record_of_today_s_schema_is_reproduced_as_its_golden_one_is(
    story: Callable[[Gateway], list[Poll]],
) -> None:
    lines = record.parse(make_golden.content(story), "today's")
    golden = record.read(GOLDEN / f"{story.__name__}.jsonl")
    assert (record.opened(golden).schema, record.opened(lines).schema) == (1, SCHEMA)
    ours, theirs = replay(lines), replay(golden)
    # Today's holds what the judge reads and says, and nothing that a release does besides.
    assert not any(" is recorded as " in found.what for found in ours.findings)
    assert theirs.findings == ()
    assert ours.passed == theirs.passed
    decided, before = present(ours.decided), present(theirs.decided)
    assert (decided.rule, before.rule) == (RULE, 3)
    assert (decided.decision, decided.at) == (before.decision, before.at)
    polls = [line.content for line in lines if isinstance(line.body, Poll)]
    assert polls == [line.content for line in golden if isinstance(line.body, Poll)]


def test_a_release_that_went_on_under_a_newer_rule_is_reproduced_by_both() -> None:
    golden = record.read(GOLDEN / "promoted.jsonl")
    newer = record.parse(make_golden.content(make_golden.promoted), "today's")

    def joined(before: list[Line], after: list[Line]) -> list[Line]:
        lines = [*golden[:1], *before[1:9], *after[9:]]
        told = [(line.kind, line.at, msgspec.json.decode(line.content)) for line in lines]
        return record.parse(chained(told), "mixed")

    mixed = joined(golden, newer)
    assert {line.body.rule for line in mixed if isinstance(line.body, Verdict)} == {3, RULE}
    assert replay(mixed).findings == ()
    assert replay(joined(newer, golden)).findings == ()


def test_the_corrupted_record_is_refused_and_its_line_named() -> None:
    code, said = run(GOLDEN / "corrupted.jsonl")
    assert code == 1
    assert "changed after it was written" in said
    assert "corrupted.jsonl:" in said


def rewritten(path: Path, change: Callable[[str, int, Body], Body | None]) -> Path:
    """A record whose chain is whole, with other bodies: ``change`` has each one's kind and line."""
    lines = []
    for line in record.read(GOLDEN / "rolled_back.jsonl"):
        body = change(line.kind, line.seq, msgspec.json.decode(line.content))
        if body is not None:
            lines.append((line.kind, line.at, body))
    return write(path, chained(lines))


def test_a_verdict_that_the_polls_do_not_give_is_not_reproduced(tmp_path: Path) -> None:
    def kinder(kind: str, _: int, body: Body) -> Body:
        if kind == "verdict" and body["decision"] == "ROLLBACK":
            return body | {"decision": "PROMOTE"}
        return body

    path = rewritten(tmp_path / "record.jsonl", kinder)
    code, said = run(path)
    assert code == 5
    assert "decision is recorded as PROMOTE, now ROLLBACK" in said
    assert "line 19: decision" in said


@pytest.mark.parametrize("other", [None, 1, 99])
def test_a_record_of_another_rule_says_so_and_what_to_do(tmp_path: Path, other: int | None) -> None:
    def older(kind: str, _: int, body: Body) -> Body:
        if kind != "verdict":
            return body
        body = {key: value for key, value in body.items() if key != "rule"}
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
    def nudged(kind: str, _: int, body: Body) -> Body:
        if kind != "verdict":
            return body
        evidence = body["evidence"]
        safe = evidence["safe"] | {"log_e": evidence["safe"]["log_e"] * factor}
        return body | {"evidence": evidence | {"safe": safe}}

    assert run(rewritten(tmp_path / "record.jsonl", nudged))[0] == code


def test_a_release_that_was_killed_between_poll_and_verdict_is_reproduced(tmp_path: Path) -> None:
    def killed(kind: str, seq: int, body: Body) -> Body | None:
        return None if kind == "verdict" and seq == 6 else body

    result = replay(record.read(rewritten(tmp_path / "record.jsonl", killed)))
    assert result.difference is None
    assert result.verdicts == result.polls - 1


def test_a_record_without_its_end_says_so(tmp_path: Path) -> None:
    def cut(kind: str, _: int, body: Body) -> Body | None:
        return None if kind == "end" else body

    code, said = run(rewritten(tmp_path / "record.jsonl", cut))
    assert code == 0
    assert "no end" in said


def test_another_policy_says_what_it_would_have_decided_and_when(tmp_path: Path) -> None:
    lines = record.read(GOLDEN / "rolled_back.jsonl")
    lax = replay(lines, Policy(error_rate=0.2, watch_s=60, max_extension=10))
    decided = present(lax.decided)
    assert (decided.decision, decided.at) == ("PROMOTE", 60)
    quick = replay(lines, Policy(method="threshold", min_requests=200))
    decided = present(quick.decided)
    assert (decided.decision, decided.at) == ("ROLLBACK", 60)
    policy = tmp_path / "policy.yaml"
    policy.write_text("method: threshold\nmin_requests: 200\n")
    code, said = run(GOLDEN / "rolled_back.jsonl", "--policy", policy)
    assert code == 0
    assert "policy.yaml: ROLLBACK at 60 s" in said


@pytest.mark.parametrize("rubbish", [b"", b"{}\n", b"\xff\n", b"[1]\n"])
def test_what_is_no_record_is_one_line_and_exit_code_1(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(rubbish)
    code, said = run(path)
    assert code == 1
    assert "\n" not in said


def test_a_record_that_begins_with_something_else_is_refused(tmp_path: Path) -> None:
    poll = Poll(0, {"1": 100}, {"1": {}, "2": {}})
    path = write(tmp_path / "record.jsonl", written([(0.0, (poll,))]))
    with pytest.raises(InputError, match="begin with a 'release' line"):
        replay(record.read(path))


@pytest.mark.parametrize(("champion", "kind"), [(None, "first"), ("2", "unchanged")])
def test_a_release_without_anything_to_watch_is_intact(
    tmp_path: Path, champion: str | None, kind: ReleaseKind
) -> None:
    head = msgspec.structs.replace(
        opened("r", Policy()), schema=1, champion=champion, release_kind=kind
    )
    content = written([(0.0, (head,)), (1.0, (Ended("promoted", ""),))])
    code, said = run(write(tmp_path / "record.jsonl", content))
    assert code == 0
    assert "reproduced: 0 verdicts" in said


HEAD = opened("r", Policy())


@pytest.mark.parametrize(
    ("head", "named"),
    [
        ({}, "record.jsonl:1: this is not a release line"),
        ({"policy": {"error_rate": 7}}, "record.jsonl:1: this is not a release line"),
        ({"policy": {}}, "record.jsonl:1: this is not a release line"),
        (msgspec.structs.replace(HEAD, policy={"error_rate": 7}), "line 1"),
        (msgspec.structs.replace(HEAD, policy={}), "line 1"),
    ],
)
def test_a_release_line_that_lacks_something_is_one_line(
    tmp_path: Path, head: object, named: str
) -> None:
    path = write(tmp_path / "record.jsonl", chained([("release", 0.0, head)]))
    code, said = run(path)
    assert code == 1
    assert named in said
    assert "\n" not in said


def test_a_record_of_a_later_schema_is_replayed_by_who_wrote_it(tmp_path: Path) -> None:
    head = msgspec.structs.replace(HEAD, schema=SCHEMA + 1)
    path = write(tmp_path / "record.jsonl", chained([("release", 0.0, head), ("new", 1.0, {})]))
    code, said = run(path)
    assert code == 1
    assert f"recorded in schema {SCHEMA + 1}" in said
    assert "replay it with the Sluice that wrote it" in said
