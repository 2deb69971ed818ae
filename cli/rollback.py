"""`sluice rollback`: an operator ends a release."""

import json
from dataclasses import asdict

import click

from components.printing import printable, say


@click.command()
@click.argument("endpoint")
@click.option("--reason", default="", help="Goes into the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(endpoint: str, reason: str, as_json: bool) -> None:
    """Send all traffic of ENDPOINT back to the champion and end the release under way.

    The traffic goes back even if the record's store and MLflow do not answer: the record then
    follows when they do. The endpoint's file is not needed.

    Example: sluice rollback banking77 --reason "wrong labels reported"
    """
    from cli import _endpoint
    from components.platform import connect
    from components.release.operating import roll_back

    platform = connect()
    done = roll_back(platform, _endpoint.under_way(platform, endpoint), reason)
    if as_json:
        say(json.dumps(asdict(done)))
        return
    shares = ", ".join(f"version {v} {w}%" for v, w in done.weights.items()) or "no route"
    say(f"in force: {shares}")
    if done.outcome:
        say(f"{done.release_id}: {done.outcome}: {printable(done.reason)}")
        if done.left:
            say(f"{done.release_id}: not cleaned up yet: {printable(done.left)}", err=True)
    else:
        say(f"{done.release_id}: its record follows: {printable(done.reason)}", err=True)
