"""`sluice cost`: what serving cost."""

import json
from pathlib import Path

import click

from cli._numbers import Finite
from cli._times import when
from components.printing import say

RUNS = Path("benchmarks", "predictor", "runs")


@click.command()
@click.argument("endpoint", required=False)
@click.option(
    "--from", "start", callback=when, default="24h", help="ISO 8601, epoch, or 24h (ago)."
)
@click.option("--to", "end", callback=when, help="Likewise; default: now.")
@click.option("--out", type=click.Path(path_type=Path), help="Write it as one HTML page, too.")
@click.option(
    "--measured",
    type=click.Path(path_type=Path),
    help="A run of benchmarks.predictor; default: the newest here.",
)
@click.option("--cooldown", type=Finite(0, 86400), default=300, help="Of scaling to zero: seconds.")
@click.option("--cold-start", type=Finite(0, 86400), default=60, help="Likewise.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(  # noqa: PLR0917 (click passes by name)
    endpoint: str | None,
    start: float,
    end: float | None,
    out: Path | None,
    measured: Path | None,
    cooldown: float,
    cold_start: float,
    as_json: bool,
) -> None:
    """Say what ENDPOINT (default: each) cost, from the times in which its predictors were there.

    The price is that which its file names (serving.price). Amounts that are idle are a line of
    their own; what was served is counted by the gateway.

    Example: sluice cost banking77 --from 24h --out cost.html
    """
    from components.cost import measured as runs
    from components.cost import prices, statement
    from components.errors import InputError
    from components.platform import connect

    platform = connect()
    run = measured or runs.newest(RUNS)
    made = statement.make(
        platform,
        prices.load(),
        (start, platform.clock.time() if end is None else end),
        _name(endpoint),
        assumed=statement.Assumed(cooldown, cold_start),
        run=runs.load(run) if run else None,
    )
    if out:
        from components.cost.page import render

        try:
            out.write_text(render(made), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{out}: {error.strerror}: choose another file by --out") from error
    if as_json:
        from components.cost.summary import summary

        said = {"report": str(out)} if out else {}
        say(json.dumps(summary(made) | said))
        return
    from rich.console import Console

    from components.cost import terminal

    terminal.show(Console(highlight=False), made)
    if out:
        say(f"\n{out}")


def _name(endpoint: str | None) -> str:
    """The endpoint's name; a file of an endpoint says it."""
    if endpoint is None or not endpoint.endswith((".yaml", ".yml")):
        return endpoint or ""
    from components import endpoint as endpoints

    return endpoints.load(Path(endpoint)).name
