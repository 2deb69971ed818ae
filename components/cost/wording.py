"""How amounts and shares are put into words, the same on the page and in the terminal."""

import time

from components.cost.bill import MICRO, Total
from components.cost.formulas import TARGET_SHARE, per_1000
from components.cost.statement import EndpointCost, Statement
from components.report.formatting import count, duration, ms, percent

MORE = (
    "Idle is what the cores of a provisioned machine did not work; requests that failed cost but"
    " are not served."
)


def usd(amount: int, whole: int) -> str:
    """An amount in millionths of a USD, with the digits that a bill of ``whole`` needs."""
    digits = 6 if whole < MICRO else 4 if whole < 1000 * MICRO else 2
    return f"{amount / MICRO:,.{digits}f}"


def rate_of(value: float | None) -> str:
    """USD per 1,000 of something, with three digits."""
    return "-" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def moment(at: float) -> str:
    """A time of day, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def headline(statement: Statement) -> str:
    """What it cost, in one sentence."""
    total, served = statement.total, statement.total.usage.served
    if not total.amount:
        return "Nothing is billed: no predictor that was there has a price."
    each = per_1000(total.amount / MICRO, served)
    said = f"{usd(total.amount, total.amount)} USD for {count(served)} served requests"
    return f"{said}: {rate_of(each)} USD per 1,000." if each is not None else f"{said}."


def per(total: Total) -> list[tuple[str, str]]:
    """What 1,000 of each cost, by name."""
    used, amount = total.usage, total.amount / MICRO
    cpu = None if used.cpu_s is None else per_1000(used.cpu_s, used.served)
    return [
        ("USD per 1,000 requests served", rate_of(per_1000(amount, used.served))),
        ("USD per 1,000 rows", rate_of(per_1000(amount, used.rows))),
        ("CPU seconds per 1,000 requests", rate_of(cpu)),
    ]


def sleeping(each: EndpointCost, statement: Statement) -> str:
    """What scaling to zero would do to the endpoint."""
    total, assumed, found = each.total, statement.assumed, each.sleeping
    if not total.usage.requests + total.usage.refused:
        return "nobody asked: without a predictor nobody would have waited"
    return (
        f"at {each.rate:.3g} requests a second, at random, it would save"
        f" {usd(each.saved, total.amount)} USD ({percent(1 - found.awake)}) and make"
        f" {percent(found.waiting)} of the requests wait for a start of"
        f" {duration(assumed.cold_start_s)}, with a cooldown of {duration(assumed.cooldown_s)};"
        " nothing is saved unless the machine goes too"
    )


def capacity(each: EndpointCost, statement: Statement) -> str:
    """What a machine of its price was measured to answer."""
    if statement.run is None:
        return "nothing was measured: python -m benchmarks.predictor makes a run"
    if each.capacity is None:
        return f"no measured execution has a p95 within {ms(each.limit_ms)}"
    if each.price is None:
        return "it has no price to compare with"
    return (
        f"{each.price.id} answers {each.capacity.per_second:.0f} a second within a p95 of"
        f" {ms(each.limit_ms)} ({statement.run.name}, {each.capacity.how}); planned at"
        f" {TARGET_SHARE:.0%} of that"
    )
