"""How a rule, an alert and a file of rules are written."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import yaml

from components import gateway

RUNBOOKS = "docs/runbooks.md"
"""Has a section for each alert."""

BY_ENDPOINT = f"{gateway.NAMESPACE_LABEL}, {gateway.ENDPOINT_LABEL}"
BY_VERSION = ", ".join(gateway.JOIN)

EVERY_S = 30
"""Seconds between two evaluations of what is averaged over hours and days."""

Severity = Literal["page", "ticket", "event"]
"""``page``: wake somebody. ``ticket``: in working hours. ``event``: it merely happened."""

Rule = dict[str, Any]
Group = dict[str, Any]


def runbook(alert: str) -> str:
    """Where the alert's section is."""
    return f"{RUNBOOKS}#{alert.lower()}"


def recorded(name: str, expr: str, labels: Mapping[str, str] | None = None) -> Rule:
    """A series that is recorded."""
    return {"record": name, "expr": expr, **({"labels": dict(labels)} if labels else {})}


def alert(
    name: str,
    expr: str,
    *,
    lasting: str,
    severity: Severity,
    summary: str,
    mend: str,
    kept: str = "",
    labels: Mapping[str, str] | None = None,
) -> Rule:
    """An alert.

    Args:
        name: in CamelCase; its section in the runbooks is called so too.
        expr: fires for each series that it gives.
        lasting: for so long, before.
        severity: who is told.
        summary: what is wrong, in one line; may have Prometheus' templates.
        mend: the first command, or what to change.
        kept: fires on for so long after it is over, so that it does not flap.
        labels: more than its severity.
    """
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        **({"keep_firing_for": kept} if kept else {}),
        "labels": {"severity": severity, **(labels or {})},
        "annotations": {"summary": summary, "mend": mend, "runbook_url": runbook(name)},
    }


def written(groups: Iterable[Group], head: str) -> str:
    """A file of rules as Prometheus reads it, below a line that says who wrote it."""
    content = {"groups": list(groups)}
    return f"# {head}\n" + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=100)


class _Dumper(yaml.SafeDumper):
    """Text of several lines stays so."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _text)
