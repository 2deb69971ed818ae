"""What serving cost in a time that is over, and what else it could have cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from components import arms
from components.cost import formulas
from components.cost.bill import Charge, Line, Total, charges, lines
from components.cost.formulas import ScaleToZero
from components.cost.measured import RUNTIME, Point, Run
from components.cost.prices import MAX_AGE_DAYS, WARN_AGE_DAYS, Price, Prices
from components.endpoint import Endpoint
from components.errors import InputError
from components.metrics import Metered
from components.platform import Platform
from components.report.formatting import duration

LIMIT_MS = 200.0
"""The p95 within which capacity is counted, where no endpoint's file says another."""


@dataclass(frozen=True)
class Assumed:
    """What scaling to zero would do."""

    cooldown_s: float = formulas.COOLDOWN_S
    cold_start_s: float = formulas.COLD_START_S


@dataclass(frozen=True)
class AgainstGpu:
    """From which rate on one GPU's machine would be cheaper."""

    gpu: Price
    rate: float
    """Requests a second."""
    needed: float
    """It must be able to answer more than so many a second, or it is never cheaper."""


@dataclass(frozen=True)
class EndpointCost:
    """One endpoint's part of the bill, and what else could be done."""

    name: str
    total: Total
    served_s: float
    """Seconds in which at least one predictor was there."""
    unseen_s: float
    """Seconds in which the gateway's counters were not read."""
    limit_ms: float
    sleeping: ScaleToZero
    price: Price | None
    """Of the newest charge."""
    measured: bool
    """There is a run, and of a model of this kind."""
    capacity: Point | None
    """Its execution with the highest rate within the limit."""
    gpus: tuple[AgainstGpu, ...]
    """By price; empty where nothing was measured."""

    @property
    def rate(self) -> float:
        """Requests a second, over the time in which it was served."""
        used = self.total.usage
        return (used.requests + used.refused) / self.served_s if self.served_s else 0.0

    @property
    def saved(self) -> int:
        """What scaling to zero would save, in millionths of a USD."""
        return round(self.total.amount * (1 - self.sleeping.awake))


@dataclass(frozen=True)
class Statement:
    """A bill with all that is said of it."""

    start: float
    end: float
    """Seconds since the epoch, as `start`."""
    endpoints: tuple[EndpointCost, ...]
    assumed: Assumed
    run: Run | None
    notes: tuple[str, ...]
    """What to know before the figures are used."""

    @property
    def total(self) -> Total:
        """All of it."""
        return Total(tuple(line for each in self.endpoints for line in each.total.lines))


def make(
    platform: Platform,
    prices: Prices,
    time: tuple[float, float],
    endpoint: str = "",
    *,
    assumed: Assumed | None = None,
    run: Run | None = None,
) -> Statement:
    """The statement of one endpoint, or of all.

    Args:
        platform: whose predictors.
        prices: by the ids that the endpoints' files name.
        time: from and to, in seconds since the epoch; what is to come is left out.
        endpoint: which one; all if empty.
        assumed: of scaling to zero.
        run: what was measured on a machine like the endpoint's, if anything was.

    Raises:
        InputError: the time is empty, or nothing was provisioned in it.
        Unreachable: the object store or Prometheus did not answer.
    """
    start, end = time[0], min(time[1], platform.clock.time())
    if start >= end:
        raise InputError("the time is empty: choose a --from that is before --to and before now")
    charged = charges(platform.serving.spans(endpoint), prices, start, end)
    if not charged:
        whose = f" of {endpoint}" if endpoint else ""
        raise InputError(
            f"no predictor{whose} was there in that time: choose another --from, or release one"
        )
    assumed = assumed or Assumed()
    found = []
    for name, of in groupby(sorted(charged, key=lambda c: c.endpoint), lambda c: c.endpoint):
        own = list(of)
        arms = sorted({charge.version for charge in own})
        metered = platform.metrics.usage(name, arms, start, end)
        found.append(_endpoint(platform, prices, name, own, metered, assumed, run))
    return Statement(start, end, tuple(found), assumed, run, tuple(_notes(found, end)))


def _endpoint(  # noqa: PLR0917 (one endpoint's facts)
    platform: Platform,
    prices: Prices,
    name: str,
    own: Sequence[Charge],
    metered: Metered,
    assumed: Assumed,
    run: Run | None,
) -> EndpointCost:
    file = _file(platform, name)
    limit = file.evaluation.latency.p95_ms if file else LIMIT_MS
    total = Total(lines(own, {name: metered.arms}))
    served_s = _covered(own)
    asked = total.usage.requests + total.usage.refused
    priced = [charge for charge in own if charge.price]
    price = max(priced, key=lambda charge: charge.end).price if priced else None
    alike = run if file and file.serving.runtime == RUNTIME else None
    capacity = alike.capacity(limit) if alike else None
    return EndpointCost(
        name=name,
        total=total,
        served_s=served_s,
        unseen_s=metered.unseen_s,
        limit_ms=limit,
        sleeping=formulas.scale_to_zero(asked / served_s, assumed.cooldown_s, assumed.cold_start_s),
        price=price,
        measured=alike is not None,
        capacity=capacity,
        gpus=_against(prices, price, capacity) if price and capacity else (),
    )


def _file(platform: Platform, name: str) -> Endpoint | None:
    try:
        return platform.endpoints.load(name)
    except InputError:  # it is gone, or its file is of another Sluice
        return None


def _against(prices: Prices, own: Price, capacity: Point) -> tuple[AgainstGpu, ...]:
    """Every machine with a GPU that is billed by the hour, the cheapest first."""
    found = []
    for gpu in prices.newest():
        if gpu.gpu and gpu.covers == "whole-vm" and gpu.purchase == "on-demand":
            rate = formulas.break_even(capacity.per_second, own.usd_per_hour, gpu.usd_per_hour)
            found.append(AgainstGpu(gpu, rate, rate / formulas.TARGET_SHARE))
    return tuple(sorted(found, key=lambda each: each.gpu.usd_per_hour))


def _covered(own: Iterable[Charge]) -> float:
    """Seconds in which at least one of the charges runs."""
    covered, until = 0.0, float("-inf")
    for charge in sorted(own, key=lambda each: each.start):
        covered += max(0.0, charge.end - max(charge.start, until))
        until = max(until, charge.end)
    return covered


def _notes(found: Iterable[EndpointCost], end: float) -> Iterable[str]:
    old: dict[str, float] = {}
    for each in found:
        for line in each.total.lines:
            yield from _notes_of(each.name, line)
            for charge in line.charges:
                if charge.price and charge.price.age_days(end) > WARN_AGE_DAYS:
                    old[charge.price.id] = charge.price.age_days(end)
        if each.unseen_s:
            yield (
                f"{each.name}: the gateway was not read for {duration(each.unseen_s)}; what it"
                " counted then is in the figures, unless it was restarted meanwhile"
            )
    for named, days in old.items():
        yield f"price {named} was read {days:.0f} days ago: after {MAX_AGE_DAYS} it bills nothing"


def _notes_of(endpoint: str, line: Line) -> Iterable[str]:
    who = f"{endpoint} {arms.in_words(line.version)}"
    if line.unpriced_s:
        named = sorted({c.named for c in line.charges if c.price is None})
        why = f"no price {named[0]} held" if named[0] else "its file names no serving.price"
        yield f"{who}: {duration(line.unpriced_s)} without a price are not in the bill: {why}"
    if line.usage.unsure:
        yield f"{who}: what was counted before anybody read it is left out"
