"""`sluice releases`: what was released, and how it ended."""

import json
import time

import click

from components.printing import printable, say


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> None:
    """List the releases that the platform has a record of, oldest first.

    Example: sluice releases
    """
    from components.errors import InputError
    from components.platform import connect
    from components.record import Record
    from components.release.state import ReleaseState, fold

    platform = connect()
    found: list[ReleaseState] = []
    for release_id in platform.records.releases():
        try:
            found.append(fold(Record(platform.records, release_id, platform.clock).lines()))
        except InputError as error:
            say(f"damaged: {printable(str(error))}", err=True)
    for state in sorted(found, key=lambda state: state.started_at):
        row = {
            "release": state.release_id,
            "endpoint": state.endpoint.name,
            "candidate": state.candidate,
            "champion": state.champion,
            "started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state.started_at)),
            "outcome": state.outcome or "under way",
            "reason": state.reason,
        }
        if as_json:
            say(json.dumps(row))
        else:
            say(f"{row['started']}  {row['outcome']:<11}  {row['release']}")
            if state.reason:
                say(f"{'':21}{printable(state.reason)}")
