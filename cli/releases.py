"""`sluice releases`: what was released, and how it ended."""

import json
import time

import click

from components.printing import printable, say

UNREADABLE = "unreadable"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> None:
    """List the releases that the platform has a record of, oldest first.

    A record that cannot be read, as it is damaged or of a newer Sluice, is one line at the end.

    Example: sluice releases
    """
    from components.errors import SluiceError
    from components.platform import connect
    from components.record import Record
    from components.release.state import ReleaseState, fold

    platform = connect()
    found: list[ReleaseState] = []
    unreadable: dict[str, str] = {}
    for release_id in platform.records.releases():
        try:
            found.append(fold(Record(platform.records, release_id, platform.clock).lines()))
        except SluiceError as error:
            unreadable[release_id] = str(error)
    for state in sorted(found, key=lambda state: state.started_at):
        row = {
            "release": state.release_id,
            "endpoint": state.endpoint.name,
            "candidate": state.candidate,
            "champion": state.champion,
            "started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(state.started_at)),
            "outcome": state.outcome or "under way",
            "reason": state.reason,
            "waits": "" if state.outcome else state.waits,
        }
        if as_json:
            say(json.dumps(row))
        else:
            say(printable(f"{row['started']}  {row['outcome']:<11}  {row['release']}"))
            if said := row["reason"] or row["waits"]:
                say(printable(f"{'':21}{said}"))
    for release_id, why in unreadable.items():
        if as_json:
            say(json.dumps({"release": release_id, "outcome": UNREADABLE, "reason": why}))
        else:
            say(printable(f"{'':19}  {UNREADABLE:<11}  {release_id}: {why}"))
