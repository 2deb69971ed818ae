"""A simulation as JSON, and as the command line that makes it again."""

import shlex
from dataclasses import asdict
from typing import Any

from components.simulation.run import Simulation, holds, measured
from components.simulation.scenario import Entry

POLICY_FLAGS = ("error_rate", "p95_ratio", "false_rollback")
"""The part of the policy that has flags."""


def result(simulation: Simulation, on: Simulation | None = None) -> dict[str, Any]:
    """What each rule did, in shares and seconds.

    ``on`` is the same watched on (`run.extended`), where releases were held.
    """
    extension = {"minutes": on.scenario.minutes, **asdict(on.summary("sluice"))} if on else None
    return {
        "scenario": simulation.scenario.model_dump(mode="json"),
        "policy": {name: getattr(simulation.policy, name) for name in POLICY_FLAGS},
        "releases": simulation.releases,
        "seed": simulation.seed,
        "rules": {rule: asdict(simulation.summary(rule)) for rule in simulation.outcomes},
        "extension": extension,
    }


def promises(entry: Entry, simulation: Simulation) -> list[dict[str, Any]]:
    """What was expected of the scenario, what was measured, and whether it was kept."""
    return [
        {
            **expectation.model_dump(exclude_none=True),
            "measured": measured(expectation, simulation),
            "kept": holds(expectation, simulation),
        }
        for expectation in entry.expect
    ]


def command_line(simulation: Simulation) -> str:
    """The command line that makes a simulation again."""
    flags = []
    for name, field in type(simulation.scenario).model_fields.items():
        value = getattr(simulation.scenario, name)
        if value == field.default:
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "peers_watch":
            flags += [part for metric in value for part in (flag, metric)]
        else:
            said = value if isinstance(value, str) else f"{value:g}"
            flags += [flag] if value is True else [flag, said]
    for name in POLICY_FLAGS:
        value = getattr(simulation.policy, name)
        if value != type(simulation.policy).model_fields[name].default:
            flags += [f"--{name.replace('_', '-')}", f"{value:g}"]
    flags += ["--releases", str(simulation.releases)]
    flags += ["--seed", str(simulation.seed)] if simulation.seed else []
    return shlex.join(["sluice", "simulate", *flags])
