"""`sluice status` where the platform is a cluster."""

import json
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from components.printing import say

if TYPE_CHECKING:
    from cluster.health import Status


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show the team's endpoints, and the health of the servers.

    Exit code 1 when anything is not as it should be.

    Example: sluice status --json
    """
    from cluster import health
    from cluster.access import find_access
    from cluster.connect import connect, namespace_of
    from components.errors import SluiceError

    access = find_access()
    try:
        warned = health.warnings(connect())
    except SluiceError as error:
        warned = [f"whether further pods could start is not known: {error}"]
    found = replace(health.status(access, namespace_of(access)), warnings=warned)
    if as_json:
        say(json.dumps({"healthy": found.healthy, **asdict(found)}))
    else:
        _show(found)
    sys.exit(0 if found.healthy else 1)


def _show(found: "Status") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=False)
    endpoints = Table(box=None, pad_edge=False)
    titles = ("endpoint", "phase", "champion", "candidate", "share", "predictors", "waits")
    for title in titles:
        endpoints.add_column(title, overflow="fold")
    for each in found.endpoints:
        share = f"{each.share}%" if each.share else ""
        versions = (each.champion, each.candidate, share, each.predictors)
        endpoints.add_row(each.name, each.phase, *versions, each.waits)
    servers = Table(box=None, pad_edge=False)
    servers.add_column("server", overflow="fold")
    servers.add_column("health", overflow="fold")
    for server in found.servers:
        color = "green" if server.state == "ok" else "red"
        servers.add_row(server.name, f"[{color}]{server.state}[/]")
    if found.endpoints:
        console.print(endpoints)
    else:
        say(f"no endpoint in namespace {found.namespace}: 'sluice apply FILE' makes one known")
    say("")
    console.print(servers)
    for warning in found.warnings:
        say(f"warning: {warning}", err=True)
