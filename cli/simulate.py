"""`sluice simulate`: your traffic and your fault through four rules, before they are real."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from components.simulation.run import Simulation
    from components.simulation.scenario import Entry, Expectation

_POLICY = ("error_rate", "p95_ratio", "false_rollback")
"""The part of the policy that has flags."""


def _share(_ctx: click.Context, _param: click.Parameter, value: float) -> int:
    """Percent from 10 or 0.1."""
    percent = value * 100 if value < 1 else value
    if abs(percent - round(percent)) > 1e-9:
        raise click.BadParameter(f"{value} is no whole percent: write 10 or 0.1 for a tenth")
    return round(percent)


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Seconds from 15, 15s or 30m."""
    from components.endpoint import seconds

    if value is None:
        return None
    try:
        return float(value) if value.replace(".", "", 1).isdigit() else seconds(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}; a bare number is seconds") from error


def _command(simulation: Simulation) -> str:
    """The command line that makes a simulation again."""
    flags = []
    for name, field in type(simulation.scenario).model_fields.items():
        value = getattr(simulation.scenario, name)
        if value == field.default:
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "peers_watch":
            flags += [part for metric in value for part in (flag, metric)]
        else:
            flags += [flag] if value is True else [flag, f"{value:g}"]
    for name in _POLICY:
        value = getattr(simulation.policy, name)
        if value != type(simulation.policy).model_fields[name].default:
            flags += [f"--{name.replace('_', '-')}", f"{value:g}"]
    flags += ["--releases", str(simulation.releases)]
    flags += ["--seed", str(simulation.seed)] if simulation.seed else []
    return shlex.join(["sluice", "simulate", *flags])


def _minutes(median_s: float | None) -> str:
    return "-" if median_s is None else f"{median_s / 60:.4g} min"


def _one_table(simulation: Simulation) -> Table:
    from rich.table import Table

    from components.simulation.run import RULES, percent

    table = Table(box=None, pad_edge=False)
    table.add_column("rule")
    for column in ("rolled back", "at most", "promoted", "held", "error", "half by"):
        table.add_column(column, justify="right", no_wrap=True)
    for rule, name in RULES.items():
        found = simulation.summary(rule)
        shares = (
            found.rolled_back,
            found.rolled_back_at_most,
            found.promoted,
            found.held,
            found.error,
        )
        table.add_row(name, *map(percent, shares), _minutes(found.median_detection_s))
    return table


def _promise(expectation: Expectation) -> str:
    """A bound in words."""
    most = expectation.at_most is not None
    bound = expectation.at_most if most else expectation.at_least
    if expectation.measure == "median_detection_s":
        return f"half rolled back within {_minutes(bound)}"
    what = {"stopped": "rolled back or error"}.get(
        expectation.measure, expectation.measure.replace("_", " ")
    )
    within = f" within {_minutes(expectation.within_s)}" if expectation.within_s else ""
    return f"{what}{within} {'at most' if most else 'at least'} {bound:.0%}"


def _many_table(done: list[tuple[Entry, Simulation]]) -> Table:
    from rich.table import Table

    from components.simulation.run import RULES, holds, percent

    promised = any(entry.expect for entry, _ in done)
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("scenario", ratio=1)
    for name in RULES.values():
        table.add_column(name.split()[0], justify="right", no_wrap=True)
    for column in ("at most", "kept") if promised else ("held",):
        table.add_column(column, justify="right", no_wrap=True)
    said = ""
    for entry, simulation in done:
        promise = ", ".join(_promise(expectation) for expectation in entry.expect)
        if promise != said:
            table.add_section()
            table.add_row(f"[bold]{promise}:[/bold]")
            said = promise
        own = simulation.summary("sluice")
        kept = all(holds(expectation, simulation) for expectation in entry.expect)
        last = (
            (percent(own.stopped_at_most), "yes" if kept else "NO")
            if promised
            else (percent(own.held),)
        )
        table.add_row(entry.name, *(_cell(simulation, rule, entry.expect) for rule in RULES), *last)
    return table


