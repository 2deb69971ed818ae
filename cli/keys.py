"""`sluice keys`: the clients of the gateway."""

import json
from typing import TYPE_CHECKING

import click

from components.printing import say

if TYPE_CHECKING:
    from components.gateway import Role


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """List, make, replace and take away the keys by which clients ask the gateway.

    A key is printed by 'show' alone. What is changed is in force when the command returns.

    Example: sluice keys add checkout
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: roles by client.")
def list_clients(as_json: bool) -> None:
    """List the clients that have a key, and what it is for."""
    from components.platform import connect

    clients = connect().gateway.clients()
    lines = [f"{client}  {role}" for client, role in clients.items()]
    say(json.dumps(clients) if as_json else "\n".join(lines))


@command.command()
@click.argument("client")
def show(client: str) -> None:
    """Print the key of CLIENT, and nothing else: a secret."""
    from components.platform import connect

    say(connect().gateway.key(client))


@command.command()
@click.argument("client")
@click.option(
    "--role",
    type=click.Choice(["client", "operator"]),
    default="client",
    help="A client asks for inferences; an operator may name the version that answers.",
)
def add(client: str, role: "Role") -> None:
    """Make a key for a new CLIENT."""
    from components.platform import connect

    connect().gateway.add(client, role)
    say(f"{client}: has a key; 'sluice keys show {client}' prints it")


@command.command()
@click.argument("client")
def rotate(client: str) -> None:
    """Replace the key of CLIENT; the old one is refused from now on."""
    from components.platform import connect

    connect().gateway.rotate(client)
    say(f"{client}: has a new key; 'sluice keys show {client}' prints it")


@command.command()
@click.argument("client")
def revoke(client: str) -> None:
    """Take the key of CLIENT away."""
    from components.platform import connect

    connect().gateway.revoke(client)
    say(f"{client}: has no key any more")
