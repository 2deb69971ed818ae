"""Judging a decision record again, and holding all of it against what comes out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from components import record
from components.backtest import course, form
from components.backtest.shadow import Judged
from components.judge import RULE, RULES, Policy, Poll, Verdict
from components.record import Ended, Held, Line, MirrorSet, Shadowed
from components.record.finding import Finding

DIGITS = 12
"""Significant digits of evidence that must agree: other machines' `log` may differ in the last."""


class Replay(msgspec.Struct, frozen=True):
    """What came out."""

    release_id: str
    polls: int
    verdicts: int
    """Recorded verdicts that were compared."""
    findings: tuple[Finding, ...]
    """What does not follow, by line; empty if the record holds."""
    passed: tuple[tuple[float, float], ...]
    """Percent and seconds of each step that was passed."""
    decided: Verdict | None
    """The verdict that ended the release, else the newest."""
    complete: bool
    """The record has its `end` line."""

    @property
    def difference(self) -> str | None:
        """The first finding in one line, with its line number (from 1)."""
        return self.findings[0].text if self.findings else None

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {**msgspec.to_builtins(self), "difference": self.difference}


def replay(
    lines: Sequence[Line], policy: Policy | None = None, release_id: str | None = None
) -> Replay:
    """Feed the record's polls to the judge again, and hold every line against what comes out.

    Args:
        lines: the record.
        policy: another policy. Nothing is compared then: `decided` is what it would have decided,
            and when.
        release_id: whose record it is to be, where that is known.

    Raises:
        InputError: the lines are no release's record.
    """
    head = record.opened(lines)
    record.refuse_newer(lines, "replay")
    used = policy or head.judged_by()
    named = {line.body.rule for line in lines if isinstance(line.body, Verdict)}
    rules = sorted(named & set(RULES)) if policy is None else []
    # A release that went on under a newer Sluice has verdicts of two rules, each over all polls.
    # A first release has no champion, an unchanged one the same; neither has polls.
    states = {
        rule: RULES[rule].start(str(head.champion), head.candidate) for rule in rules or [RULE]
    }
    shadow = Judged(head)
    again: dict[int, Verdict] = {}
    polls = verdicts = 0
    passed: dict[float, float] = {}
    newest: Verdict | None = None
    findings: list[Finding] = []
    for number, line in enumerate(lines, start=1):
        if isinstance(line.body, Poll):
            for rule, state in states.items():
                states[rule], again[rule] = RULES[rule].observe(used, state, line.body)
            newest = again[max(again)]
            polls += 1
            if newest.decision == "PROMOTE":
                passed.setdefault(newest.step, newest.at)
            if newest.final and policy is not None:
                break
        elif isinstance(line.body, Held) and line.body.waits:
            states = {rule: RULES[rule].go_on(state) for rule, state in states.items()}
        elif isinstance(line.body, Verdict) and policy is None:
            verdicts += 1
            findings += _differences(line.body, line.content, number, again)
        elif isinstance(line.body, MirrorSet):
            shadow.mirrored(line.body.p95_ratio)
        elif isinstance(line.body, Shadowed) and policy is None:
            verdicts += 1
            polls += 1
            written = msgspec.json.encode(msgspec.json.decode(line.content)["verdict"])
            findings += _differences(line.body.verdict, written, number, shadow.again(line.body))
    if policy is None:
        if release_id not in {None, head.release_id}:
            said = f"it is the record of {head.release_id}, and stands as that of {release_id}"
            findings.append(Finding(1, said))
        findings += form.findings(lines, head)
        findings += course.findings(lines, head)
    return Replay(
        release_id=head.release_id,
        polls=polls,
        verdicts=verdicts,
        findings=tuple(sorted(findings, key=lambda found: found.line)),
        passed=tuple(passed.items()),
        decided=newest,
        complete=any(isinstance(line.body, Ended) for line in lines),
    )


def _differences(
    recorded: Verdict, content: bytes, number: int, again: Mapping[int, Verdict]
) -> list[Finding]:
    """Where the verdict differs from the one that its own rule gives; empty if nowhere."""
    if not again:
        return [Finding(number, "a verdict without a poll before it")]
    if recorded.rule not in again:
        return [
            Finding(
                number,
                f"judged by rule {recorded.rule} of the judge, this is rule {RULE}",
                "replay it with the Sluice that recorded it, or see with --policy what this rule"
                " decides",
            )
        ]
    where = _unequal(msgspec.json.decode(content), again[recorded.rule].to_json(), "")
    if where is None:
        return []
    key, was, now = where
    return [Finding(number, f"{key or 'verdict'} is recorded as {was}, now {now}")]


def _unequal(recorded: Any, again: Any, key: str) -> tuple[str, Any, Any] | None:
    """The first place where two JSON values differ; numbers agree to `DIGITS` digits."""
    if recorded == again:
        return None
    if isinstance(recorded, dict) and isinstance(again, dict):
        names: Iterable[Any] = sorted({*recorded, *again})
        inner = {name: f"{key}.{name}" if key else name for name in names}
        pairs = [(inner[name], recorded.get(name), again.get(name)) for name in names]
        missing = next((n for n in names if n not in recorded or n not in again), None)
        if missing is not None:
            return inner[missing], recorded.get(missing), again.get(missing)
    elif isinstance(recorded, list | tuple) and isinstance(again, list | tuple):
        if len(recorded) != len(again):
            return key, list(recorded), list(again)
        both = enumerate(zip(recorded, again, strict=True))
        pairs = [(f"{key}[{index}]", a, b) for index, (a, b) in both]
    else:
        return None if _same(recorded, again) else (key, recorded, again)
    for place, a, b in pairs:
        found = _unequal(a, b, place)
        if found:
            return found
    return None


def _same(recorded: Any, again: Any) -> bool:
    if not (isinstance(recorded, int | float) and isinstance(again, int | float)):
        return False
    tolerance = 10.0**-DIGITS
    return math.isclose(recorded, again, rel_tol=tolerance, abs_tol=tolerance)
