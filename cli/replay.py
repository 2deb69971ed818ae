"""`sluice replay`: verify a decision record and judge it again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.errors import InputError

if TYPE_CHECKING:
    from components.backtest.replay import Replay

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
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(release: str, policy_file: Path | None, as_json: bool) -> None:
    """Verify a decision record's hash chain, and judge its polls again.

    RELEASE is an id from 'sluice releases', or a record's file.

    Every verdict must come out as it was recorded: the decision exactly, the evidence to 12
    digits. With --policy, the recorded polls are judged by another policy instead.

    Exit codes: 0 intact and reproduced, 1 tampered with or unreadable, 2 usage, 5 intact but not
    reproduced.

    Example: sluice replay banking77-v2-20261118-094640-000 --policy strict.yaml
    """
    from cli import _record
    from components.backtest.policy_file import load
    from components.backtest.replay import replay

    policy = load(policy_file).policy if policy_file else None
    where, lines = _record.find(release, whole=True)
    try:
        result = replay(lines, policy)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if as_json:
        click.echo(json.dumps({"lines": len(lines), "head": lines[-1].hash, **result.to_json()}))
    else:
        _print(where, len(lines), result, policy_file)
    if result.findings:
        sys.exit(NOT_REPRODUCED)


def _print(where: str, lines: int, result: Replay, policy_file: Path | None) -> None:
    from components.report.formatting import printable

    click.echo(f"{where}: intact, {lines} lines, {result.polls} polls")
    if policy_file is None:
        if not result.findings:
            click.echo(f"reproduced: {result.verdicts} verdicts")
        for finding in result.findings[:SHOWN]:
            click.echo(printable(f"not reproduced: {finding.text}"))
        if len(result.findings) > SHOWN:
            click.echo(f"and {len(result.findings) - SHOWN} more: --json lists them")
    if not result.complete:
        click.echo("the record has no end: the release is not over, or its last lines are missing")
    for step, at in result.passed:
        click.echo(f"{step:g} % passed at {at:g} s")
    if result.decided is not None:
        by = f"by {policy_file}" if policy_file else "decided"
        click.echo(f"{by}: {result.decided.decision} at {result.decided.at:g} s")
        click.echo(f"  {printable(result.decided.text)}")