def _cell(simulation: Simulation, rule: str, expect: tuple[Expectation, ...]) -> str:
    """The share that the row's promise is about, or else the share rolled back."""
    from components.simulation.run import percent

    found = simulation.summary(rule)
    for expectation in expect:
        if expectation.within_s:
            return percent(simulation.rolled_back_within(rule, expectation.within_s))
        if expectation.measure not in ("rolled_back", "median_detection_s"):
            return percent(getattr(found, expectation.measure))
    median = found.median_detection_s
    when = "" if median is None else f" ({median / 60:.3g})"
    return f"{percent(found.rolled_back)}{when}"


def _extension(watched: Simulation, on: Simulation | None) -> list[str]:
    """What becomes of the releases that are held at the watch's end."""
    from components.simulation.run import percent

    if on is None:
        return []
    found, minutes = on.summary("sluice"), on.scenario.minutes
    return [
        f"Sluice watches the {percent(watched.summary('sluice').held)} held on, to minute"
        f" {minutes:g}, for any poll that shows them safe (undecided: extend). Releases judged at"
        f" minute {minutes:g}: {percent(found.rolled_back)} rolled back on evidence by then,"
        f" {percent(found.promoted)} safe, {percent(found.held)} undecided: at most so many end in"
        " a rollback without evidence, or held if production failed as well."
    ]


def _result(simulation: Simulation, on: Simulation | None = None) -> dict[str, Any]:
    extension = {"minutes": on.scenario.minutes, **asdict(on.summary("sluice"))} if on else None
    return {
        "scenario": simulation.scenario.model_dump(mode="json"),
        "policy": {name: getattr(simulation.policy, name) for name in _POLICY},
        "releases": simulation.releases,
        "seed": simulation.seed,
        "rules": {rule: asdict(simulation.summary(rule)) for rule in simulation.outcomes},
        "extension": extension,
    }


def _promises(entry: Entry, simulation: Simulation) -> list[dict[str, Any]]:
    from components.simulation.run import holds, measured

    return [
        {
            **expectation.model_dump(exclude_none=True),
            "measured": measured(expectation, simulation),
            "kept": holds(expectation, simulation),
        }
        for expectation in entry.expect
    ]


def _plot(path: Path, title: str, figures: list[tuple[Simulation, str, str]]) -> None:
    from components.simulation.plot import page, svg

    if path.suffix == ".svg":
        if len(figures) > 1:
            raise InputError("--plot FILE.svg holds one scenario: write FILE.html for a table")
        drawn = svg(*figures[0])
    else:
        drawn = page(title, figures)
    _write(path, "--plot", drawn)


