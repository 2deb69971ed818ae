"""`sluice replay`: verify a decision record and judge it again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.errors import InputError
from components.printing import printable, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.backtest.replay import Replay
    from components.record.finding import Finding

NOT_REPRODUCED = 5
SHOWN = 20
"""Findings that are printed: after one false line thousands may not follow."""


@click.command()
@click.argument("release")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="Say what this policy would have decided, and when; nothing is compared.",
)
@click.option(
    "--anchor",
    is_flag=True,
    help="Demand that MLflow has the record's anchor; of a file too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(release: str, policy_file: Path | None, anchor: bool, as_json: bool) -> None:
    """Verify a decision record's hash chain, and judge its polls again.

    RELEASE is an id from 'sluice releases', or a record's file.

    Every verdict must come out as it was recorded: the decision exactly, the evidence to 12
    digits. The evaluation, the splits and the end must follow from their figures, the verdicts
    and the policy. The record of an id is held against its anchor and its copy as well, if MLflow
    answers. With --policy, the recorded polls are judged by another policy instead.

    Exit codes: 0 intact and reproduced, 1 tampered with or unreadable, 2 usage, 5 the chain is
    intact, but something does not follow, or is not what was anchored.

    Example: sluice replay banking77-v2-20261118-094640-000 --policy strict.yaml
    """
    import msgspec

    from cli import _record
    from components.backtest.policy_file import load
    from components.backtest.replay import replay
    from components.record.finding import Finding

    policy = load(policy_file).policy if policy_file else None
    where, lines = _record.find(release, whole=True)
    named = None if _record.is_file(release) else release
    asked = policy is None and (anchor or named is not None)
    try:
        result = replay(lines, policy, named)
        checked = _record.checked(lines) if asked else None
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    findings = [*result.findings, *(checked.findings if checked else ())]
    if anchor and checked and not checked.anchored:
        findings.append(Finding(len(lines), checked.said, "see docs/record.md: anchors"))
    if as_json:
        said = {"anchor": checked.said} if checked else {}
        body = {"lines": len(lines), "head": lines[-1].hash, **result.to_json(), **said}
        found = [msgspec.to_builtins(each) for each in findings]
        say(json.dumps(body | {"findings": found}))
    else:
        _print(where, len(lines), result, policy_file, findings)
        if checked:
            say(printable(checked.said))
    if findings:
        sys.exit(NOT_REPRODUCED)


def _print(
    where: str, lines: int, result: Replay, policy_file: Path | None, findings: Sequence[Finding]
) -> None:

    say(f"{where}: intact, {lines} lines, {result.polls} polls")
    if policy_file is None:
        if not findings:
            say(f"reproduced: {result.verdicts} verdicts")
        for finding in findings[:SHOWN]:
            say(printable(f"not reproduced: {finding.text}"))
        if len(findings) > SHOWN:
            say(f"and {len(findings) - SHOWN} more: --json lists them")
    if not result.complete:
        say("the record has no end: the release is not over, or its last lines are missing")
    for step, at in result.passed:
        say(f"{step:g} % passed at {at:g} s")
    if result.decided is not None:
        by = f"by {policy_file}" if policy_file else "decided"
        say(f"{by}: {result.decided.decision} at {result.decided.at:g} s")
        say(f"  {printable(result.decided.text)}")
