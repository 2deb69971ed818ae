"""`sluice status`."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from components.printing import printable, say

if TYPE_CHECKING:
    from local.lifecycle import Health


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show each server's health, URL, memory and log, and what releases wait for.

    Exit code 1 when anything is not as it should be.

    Example: sluice status --json
    """
    from components.release.lease import standing_leases
    from local import lifecycle
    from local.home import find_home
    from local.platform.leases import FileLeases

    home = find_home()
    lines = lifecycle.status(home)
    releases = [
        {"endpoint": lease.endpoint, "release": lease.release_id, "waits": lease.waits}
        for lease in standing_leases(FileLeases(home))
    ]
    healthy = bool(lines) and all(line.state == "ok" for line in lines)
    if as_json:
        servers = [asdict(line) | {"log": str(line.log)} for line in lines]
        found = {"home": str(home.path), "healthy": healthy, "servers": servers}
        say(json.dumps(found | {"releases": releases}))
    elif lines:
        _show(lines)
        say(f"logs: {home.logs}/<name>.log")
        for each in releases:
            waits = f": {each['waits']}" if each["waits"] else ""
            say(printable(f"{each['endpoint']}: release {each['release']} is under way{waits}"))
    else:
        say(f"no platform in {home.path}: run 'sluice up'")
    sys.exit(0 if healthy else 1)


def _show(lines: "list[Health]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("name", overflow="fold")
    table.add_column("health", overflow="fold")
    table.add_column("url", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    for line in lines:
        memory = "" if line.memory_mb is None else f"{line.memory_mb:.0f} MB"
        color = "green" if line.state == "ok" else "red"
        table.add_row(line.name, f"[{color}]{line.state}[/]", line.url, memory)
    total = sum(line.memory_mb or 0 for line in lines)
    table.add_row("", "", "", f"{total:.0f} MB")
    Console(soft_wrap=False).print(table)
