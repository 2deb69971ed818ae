"""The hourly prices of machines (`prices.yaml`), each with its source and the day it was read.

Refused are a price without a source or a day, one for spot machines that calls itself on demand,
and two regions' prices of one machine that lie further apart than regions do: one of them is a
catalog's mistake. A price bills at most `MAX_AGE_DAYS` after it was read; what comes later has no
price.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from components import yaml_text
from components.endpoint import Endpoint
from components.errors import InputError, describe, faults
from components.files import read_limited
from components.models import Strict

FILE = Path(__file__).with_name("prices.yaml")
MAX_FILE_BYTES = 256 * 1024

MAX_AGE_DAYS = 180
"""Past this a price bills nothing."""
WARN_AGE_DAYS = 90
MAX_REGION_RATIO = 2.0
"""Between two regions' prices of one machine."""

_PLACE = re.compile(r"[a-z0-9]+/[a-z0-9.-]+|([a-z0-9]+/[a-z0-9.-]+)/([a-z0-9-]+)/(on-demand|spot)")
_UNKNOWN = "the prices are in components/cost/prices.yaml"


class Gpu(Strict):
    """The GPUs of a machine."""

    model: str = Field(min_length=1)
    count: int = Field(ge=1, le=16)
    mig: bool = False
    """Whether it can be cut into slices."""


class Price(Strict):
    """What one hour of a machine costs, from a day on."""

    id: str
    """``provider/machine/region/on-demand`` (or ``spot``); a machine of one's own has two parts."""
    vcpu: float | None = Field(None, gt=0, le=10_000)
    memory_gib: float | None = Field(None, gt=0, le=1_000_000)
    gpu: Gpu | None = None
    usd_per_hour: float = Field(gt=0, le=10_000)
    source: str = Field(min_length=1)
    revision: str = Field(min_length=1)
    """Of the source."""
    retrieved: date
    """When the source was read."""
    since: date | None = None
    """From which day (UTC) on it holds; absent: for all time before the next row of this id."""
    covers: Literal["whole-vm", "gpu-only"]
    """What comes on top of a GPU alone, such as its machine, is not in this price."""

    @field_validator("id")
    @classmethod
    def _says_where(cls, value: str) -> str:
        if not _PLACE.fullmatch(value):
            raise ValueError(
                f"{value!r} is no id: write provider/machine/region/on-demand (or spot), or two"
                " parts for a machine of your own"
            )
        return value

    @model_validator(mode="after")
    def _spot_says_so(self) -> Self:
        said = re.search(r"\bspot\b|preempt", f"{self.source} {self.revision}", re.IGNORECASE)
        if said and not self.id.endswith("/spot"):
            raise ValueError(
                f"its source speaks of spot machines, so it is no price of {self.id}: let its id"
                " end in /spot"
            )
        return self

    @property
    def machine(self) -> str:
        """The id without region and kind of purchase; empty for what is at no provider."""
        return _place(self.id)[0]

    @property
    def region(self) -> str:
        """Where; empty for what is at no provider."""
        return _place(self.id)[1]

    @property
    def purchase(self) -> str:
        """``on-demand`` or ``spot``; empty for what is at no provider."""
        return _place(self.id)[2]

    @property
    def begins(self) -> float:
        """From when on it holds, in seconds since the epoch."""
        return _midnight(self.since) if self.since else float("-inf")

    @property
    def good_until(self) -> float:
        """Until when it bills, in seconds since the epoch; the next row may end it sooner."""
        return _midnight(self.retrieved + timedelta(days=MAX_AGE_DAYS))

    def age_days(self, now: float) -> float:
        """Days since it was read; ``now`` in seconds since the epoch."""
        return (now - _midnight(self.retrieved)) / 86400


class Stretch(NamedTuple):
    """A stretch of time with one price, in seconds since the epoch; None: there is none."""

    start: float
    end: float
    price: Price | None


