"""A bill: provisioned time by the price of its day, and what it was used for.

Amounts are whole millionths of a USD, so that lines add up to their sum exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from components.cost import formulas
from components.cost.prices import Price, Prices
from components.metrics import Usage
from components.platform import Span

MICRO = 1_000_000
"""Of an amount in a USD."""


@dataclass(frozen=True)
class Charge:
    """A part of a span that has one price."""

    endpoint: str
    version: str
    start: float
    end: float
    """Seconds since the epoch, as `start`."""
    replicas: int
    named: str
    """The price's id that the endpoint's file named; may be empty."""
    price: Price | None
    """What was billed; None: there was no such price then."""

    @property
    def seconds(self) -> float:
        """Provisioned, of all replicas together."""
        return (self.end - self.start) * self.replicas

    @property
    def amount(self) -> int:
        """In millionths of a USD."""
        hourly = self.price.usd_per_hour if self.price else 0.0
        return round(MICRO * hourly * self.seconds / 3600)


def charges(spans: Iterable[Span], prices: Prices, start: float, end: float) -> list[Charge]:
    """The parts of the spans that lie between two times; one without an end lasts until ``end``."""
    found = []
    for span in spans:
        begins, ends = max(span.start, start), min(end if span.end is None else span.end, end)
        if begins < ends:
            found += [
                Charge(
                    span.endpoint,
                    span.version,
                    part.start,
                    part.end,
                    span.replicas,
                    span.price,
                    part.price,
                )
                for part in prices.over(span.price, begins, ends)
            ]
    return found


@dataclass(frozen=True)
class Line:
    """One arm of an endpoint: what it cost, and what was got for it."""

    endpoint: str
    version: str
    """The arm."""
    charges: tuple[Charge, ...]
    usage: Usage

    @property
    def seconds(self) -> float:
        """Provisioned."""
        return sum(charge.seconds for charge in self.charges)

    @property
    def unpriced_s(self) -> float:
        """Of them without a price."""
        return sum(charge.seconds for charge in self.charges if charge.price is None)

    @property
    def amount(self) -> int:
        """What it cost, in millionths of a USD."""
        return sum(charge.amount for charge in self.charges)

    @property
    def busy(self) -> float | None:
        """The share of its cores that it used; None: not known, as of a GPU's machine."""
        paid = [charge.price for charge in self.charges]
        if self.usage.cpu_s is None or any(p is None or p.gpu or p.vcpu is None for p in paid):
            return None
        cores = sum(c.seconds * (c.price.vcpu or 0) for c in self.charges if c.price)
        return min(1.0, self.usage.cpu_s / cores) if cores else None

    @property
    def worked(self) -> int:
        """The part of the amount for which it computed; 0 if that is not known."""
        return round(self.amount * (self.busy or 0.0))

    @property
    def idle(self) -> int:
        """The part for which it waited; 0 if that is not known."""
        return 0 if self.busy is None else self.amount - self.worked

    @property
    def undivided(self) -> int:
        """The part of which nobody knows what it was for."""
        return self.amount if self.busy is None else 0


@dataclass(frozen=True)
class Total:
    """Lines added up: an endpoint, or all."""

    lines: tuple[Line, ...]

    @property
    def seconds(self) -> float:
        """Provisioned."""
        return sum(line.seconds for line in self.lines)

    @property
    def unpriced_s(self) -> float:
        """Of them without a price."""
        return sum(line.unpriced_s for line in self.lines)

    @property
    def amount(self) -> int:
        """What is billed, in millionths of a USD: `worked`, `idle` and `undivided` add up to it."""
        return sum(line.amount for line in self.lines)

    def per_1000(self, count: float | None) -> float | None:
        """What 1,000 of what was counted cost, in USD; None where nothing was, or has a price."""
        return formulas.per_1000(self.amount / MICRO, count) if self.amount else None

    @property
    def worked(self) -> int:
        """For which predictors computed."""
        return sum(line.worked for line in self.lines)

    @property
    def idle(self) -> int:
        """For which they waited."""
        return sum(line.idle for line in self.lines)

    @property
    def undivided(self) -> int:
        """Of which nobody knows what it was for."""
        return sum(line.undivided for line in self.lines)

    @property
    def usage(self) -> Usage:
        """What all of them were asked and used."""
        used = [line.usage for line in self.lines]
        return Usage(
            requests=sum(each.requests for each in used),
            failed=sum(each.failed for each in used),
            refused=sum(each.refused for each in used),
            rows=_known([each.rows for each in used]),
            cpu_s=_known([each.cpu_s for each in used]),
            restarts=sum(each.restarts for each in used),
            unsure=any(each.unsure for each in used),
        )


def _known(values: Sequence[float | None]) -> float | None:
    """The sum of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def lines(charged: Iterable[Charge], usages: Mapping[str, Mapping[str, Usage]]) -> tuple[Line, ...]:
    """One line an arm, by endpoint and arm; ``usages`` by endpoint and arm."""

    def arm(charge: Charge) -> tuple[str, str]:
        return charge.endpoint, charge.version

    return tuple(
        Line(endpoint, version, tuple(of), usages.get(endpoint, {}).get(version, Usage()))
        for (endpoint, version), of in groupby(sorted(charged, key=arm), key=arm)
    )
