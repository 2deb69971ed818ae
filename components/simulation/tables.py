"""Simulations as tables for the terminal, and what is said below them."""

from rich.table import Table

from components.simulation.run import RULES, Simulation, holds, percent
from components.simulation.scenario import Entry, Expectation


def one(simulation: Simulation) -> Table:
    """What each rule did in one scenario, a row each."""
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


def many(done: list[tuple[Entry, Simulation]]) -> Table:
    """Scenarios as rows, rules as columns; rows of one promise stand together."""
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


def beside(done: list[tuple[Entry, Simulation, Simulation]]) -> Table:
    """Scenarios as rows; what Sluice does without a baseline, and with one."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("\nscenario", ratio=1)
    for column in ("without:\nrolled back", "\nundecided", "with:\nrolled back", "\nundecided"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("\nkept", justify="right", no_wrap=True)
    for entry, without, baseline in done:
        found = without.summary("sluice"), baseline.summary("sluice")
        shares = [percent(share) for each in found for share in (each.stopped, each.held)]
        kept = all(holds(expectation, baseline) for expectation in entry.expect)
        table.add_row(entry.name, *shares, "yes" if kept else "NO")
    return table


def below_beside(releases: int, seed: int) -> list[str]:
    """What is said below `beside`."""
    return [
        f"Share of {releases} releases that Sluice has rolled back (or ended as an error) by the"
        f" watch's end, or not decided, without and with a baseline; seed {seed}.",
    ]


def below_one(watched: Simulation, on: Simulation | None) -> list[str]:
    """What is said below `one`; ``on`` is the same watched on, where releases were held."""
    seen = f"{watched.releases} releases, seed {watched.seed}"
    return [seen] if on is None else [_extension(watched, on), seen]


def below_many(releases: int, seed: int) -> list[str]:
    """What is said below `many`."""
    return [
        f"Share of {releases} releases rolled back (half of all by minute), seed {seed}.",
        "The columns after Kayenta are Sluice's, at the watch's end. What it holds then it"
        " watches on, and rolls back if the extension decides nothing either.",
    ]


def _extension(watched: Simulation, on: Simulation) -> str:
    """What becomes of the releases that are held at the watch's end."""
    found, minutes = on.summary("sluice"), on.scenario.minutes
    return (
        f"Sluice watches the {percent(watched.summary('sluice').held)} held on, to minute"
        f" {minutes:g}, for any poll that shows them safe (undecided: extend). Releases judged at"
        f" minute {minutes:g}: {percent(found.rolled_back)} rolled back on evidence by then,"
        f" {percent(found.promoted)} safe, {percent(found.held)} undecided: at most so many end in"
        " a rollback without evidence, or held if production failed as well."
    )


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


def _cell(simulation: Simulation, rule: str, expect: tuple[Expectation, ...]) -> str:
    """The share that the row's promise is about, or else the share rolled back."""
    found = simulation.summary(rule)
    for expectation in expect:
        if expectation.within_s:
            return percent(simulation.rolled_back_within(rule, expectation.within_s))
        if expectation.measure not in ("rolled_back", "median_detection_s"):
            return percent(getattr(found, expectation.measure))
    median = found.median_detection_s
    when = "" if median is None else f" ({median / 60:.3g})"
    return f"{percent(found.rolled_back)}{when}"


def _minutes(median_s: float | None) -> str:
    return "-" if median_s is None else f"{median_s / 60:.4g} min"
