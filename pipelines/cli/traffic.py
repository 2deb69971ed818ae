"""`sluice traffic`."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from components.errors import InputError, PlatformError

if TYPE_CHECKING:
    from components.endpoint import Endpoint
    from components.load.sender import Outcome
    from components.load.summary import Part, Summary


@click.command()
@click.argument("endpoint")
@click.option("--rps", type=click.FloatRange(0.1, 5000), default=60.0, help="Requests per second.")
@click.option("--seconds", type=click.FloatRange(0.1, 86400), default=30.0, help="How long.")
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
@click.option("--version", "pin", help="Ask for this version only, past the split.")
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

    from components import endpoint as endpoints
    from components.load.log import Log
    from components.load.schedule import due_times
    from components.load.sender import send
    from components.load.summary import summarise
    from components.platform import connect

    try:
        times = due_times(rps, seconds, "poisson" if arrivals == "poisson" else "constant", seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    chosen = endpoints.find(endpoint)
    platform = connect()
    headers = {"x-api-key": _key(key_file or platform.home / "keys.json", client)}
    if pin:
        headers["x-model-version"] = pin
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        note: Callable[[Outcome], None] = outcomes.append
        if out:
            log = stack.enter_context(Log(out))

            def note(outcome: "Outcome") -> None:
                outcomes.append(outcome)
                log.write(outcome)

        url = f"{_gateway()}/v2/models/{chosen.name}/infer"
        bodies = _bodies(chosen, mix, seed)
        uvloop.run(_until_stopped(lambda stop: send(url, headers, times, bodies, note, stop=stop)))
    summary = summarise(outcomes)
    click.echo(summary.model_dump_json() if as_json else _table(summary))


async def _until_stopped(sending: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Run ``sending`` with an event that SIGINT and SIGTERM set: a summary is still made."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await sending(stop)


def _gateway() -> str:
    url = os.environ.get("SLUICE_GATEWAY")
    if not url:
        raise PlatformError("the platform names no gateway: set SLUICE_GATEWAY to its base URL")
    return url.rstrip("/")


def _key(path: Path, client: str) -> str:
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no client keys can be read: {error}") from error
    if not isinstance(keys, dict) or client not in keys:
        raise InputError(f"{path}: no key of client {client!r}: name one of {', '.join(keys)}")
    return str(keys[client])


def _bodies(endpoint: "Endpoint", mix: str, seed: int) -> Iterator[bytes]:
    from components import dataset
    from components.load.mix import LONG_SHARE
    from components.predictor.runtimes import runtime_of

    source = endpoint.evaluation.dataset
    data = dataset.read(source.uri, source.target)
    runtime = runtime_of(endpoint.serving.runtime)
    return runtime.bodies(data, LONG_SHARE if mix == "production" else 0.0, seed)


def _table(summary: "Summary") -> str:
    rate = summary.total.requests / summary.seconds if summary.seconds else 0.0
    lines = [
        f"{summary.total.requests} requests in {summary.seconds:.1f} s ({rate:.1f}/s), "
        f"{summary.late} left late; "
        + ", ".join(f"{status}: {count}" for status, count in summary.statuses.items()),
        f"{'version':<10}{'requests':>9}{'share':>8}{'failed':>8}"
        f"{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}",
    ]
    parts = {**summary.versions, "all": summary.total}
    return "\n".join(lines + [_line(name, part) for name, part in parts.items()])


def _line(name: str, part: "Part") -> str:
    times = "".join(
        f"{'-' if value is None else format(value, '.1f'):>8}"
        for value in (part.p50_ms, part.p95_ms, part.p99_ms)
    )
    return f"{name:<10}{part.requests:>9}{part.share:>8.1%}{part.failures:>8}{times}"
