"""A verdict that was asked for after the event, for people and for programs."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.judge import Code, Evidence, Policy, Verdict, budget
from components.printing import printable
from components.report import formatting


def show(console: Console, policy: Policy, verdict: Verdict, champion: str, candidate: str) -> None:
    """Print the verdict with its evidence."""
    # Names of versions and sources are whatever the polls say: text, never markup.
    said = Text(printable(f" at {verdict.at:g} s: {verdict.text}"))
    console.print(Text(verdict.decision, "bold") + said)
    if verdict.evidence is None:
        return
    console.print(_arms(verdict.evidence, champion, candidate))
    console.print(_tests(verdict.evidence))
    if policy.method == "sequential":
        console.print(formatting.budget(asdict(budget.split(policy.false_rollback))))


def as_json(
    policy: Policy, verdict: Verdict, champion: str, candidate: str, polls: int
) -> dict[str, Any]:
    """The same as one JSON object."""
    body = verdict.to_json()
    shares = asdict(budget.split(policy.false_rollback))
    return {
        "verdict": body.pop("decision"),
        "champion": champion,
        "candidate": candidate,
        "polls": polls,
        "budget": {"false_rollback": policy.false_rollback, **shares},
        **body,
    }


def refused_as_json(code: Code, text: str) -> dict[str, Any]:
    """What could not be judged, in the shape of a verdict."""
    reason = {"code": code, "text": text}
    return {"verdict": "ERROR", "final": True, "at": None, "reasons": [reason], "evidence": None}


def _arms(evidence: Evidence, champion: str, candidate: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("version", "requests", "failed", "no answer", "refused", "p95"):
        table.add_column(column, justify="left" if column == "version" else "right")
    for role, version, arm in (
        ("candidate", candidate, evidence.candidate),
        (evidence.beside.removeprefix("the "), champion, evidence.champion),
    ):
        p95 = "-" if arm.p95_ms is None else f"{arm.p95_ms:.4g} ms"
        name = Text(printable(f"{role} {version}"))
        counts = (arm.requests, arm.errors, arm.unanswered, arm.refused)
        table.add_row(name, *(f"{count:.0f}" for count in counts), p95)
    return table


def _tests(evidence: Evidence) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("evidence that", "E", "needed"):
        table.add_column(column, justify="left" if column.startswith("ev") else "right")
    beside = evidence.beside
    for claim, test in (
        ("the error rate is over the limit", evidence.limit),
        (f"the error rate is worse than {beside}'s", evidence.relative),
        (f"more requests are refused than {beside}'s", evidence.refused),
        ("the p95 is worse than the ratio allows", evidence.latency),
        ("the traffic is not split as the weights say", evidence.split),
        ("the error rate is below the limit", evidence.safe),
        (f"the p95 is not much worse than {beside}'s", evidence.p95_safe),
    ):
        if test is None:
            continue
        style = "bold" if test.speaks else None
        needed = formatting.evidence(test.log_needed)
        table.add_row(claim, formatting.evidence(test.log_e), needed, style=style)
    return table
