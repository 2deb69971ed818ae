"""`sluice traffic`."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli._numbers import Finite
from components.printing import say

if TYPE_CHECKING:
    from components.load.sender import Outcome


@click.command()
@click.argument("endpoint")
@click.option("--rps", type=Finite(0.1, 5000), default=60.0, help="Requests per second.")
@click.option("--seconds", type=Finite(0.1, 86400), default=30.0, help="How long.")
@click.option("--arrivals", type=click.Choice(["constant", "poisson"]), default="poisson")
@click.option(
    "--mix",
    type=click.Choice(["production", "held-out"]),
    default="production",
    help="production: 10% of the texts are long messages; held-out: rows of the data set only.",
)
@click.option("--seed", type=int, default=1)
@click.option("--client", default="demo", help="Whose key is sent.")
@click.option("--key-file", type=click.Path(path_type=Path), help="Default: the platform's.")
@click.option("--version", "pin", help="Ask this version only: needs an operator's key.")
@click.option("--out", type=click.Path(path_type=Path), help="Log of requests, JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(  # noqa: PLR0917 (click passes by name)
    endpoint: str,
    rps: float,
    seconds: float,
    arrivals: str,
    mix: str,
    seed: int,
    client: str,
    key_file: Path | None,
    pin: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Send open-loop traffic to ENDPOINT through the gateway and say what came back.

    ENDPOINT is a name below endpoints/, or the path of an endpoint's file. Requests leave when they
    are due, however slow the answers are; those that left late are counted. SIGINT or SIGTERM ends
    it early, with a summary.

    Example: sluice traffic banking77 --rps 60 --seconds 30
    """
    import uvloop

    from cli import _endpoint
    from components import gateway
    from components.load.bodies import bodies_for
    from components.load.keys import client_key
    from components.load.log import Log
    from components.load.metadata import datatypes_at
    from components.load.schedule import due_times
    from components.load.sender import send
    from components.load.summary import summarise, table
    from components.platform import connect

    try:
        times = due_times(rps, seconds, "poisson" if arrivals == "poisson" else "constant", seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    platform = connect()
    chosen = _endpoint.load(platform, endpoint)
    key = client_key(key_file, client) if key_file else platform.gateway.key(client)
    headers = {gateway.KEY_HEADER: key}
    if pin:
        headers[gateway.VERSION_HEADER] = pin
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        note: Callable[[Outcome], None] = outcomes.append
        if out:
            log = stack.enter_context(Log(out))

            def note(outcome: "Outcome") -> None:
                outcomes.append(outcome)
                log.write(outcome)

        url = f"{platform.gateway.url}/v2/models/{chosen.name}"
        bodies = bodies_for(
            chosen,
            platform.files.read,
            seed,
            long_messages=mix == "production",
            datatypes=datatypes_at(url, headers),
        )
        url = f"{url}/infer"
        uvloop.run(_until_stopped(lambda stop: send(url, headers, times, bodies, note, stop=stop)))
    summary = summarise(outcomes)
    say(summary.model_dump_json() if as_json else table(summary))


async def _until_stopped(sending: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run ``sending`` with an event that SIGINT and SIGTERM set: a summary is still made."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await sending(stop)
