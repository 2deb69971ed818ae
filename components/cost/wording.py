"""How amounts and shares are put into words, the same on the page and in the terminal."""

import math
import time

from components.cost.bill import MICRO, Total
from components.cost.formulas import TARGET_SHARE
from components.cost.measured import RUNTIME
from components.cost.statement import EndpointCost, Statement
from components.report.formatting import count, duration, ms, percent

NEVER_SLEEPS = 0.9999
"""A share of time; whoever is awake for more never sleeps."""

MORE = (
    "Idle is what the cores of a provisioned machine did not work; requests that failed cost but"
    " are not served."
)


def usd(amount: int, whole: int) -> str:
    """An amount in millionths of a USD, with the digits that a bill of ``whole`` needs."""
    digits = 6 if whole < MICRO else 4 if whole < 1000 * MICRO else 2
    return f"{amount / MICRO:,.{digits}f}"


def rate_of(value: float | None) -> str:
    """USD per 1,000 of something, with three digits that say something."""
    if not value:
        return "-" if value is None else "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}"


def moment(at: float) -> str:
    """A time of day, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def headline(statement: Statement) -> str:
    """What it cost, in one sentence."""
    total = statement.total
    if not total.amount:
        return "Nothing is billed: no predictor that was there has a price."
    served = (
        f"{usd(total.amount, total.amount)} USD for {count(total.usage.served)} served requests"
    )
    each = total.per_1000(total.usage.served)
    return f"{served}: {rate_of(each)} USD per 1,000." if each is not None else f"{served}."


def per(total: Total) -> list[tuple[str, str]]:
    """What 1,000 of each took, by name."""
    used = total.usage
    cpu = None if used.cpu_s is None or not used.served else 1000 * used.cpu_s / used.served
    return [
        ("USD per 1,000 requests served", rate_of(total.per_1000(used.served))),
        ("USD per 1,000 rows", rate_of(total.per_1000(used.rows))),
        ("CPU s per 1,000 requests served", rate_of(cpu)),
    ]


def often(rate: float) -> str:
    """A rate in requests a second, or an hour if that says more."""
    return f"{rate:.3g} requests a second" if rate >= 0.1 else f"{3600 * rate:.3g} an hour"


def sleeping(each: EndpointCost, statement: Statement) -> str:
    """What scaling to zero would do to the endpoint."""
    total, assumed, found = each.total, statement.assumed, each.sleeping
    if not each.rate:
        return "nobody asked: nobody would have waited"
    if found.awake > NEVER_SLEEPS:
        return f"at {often(each.rate)} it would never sleep"
    share = percent(1 - found.awake)
    saved = f"{usd(each.saved, total.amount)} USD ({share})" if total.amount else f"{share} of it"
    return (
        f"at {often(each.rate)}, at random, it would save {saved}, and"
        f" {percent(found.waiting)} of the requests would wait for a start of"
        f" {duration(assumed.cold_start_s)}, with a cooldown of {duration(assumed.cooldown_s)};"
        " it saves nothing unless the machine goes too"
    )


def capacity(each: EndpointCost, statement: Statement) -> str:
    """What a machine of its price was measured to answer."""
    if statement.run is None:
        return "nothing was measured: python -m benchmarks.predictor makes a run"
    if not each.measured:
        return f"no model of its kind was measured: the run is of a {RUNTIME}"
    if each.capacity is None:
        return f"no measured execution has a p95 within {ms(each.limit_ms)}"
    if each.price is None:
        return "it has no price to compare with"
    return (
        f"{each.price.id} answers {each.capacity.per_second:.0f} a second within a p95 of"
        f" {ms(each.limit_ms)} ({statement.run.name}, {each.capacity.how}); planned at"
        f" {TARGET_SHARE:.0%} of that"
    )
