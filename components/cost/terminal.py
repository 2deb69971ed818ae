"""A statement on one screen of 80 columns."""

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from components import arms
from components.cost import wording
from components.cost.bill import Total
from components.cost.measured import RUNTIME
from components.cost.statement import EndpointCost, Statement
from components.printing import printable
from components.report.formatting import count, duration, ms


def show(console: Console, statement: Statement) -> None:
    """Print the statement."""
    time = f"{wording.moment(statement.start)} to {wording.moment(statement.end)} UTC"
    console.print(Text(" COST ", "reverse bold") + _plain(f"  {time}", "bold"))
    console.print(_plain(wording.headline(statement)))
    whole = statement.total.amount
    for each in statement.endpoints:
        _part(console, f"Endpoint {each.name}", _lines(each.total, whole))
        console.print(Padding(_facts(each, statement), (1, 0, 0, 2)))
    if len(statement.endpoints) > 1:
        _part(console, "All endpoints", _lines(statement.total, whole, only_sum=True))
    if statement.run:
        run = f"{statement.run.machine} ({statement.run.name}: a {RUNTIME})"
        title = f"Cost and latency, measured on {run}"
        _part(console, title, _measured(statement))
    if statement.notes:
        console.print(Text("\nNotes", "bold"))
        for note in statement.notes:
            console.print(Padding(_plain(note), (0, 0, 0, 2)))
    console.print(Text(f"\n{wording.MORE}", "dim"))


def _plain(text: str, style: str = "") -> Text:
    return Text(printable(text), style)


def _part(console: Console, title: str, part: RenderableType) -> None:
    console.print()
    console.print(_plain(title, "bold"))
    console.print(Padding(part, (0, 0, 0, 2)))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _lines(total: Total, whole: int, *, only_sum: bool = False) -> Table:
    table = _table("", "there for", "served", "failed", "USD", "per 1,000")
    if not only_sum:
        for line in total.lines:
            table.add_row(_plain(arms.in_words(line.version)), *_figures(Total((line,)), whole))
    for name, amount in (
        ("of it: worked", total.worked),
        ("idle", total.idle),
        ("not measured", total.undivided),
    ):
        if amount:
            table.add_row(_plain(name, "dim"), "", "", "", wording.usd(amount, whole), "")
    table.add_row(_plain("sum", "bold"), *_figures(total, whole))
    return table


def _figures(total: Total, whole: int) -> tuple[str, ...]:
    used = total.usage
    return (
        duration(total.seconds),
        count(used.served),
        count(used.failed),
        wording.usd(total.amount, whole) if total.amount else "unpriced",
        wording.rate_of(total.per_1000(used.served)),
    )


def _facts(each: EndpointCost, statement: Statement) -> Table:
    facts = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    cost, rows, cpu = (said for _, said in wording.per(each.total))
    facts.add_row("per 1,000", f"requests {cost} USD and {cpu} CPU seconds, rows {rows} USD")
    facts.add_row("scale to zero", _plain(wording.sleeping(each, statement)))
    facts.add_row("measured", _plain(wording.capacity(each, statement)))
    for against in each.gpus[:3]:
        share = f"{against.gpu.id} is cheaper from {against.rate:,.0f} requests a second on,"
        facts.add_row("a GPU", _plain(f"{share} if it can answer {against.needed:,.0f}"))
    return facts


def _measured(statement: Statement) -> Table:
    price = next((each.price for each in statement.endpoints if each.price), None)
    table = _table("load", "per second", "p95", "CPU ms each", "USD per 1,000")
    for point in statement.run.points if statement.run else ():
        table.add_row(
            point.how,
            f"{point.per_second:.0f}",
            ms(point.p95_ms),
            "-" if point.cpu_ms is None else f"{point.cpu_ms:.1f}",
            wording.rate_of(point.per_1000(price.usd_per_hour)) if price else "-",
        )
    return table