class Prices(Strict):
    """Every price that is known."""

    form: Literal[1] = Field(alias="schema")
    currency: Literal["USD"]
    prices: tuple[Price, ...]

    @field_validator("prices")
    @classmethod
    def _in_order(cls, prices: tuple[Price, ...]) -> tuple[Price, ...]:
        for _, rows in _by_id(prices):
            for earlier, later in pairwise(rows):
                if later.since is None or (earlier.since and later.since <= earlier.since):
                    raise ValueError(
                        f"{later.id} stands twice: a later price needs a later 'since: YYYY-MM-DD'"
                    )
        newest = [rows[-1] for _, rows in _by_id(prices)]
        _refuse_spot_as_on_demand(newest)
        _refuse_far_regions(newest)
        return prices

    def newest(self) -> list[Price]:
        """The newest price of each id, in the order of the ids."""
        return [rows[-1] for _, rows in _by_id(self.prices)]

    def find(self, price: str) -> Price | None:
        """The newest price of the id."""
        return next((row for row in self.newest() if row.id == price), None)

    def over(self, price: str, start: float, end: float) -> list[Stretch]:
        """What the id costs from ``start`` to ``end``, without a hole; see `Stretch`."""
        rows = [row for row in self.prices if row.id == price]
        cuts = {start, end}
        for row in rows:
            cuts |= {at for at in (row.begins, row.good_until) if start < at < end}
        parts = [Stretch(a, b, _holding(rows, a)) for a, b in pairwise(sorted(cuts))]
        joined = [list(of) for _, of in groupby(parts, key=lambda part: part.price)]
        return [Stretch(of[0].start, of[-1].end, of[0].price) for of in joined]


def _holding(rows: Iterable[Price], at: float) -> Price | None:
    """The row that bills the time from ``at`` on."""
    held = [row for row in rows if row.begins <= at]
    newest = max(held, key=lambda row: row.begins, default=None)
    return newest if newest and at < newest.good_until else None


def _by_id(prices: Iterable[Price]) -> list[tuple[str, list[Price]]]:
    """The rows of each id, in the order in which they stand."""
    rows = sorted(prices, key=lambda price: price.id)
    return [(name, list(of)) for name, of in groupby(rows, key=lambda price: price.id)]


def _place(price: str) -> tuple[str, str, str]:
    found = _PLACE.fullmatch(price)
    return (found[1] or "", found[2] or "", found[3] or "") if found else ("", "", "")


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _refuse_spot_as_on_demand(newest: Iterable[Price]) -> None:
    spot = {(p.machine, p.region): p for p in newest if p.purchase == "spot"}
    for price in newest:
        beside = spot.get((price.machine, price.region))
        if beside and price.purchase == "on-demand" and price.usd_per_hour <= beside.usd_per_hour:
            raise ValueError(
                f"{price.id} costs {price.usd_per_hour:g}, no more than spot"
                f" ({beside.usd_per_hour:g}): take the price on demand"
            )


def _refuse_far_regions(newest: Iterable[Price]) -> None:
    fixed = [p for p in newest if p.purchase == "on-demand"]
    fixed.sort(key=lambda price: (price.machine, price.usd_per_hour))
    for _, of in groupby(fixed, key=lambda price: price.machine):
        least, *more = of
        if more and more[-1].usd_per_hour > MAX_REGION_RATIO * least.usd_per_hour:
            raise ValueError(
                f"{more[-1].id} costs {more[-1].usd_per_hour / least.usd_per_hour:.1f} times"
                f" {least.id}: regions differ by {MAX_REGION_RATIO:g} times at most, so one is"
                " wrong: take both from the provider's own price list"
            )


def parse(text: str, source: str) -> Prices:
    """The prices in ``text``; ``source`` names it in errors.

    Raises:
        InputError: one line for the first fault, with the line, the key and what was expected.
    """
    document = yaml_text.parse(text, source)
    try:
        return Prices.model_validate(document.content)
    except ValidationError as error:
        place, said = faults(error)[0]
        raise InputError(f"{source}:{document.line(place)}: {describe(place, said)}") from error


@cache
def load(path: Path = FILE) -> Prices:
    """The prices in the file ``path``.

    Raises:
        InputError: the file is missing, too large or wrong; see `parse`.
    """
    content = read_limited(
        path, MAX_FILE_BYTES, too_large="no list of prices is", missing="git restore brings it back"
    )
    try:
        return parse(content.decode(), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error


def refuse_unpriced(endpoint: Endpoint, prices: Prices, now: float) -> str:
    """Check that the price of an endpoint's file bills it now; what to warn of, or nothing.

    Not a part of reading the file: a record may name a price that is gone.

    Raises:
        InputError: there is no such price, it is too old, or it is not a whole machine's.
    """
    named = endpoint.serving.price
    if named is None:
        return ""
    where = f"{endpoint.name}: serving.price: {named}"
    found = prices.find(named)
    if found is None:
        raise InputError(f"{where} is unknown: {_UNKNOWN}")
    if found.covers != "whole-vm":
        raise InputError(f"{where} is a GPU's alone: name a whole machine's")
    age = found.age_days(now)
    if age > MAX_AGE_DAYS:
        raise InputError(
            f"{where} was read {age:.0f} days ago, over {MAX_AGE_DAYS}: read it again; {_UNKNOWN}"
        )
    if age > WARN_AGE_DAYS:
        return f"{where} was read {age:.0f} days ago, over {WARN_AGE_DAYS}: read it again"
    return ""
