"""A statement as one HTML page that needs nothing else, in the look of a release's report."""

from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from components import arms
from components.cost import wording
from components.cost.bill import Charge, Line, Total
from components.cost.measured import RUNTIME, Point
from components.cost.statement import Statement
from components.report import formatting, plot
from components.report.frame import Tick
from components.report.template import filled_in

HERE = Path(__file__).parent
HEIGHT = 240.0
"""Of the plot, in pixels."""


@dataclass(frozen=True)
class Row:
    """An arm, or a sum."""

    name: str
    there: str
    served: str
    failed: str
    amount: str
    per_1000: str
    parts: tuple[tuple[str, float], ...] = ()
    """Worked, idle and not measured, each in percent of the endpoint's largest arm."""


@dataclass(frozen=True)
class Lane:
    """When an arm was there."""

    name: str
    bands: tuple[tuple[float, float, str], ...]
    """Left and width in percent of the time, and what is said of it."""


@dataclass(frozen=True)
class Load:
    """One point of the plot, and its row below."""

    left: float
    """In percent, as `bottom`."""
    bottom: float
    point: Point
    per_1000: str


@dataclass(frozen=True)
class TradeOff:
    """The plot of cost against latency."""

    svg: Markup
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    loads: tuple[Load, ...]
    note: str
    height: float = HEIGHT


def render(statement: Statement) -> str:
    """The page."""
    return filled_in(
        HERE,
        statement=statement,
        rows=lambda each: _rows(each.total, statement.total.amount),
        everything=_summed("sum", statement.total, statement.total.amount),
        lanes=lambda each: [_lane(line, statement) for line in each.total.lines],
        trade_off=_trade_off(statement),
        usd=lambda amount: wording.usd(amount, statement.total.amount),
        formatting=formatting,
        wording=wording,
    )


def _rows(total: Total, whole: int) -> list[Row]:
    """The endpoint's arms and their sum."""
    largest = max((line.amount for line in total.lines), default=0) or 1
    arms = [_row(line, whole, largest) for line in total.lines]
    return [*arms, _summed("sum", total, whole)]


def _row(line: Line, whole: int, largest: int) -> Row:
    parts = (("worked", line.worked), ("idle", line.idle), ("undivided", line.undivided))
    shown = _summed(arms.in_words(line.version), Total((line,)), whole)
    return replace(shown, parts=tuple((n, 100 * amount / largest) for n, amount in parts if amount))


def _summed(name: str, total: Total, whole: int) -> Row:
    used = total.usage
    return Row(
        name,
        formatting.duration(total.seconds),
        formatting.count(used.served),
        formatting.count(used.failed),
        wording.usd(total.amount, whole) if total.amount else "unpriced",
        wording.rate_of(total.per_1000(used.served)),
    )


def _lane(line: Line, statement: Statement) -> Lane:
    whole = statement.end - statement.start

    def band(charge: Charge) -> tuple[float, float, str]:
        price = f"{charge.price.usd_per_hour:g} USD an hour" if charge.price else "unpriced"
        said = f"{wording.moment(charge.start)} to {wording.moment(charge.end)}: {price}"
        left = 100 * (charge.start - statement.start) / whole
        return left, 100 * (charge.end - charge.start) / whole, said

    return Lane(arms.in_words(line.version), tuple(map(band, line.charges)))


def _trade_off(statement: Statement) -> TradeOff | None:
    """What 1,000 requests cost at each measured load, over how late they were answered."""
    priced = [each for each in statement.endpoints if each.price]
    if statement.run is None or not statement.run.points or not priced:
        return None
    price = max(priced, key=lambda each: each.total.amount).price
    assert price is not None  # noqa: S101 (of `priced`)
    points = [(p.p95_ms, p.per_1000(price.usd_per_hour), p) for p in statement.run.points]
    area = plot.Area(
        plot.value_scale(1.12 * max(x for x, _, _ in points), " ms"),
        plot.value_scale(1.15 * max(y for _, y, _ in points), ""),
        HEIGHT,
    )
    shapes = [plot.grid(area), plot.dots(area, [(x, y) for x, y, _ in points], "dots load")]
    title = "USD per 1,000 requests over p95"
    note = (
        f"Medians of a {RUNTIME} ({statement.run.name}) on {statement.run.machine}, at the price"
        f" of {price.id}"
        f" ({price.usd_per_hour:g} USD an hour), if the machine is always loaded so."
    )
    return TradeOff(
        plot.drawing(area, "trade", title, note, shapes),
        tuple(Tick(100 * area.x.at(value), label) for value, label in area.x.ticks),
        tuple(Tick(100 * area.y.at(value), label) for value, label in area.y.ticks),
        tuple(
            Load(100 * area.x.at(x), 100 * area.y.at(y), point, wording.rate_of(y))
            for x, y, point in points
        ),
        note,
    )