def _write(path: Path, flag: str, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{flag} {path}: {error.strerror}") from error


def _print(table: Table, notes: list[str]) -> None:
    from rich.console import Console

    console = Console()
    console.print(table)
    for note in notes:
        console.print(f"[dim]{note}[/dim]")


@click.command()
@click.option(
    "--rps", type=float, default=5.0, show_default=True, help="The candidate's requests a second."
)
@click.option(
    "--share",
    type=float,
    callback=_share,
    default=10,
    show_default=True,
    help="The candidate's share of the traffic: 10 or 0.1.",
)
@click.option(
    "--errors",
    type=float,
    default=0.002,
    show_default=True,
    help="The candidate's share of failed requests.",
)
@click.option(
    "--baseline-errors", type=float, default=0.002, show_default=True, help="The champion's."
)
@click.option(
    "--latency-ratio",
    type=float,
    default=1.0,
    show_default=True,
    help="The candidate's latency over the champion's.",
)
@click.option(
    "--earlier-ratio",
    type=float,
    default=1.0,
    show_default=True,
    help="The champion's latency before the release over its latency now.",
)
@click.option(
    "--burst",
    type=float,
    default=0.0,
    show_default=True,
    help="Correlation of failures inside a poll.",
)
@click.option(
    "--wobble",
    type=float,
    default=0.0,
    show_default=True,
    help="Spread of a version's latency from poll to poll.",
)
@click.option(
    "--diurnal",
    type=float,
    default=0.0,
    show_default=True,
    help="Swing of the traffic over the day.",
)
@click.option(
    "--onset", callback=_seconds, default="0", show_default=True, help="When the fault begins."
)
@click.option("--until", callback=_seconds, help="When the fault ends; else it stays.")
@click.option("--shared", is_flag=True, help="The fault strikes the champion too.")
@click.option("--minutes", type=float, default=30.0, show_default=True, help="The watch.")
@click.option(
    "--poll", callback=_seconds, default="15", show_default=True, help="Time between polls."
)
@click.option(
    "--peers-watch",
    type=click.Choice(["errors", "p95"]),
    multiple=True,
    help="What the peers' rules look at; again for both.  [errors; with --latency-ratio p95 too]",
)
@click.option(
    "--error-rate", type=float, default=0.01, show_default=True, help="The policy's limit."
)
@click.option("--p95-ratio", type=float, default=1.3, show_default=True, help="The policy's limit.")
@click.option(
    "--false-rollback", type=float, default=0.01, show_default=True, help="The policy's budget."
)
@click.option(
    "--releases",
    type=click.IntRange(1, 1_000_000),
    default=1000,
    show_default=True,
    help="How many to simulate.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="The same seed gives the same releases.",
)
@click.option(
    "--scenarios",
    type=click.Choice(["reference", "acceptance", "limits"]),
    help="A shipped table instead of the traffic and fault above.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the pictures to FILE.html, or one to FILE.svg.",
)
@click.option(
    "--polls",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the polls of one release, for 'sluice judge --polls FILE'.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON; shares from 0 to 1."
)
def command(
    *,
    error_rate: float,
    p95_ratio: float,
    false_rollback: float,
    releases: int,
    seed: int,
    scenarios: str | None,
    plot: Path | None,
    polls: Path | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Simulate releases under your traffic and a fault, and judge them by four rules.

    The same simulated releases go through this project's rule, Flagger's, Argo Rollouts' and
    Kayenta's. The columns are shares of all releases at the watch's end; "at most" is the exact
    99% upper bound of the share rolled back (and, in tables of promises, ended as an error),
    "half by" the time from the fault to the rollback of half of all releases. What Sluice holds is
    watched on: a line says how that ends. docs/peers.md has the rules.

    Exit codes: 0 done, 1 a promise of --scenarios acceptance was not kept.

    Example: sluice simulate --rps 0.5 --errors 0.03
    """
    from components.simulation.polls import poll_lines
    from components.simulation.run import extended, holds, simulate
    from components.simulation.scenario import (
        Entry,
        peer_settings,
        policy,
        scenario,
        table,
    )

    judged = policy(error_rate=error_rate, p95_ratio=p95_ratio, false_rollback=false_rollback)
    if scenarios:
        shipped = table(scenarios)
        title, entries = shipped.title, list(shipped.entries)
    else:
        if not fields["peers_watch"]:
            fields["peers_watch"] = (
                ("errors", "p95") if fields["latency_ratio"] != 1 else ("errors",)
            )
        asked = scenario(**fields)
        title = "Sluice and its peers"
        entries = [Entry(name=asked.title, scenario=asked)]

    peers = peer_settings()
    done = [(entry, simulate(entry.scenario, judged, peers, releases, seed)) for entry in entries]
    if polls:
        _write(polls, "--polls", poll_lines(entries[0].scenario, seed))
    if plot:
        _plot(plot, title, [(run, entry.name, _command(run)) for entry, run in done])
    kept = all(holds(expectation, run) for entry, run in done for expectation in entry.expect)
    if as_json and scenarios:
        results = [
            {"name": entry.name, **_result(run), "promises": _promises(entry, run)}
            for entry, run in done
        ]
        click.echo(json.dumps({"title": title, "kept": kept, "results": results}))
    elif scenarios:
        _print(
            _many_table(done),
            [
                f"Share of {releases} releases rolled back (half of all by minute), seed {seed}.",
                "The columns after Kayenta are Sluice's, at the watch's end. What it holds then it"
                " watches on, and rolls back if the extension decides nothing either.",
            ],
        )
    else:
        run = done[0][1]
        on = extended(run) if run.summary("sluice").held else None
        if as_json:
            click.echo(json.dumps(_result(run, on)))
        else:
            _print(_one_table(run), [*_extension(run, on), f"{releases} releases, seed {seed}"])
    if not kept:
        click.get_current_context().exit(1)
