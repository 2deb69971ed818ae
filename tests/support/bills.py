"""Prices and statements for tests that need a bill."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import yaml

from components.cost import prices
from components.cost.prices import Prices
from components.platform.memory.clock import START

MACHINE = "local/machine"
"""Is in the price list, too, so that boards of a platform under test show costs."""
TODAY = datetime.fromtimestamp(START, UTC).date()
HOURLY = 0.36
"""USD: a hundredth of a cent a second."""


def priced(*rows: Mapping[str, Any], retrieved: date = TODAY) -> Prices:
    """A list with the price `MACHINE`, and more ``rows`` of it."""
    row = {
        "id": MACHINE,
        "vcpu": 2,
        "usd_per_hour": HOURLY,
        "source": "a test",
        "revision": "1",
        "retrieved": retrieved,
        "covers": "whole-vm",
    }
    listed = [{**row, **more} for more in ({}, *rows)]
    said = {"schema": 1, "currency": "USD", "prices": listed}
    return prices.parse(yaml.safe_dump(said), "prices.yaml")


def midnight(day: date) -> float:
    """The beginning of a day (UTC), in seconds since the epoch."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
