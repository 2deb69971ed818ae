"""`sluice simulate`: your traffic and your fault through four rules, before they are real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli._simulate_options import scenario_options
from components.errors import InputError
from components.printing import say

if TYPE_CHECKING:
    from rich.table import Table

    from components.simulation.run import Simulation
    from components.simulation.scenario import Entry, Scenario


@click.command()
@scenario_options
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
    type=click.Choice(["reference", "acceptance", "limits", "faults", "baseline"]),
    help="A shipped table instead of the traffic and fault above.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Rows of --scenarios at a time; all cores if left out.",
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
    jobs: int | None,
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
    watched on: a line says how that ends. docs/peers.md has the rules. --scenarios baseline shows
    Sluice alone, without and with a baseline arm, where latency depends on the load.

    Exit codes: 0 done, 1 a promise of --scenarios was not kept.

    Example: sluice simulate --rps 0.5 --errors 0.03
    """
    from components import gateway
    from components.judge import undecidable
    from components.predictor.scheduling.cores import available_cores
    from components.simulation import tables
    from components.simulation.polls import poll_lines
    from components.simulation.result import command_line, result
    from components.simulation.run import extended, holds, simulate_all
    from components.simulation.scenario import Entry, peer_settings, policy, scenario, table

    judged = policy(error_rate=error_rate, p95_ratio=p95_ratio, false_rollback=false_rollback)
    said = undecidable([edge / gateway.PER_MS for edge in gateway.EDGES_US], p95_ratio)
    if said:
        raise InputError(f"--p95-ratio: {said}")
    if scenarios:
        shipped = table(scenarios)
        title, entries = shipped.title, list(shipped.entries)
    else:
        if not fields["peers_watch"]:
            fields["peers_watch"] = (
                ("errors", "p95")
                if fields["latency_ratio"] != 1 or fields["load"] or fields["cold"]
                else ("errors",)
            )
        asked = scenario(**fields)
        title = "Sluice and its peers"
        entries = [Entry(name=asked.title, scenario=asked)]

    peers = peer_settings()
    jobs = jobs or available_cores()
    asked_for = [entry.scenario for entry in entries]
    runs = simulate_all(asked_for, judged, peers, releases, seed, jobs=jobs)
    done = list(zip(entries, runs, strict=True))
    if polls:
        _write(polls, "--polls", poll_lines(entries[0].scenario, seed))
    if plot:
        _plot(plot, title, [(run, entry.name, command_line(run)) for entry, run in done])
    kept = all(holds(expectation, run) for entry, run in done for expectation in entry.expect)
    if scenarios:
        alone = [_alone(entry.scenario) for entry in entries if shipped.without_baseline]
        without = simulate_all(alone, judged, peers, releases, seed, rules=("sluice",), jobs=jobs)
        _print_table(title, done, without, as_json=as_json)
    else:
        run = done[0][1]
        on = extended(run) if run.summary("sluice").held else None
        if as_json:
            say(json.dumps(result(run, on)))
        else:
            _print(tables.one(run), tables.below_one(run, on))
    if not kept:
        click.get_current_context().exit(1)


def _alone(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"baseline": False})


def _print_table(
    title: str,
    done: list[tuple[Entry, Simulation]],
    without: list[Simulation],
    *,
    as_json: bool,
) -> None:
    """A shipped table; ``without`` has the same scenarios without a baseline, if it asks for it."""
    from components.simulation import tables
    from components.simulation.result import promises, result

    releases, seed = done[0][1].releases, done[0][1].seed
    if as_json:
        results = [
            {"name": entry.name, **result(run), "promises": promises(entry, run)}
            for entry, run in done
        ]
        for each, alone in zip(results, without, strict=False):
            each["without_baseline"] = result(alone)
        kept = all(promise["kept"] for each in results for promise in each["promises"])
        say(json.dumps({"title": title, "kept": kept, "results": results}))
    elif without:
        rows = [(entry, alone, run) for (entry, run), alone in zip(done, without, strict=True)]
        _print(tables.beside(rows), tables.below_beside(releases, seed))
    else:
        _print(tables.many(done), tables.below_many(releases, seed))


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
