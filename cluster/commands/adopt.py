"""`sluice adopt` where the platform is a cluster."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from components.printing import say

if TYPE_CHECKING:
    from cluster.adoption.planning import Plan


@click.command()
@click.argument("endpoint")
@click.option("--inference-service", "predictor", required=True, help="Your InferenceService.")
@click.option("--version", required=True, help="The registered version that it serves.")
@click.option("--route", default="", help="Your HTTPRoute; default: the one that leads to it.")
@click.option("--keys-are-sent", is_flag=True, help="All users send a key already.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(
    endpoint: str,
    *,
    predictor: str,
    version: str,
    route: str,
    keys_are_sent: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make an InferenceService that serves users the champion of ENDPOINT.

    ENDPOINT is a name below endpoints/, or the path of an endpoint's file. The plan is printed
    first; no request fails on the way; after a cut-off, say it again. Run it where pods of the
    cluster can be reached.

    Example: sluice adopt fraud --inference-service fraud --version 7 --dry-run
    """
    from cluster.adoption.asking import adoption

    with adoption(endpoint, predictor, version, route, keys_are_sent=keys_are_sent) as wanted:
        plan = wanted.plan()
        if not as_json:
            _show(plan)
        if not dry_run:
            for number, step in enumerate(wanted.perform(plan.steps), 1):
                if not as_json:
                    say(f"done {number}: {step.said}")
    if as_json:
        say(json.dumps({**asdict(plan), "done": not dry_run}))


def _show(plan: "Plan") -> None:
    say(f"{plan.endpoint}: version {plan.version} is InferenceService {plan.predictor}")
    for number, step in enumerate(plan.steps, 1):
        say(f"  {number}. {step.said}")
    if not plan.steps:
        say("  nothing is left to be done")
    for note in plan.notes:
        say(f"note: {note}")
