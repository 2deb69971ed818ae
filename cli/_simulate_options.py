"""The flags of `sluice simulate` that say what is simulated: traffic, fault, watch and policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from cli._numbers import Finite

Command = Callable[..., Any]


def _share(_ctx: click.Context, _param: click.Parameter, value: float) -> int:
    """Percent from 10 or 0.1."""
    percent = value * 100 if value < 1 else value
    if abs(percent - round(percent)) > 1e-9:
        raise click.BadParameter(f"{value} is not a whole percent: write 10 or 0.1 for a tenth")
    return round(percent)


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Seconds from 15, 15s or 30m."""
    from components.durations import seconds

    if value is None:
        return None
    try:
        return float(value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value) else seconds(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}; a bare number is seconds") from error


_OPTIONS = (
    click.option(
        "--rps",
        type=float,
        default=5.0,
        show_default=True,
        help="The candidate's requests a second.",
    ),
    click.option(
        "--share",
        type=Finite(),
        callback=_share,
        default=10,
        show_default=True,
        help="The candidate's share of the traffic: 10 or 0.1.",
    ),
    click.option(
        "--errors",
        type=float,
        default=0.002,
        show_default=True,
        help="The candidate's share of failed requests.",
    ),
    click.option(
        "--baseline-errors", type=float, default=0.002, show_default=True, help="The champion's."
    ),
    click.option(
        "--given-up",
        type=float,
        default=0.0,
        show_default=True,
        help="The candidate's share of requests that get no answer.",
    ),
    click.option(
        "--refused",
        type=float,
        default=0.0,
        show_default=True,
        help="The candidate's share of requests refused as the client's fault (4xx).",
    ),
    click.option(
        "--baseline-refused", type=float, default=0.0, show_default=True, help="The champion's."
    ),
    click.option(
        "--readings",
        type=click.Choice(["whole", "churn", "late", "slow", "restarts", "gaps", "doubled"]),
        default="whole",
        show_default=True,
        help="What is wrong with how the counters are read: pods come and go, a metrics server is"
        " behind, scrapes are slower than polls, the gateway restarts, nobody reads, twice.",
    ),
    click.option(
        "--latency-ratio",
        type=float,
        default=1.0,
        show_default=True,
        help="The candidate's latency over the champion's.",
    ),
    click.option(
        "--earlier-ratio",
        type=float,
        default=1.0,
        show_default=True,
        help="The champion's latency before the release over its latency now.",
    ),
    click.option(
        "--load",
        type=float,
        default=0.0,
        show_default=True,
        help="How much longer a predictor takes that is asked everything; below 0: less long.",
    ),
    click.option(
        "--cold",
        type=float,
        default=0.0,
        show_default=True,
        help="How much longer a new predictor takes at first.",
    ),
    click.option(
        "--baseline", is_flag=True, help="Compare with a baseline: a new predictor, asked as often."
    ),
    click.option(
        "--burst",
        type=float,
        default=0.0,
        show_default=True,
        help="Correlation of failures inside a poll.",
    ),
    click.option(
        "--wobble",
        type=float,
        default=0.0,
        show_default=True,
        help="Spread of a version's latency from poll to poll.",
    ),
    click.option(
        "--diurnal",
        type=float,
        default=0.0,
        show_default=True,
        help="Swing of the traffic over the day.",
    ),
    click.option(
        "--onset", callback=_seconds, default="0", show_default=True, help="When the fault begins."
    ),
    click.option("--until", callback=_seconds, help="When the fault ends; else it stays."),
    click.option("--shared", is_flag=True, help="The fault strikes the champion too."),
    click.option("--minutes", type=float, default=30.0, show_default=True, help="The watch."),
    click.option(
        "--poll", callback=_seconds, default="15", show_default=True, help="Time between polls."
    ),
    click.option(
        "--peers-watch",
        type=click.Choice(["errors", "p95"]),
        multiple=True,
        help="What the peers' rules look at; again for both."
        "  [errors; with another latency p95 too]",
    ),
    click.option(
        "--error-rate", type=float, default=0.01, show_default=True, help="The policy's limit."
    ),
    click.option(
        "--p95-ratio", type=float, default=1.3, show_default=True, help="The policy's limit."
    ),
    click.option(
        "--false-rollback",
        type=float,
        default=0.01,
        show_default=True,
        help="The policy's budget.",
    ),
)


def scenario_options(command: Command) -> Command:
    """Give ``command`` the flags, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
