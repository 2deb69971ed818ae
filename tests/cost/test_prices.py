"""The list of prices: what is refused, and which price holds when."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.cost import prices
from components.cost.prices import Prices
from components.errors import InputError
from tests.support.endpoints import endpoint

ROW: Mapping[str, Any] = {
    "id": "aws/m7i.large/us-east-1/on-demand",
    "usd_per_hour": 0.1,
    "source": "a catalog",
    "revision": "7",
    "retrieved": date(2026, 11, 1),
    "covers": "whole-vm",
}


def at(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def listed(*rows: Mapping[str, Any]) -> Prices:
    text = yaml.safe_dump(
        {"schema": 1, "currency": "USD", "prices": [{**ROW, **row} for row in rows]}
    )
    return prices.parse(text, "prices.yaml")


def test_the_list_that_is_committed_is_read_and_says_where_each_price_is_from() -> None:
    found = prices.load()
    assert found.find("local/machine") is not None
    assert all(row.source and row.revision for row in found.prices)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": ""}, "source"),
        ({"source": None}, "source"),
        ({"retrieved": None}, "retrieved"),
        ({"usd_per_hour": 0}, "usd_per_hour"),
        ({"usd_per_hour": float("inf")}, "usd_per_hour"),
        ({"id": "m7i.large"}, "is no id"),
        ({"currency": "EUR"}, "unknown key"),
        ({"source": "the Spot price history"}, "let its id end in /spot"),
    ],
)
def test_a_price_that_cannot_be_trusted_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        listed(changes)
    assert "\n" not in str(refused.value)


def test_a_price_without_a_source_or_a_day_is_refused() -> None:
    for missing in ("source", "revision", "retrieved"):
        row = {key: value for key, value in ROW.items() if key != missing}
        text = yaml.safe_dump({"schema": 1, "currency": "USD", "prices": [row]})
        with pytest.raises(InputError, match=rf"prices\.yaml:\d+: prices\.0\.{missing}"):
            prices.parse(text, "prices.yaml")


def test_a_price_on_demand_is_dearer_than_spot() -> None:
    spot = {"id": "aws/m7i.large/us-east-1/spot", "usd_per_hour": 0.05}
    listed(spot, {"usd_per_hour": 0.1})
    with pytest.raises(InputError, match="no more than spot"):
        listed(spot, {"usd_per_hour": 0.05})


def test_regions_that_lie_far_apart_are_a_mistake() -> None:
    far = {"id": "aws/m7i.large/eu-west-1/on-demand"}
    listed({}, {**far, "usd_per_hour": 0.2})
    with pytest.raises(InputError, match=r"costs 2\.1 times"):
        listed({}, {**far, "usd_per_hour": 0.21})


def test_an_id_that_stands_twice_needs_the_day_from_which_it_holds() -> None:
    with pytest.raises(InputError, match="stands twice"):
        listed({}, {"usd_per_hour": 0.2})
    with pytest.raises(InputError, match="stands twice"):
        listed({"since": date(2026, 12, 1)}, {"since": date(2026, 12, 1)})
    found = listed({}, {"usd_per_hour": 0.2, "since": date(2026, 12, 1)})
    newest = found.find(ROW["id"])
    assert newest is not None
    assert newest.usd_per_hour == 0.2


def test_each_stretch_of_time_has_the_price_of_its_day() -> None:
    found = listed(
        {"since": date(2026, 11, 1)},
        {"since": date(2026, 12, 1), "usd_per_hour": 0.2, "retrieved": date(2026, 12, 1)},
    )
    start, change = at(date(2026, 10, 31)), at(date(2026, 12, 1))
    end = change + timedelta(days=200).total_seconds()
    said = [
        (stretch.start, stretch.end, stretch.price and stretch.price.usd_per_hour)
        for stretch in found.over(ROW["id"], start, end)
    ]
    good_until = change + timedelta(days=prices.MAX_AGE_DAYS).total_seconds()
    assert said == [
        (start, at(date(2026, 11, 1)), None),
        (at(date(2026, 11, 1)), change, 0.1),
        (change, good_until, 0.2),
        (good_until, end, None),
    ]
    assert [s.price for s in found.over("local/nobody", start, end)] == [None]


@pytest.mark.parametrize(("days", "warns"), [(90, False), (91, True), (180, True)])
def test_an_old_price_is_warned_of_and_a_very_old_one_refused(days: int, warns: bool) -> None:
    asks = endpoint("a", serving={"runtime": "text-classifier", "price": ROW["id"]})
    found = listed({})
    now = at(ROW["retrieved"]) + days * 86400
    assert bool(prices.refuse_unpriced(asks, found, now)) is warns
    with pytest.raises(InputError, match="was read 181 days ago"):
        prices.refuse_unpriced(asks, found, at(ROW["retrieved"]) + 181 * 86400)


def test_an_endpoint_is_priced_by_a_whole_machine_that_is_known() -> None:
    now = at(ROW["retrieved"])
    found = listed({}, {"id": "gcp/l4/us-central1/on-demand", "covers": "gpu-only"})
    for price, said in (("local/nobody", "is unknown"), ("gcp/l4/us-central1/on-demand", "alone")):
        asks = endpoint("a", serving={"runtime": "text-classifier", "price": price})
        with pytest.raises(InputError, match=said):
            prices.refuse_unpriced(asks, found, now)
    assert prices.refuse_unpriced(endpoint("a"), found, now) == ""


def test_a_list_that_is_no_list_is_one_line(tmp_path: Path) -> None:
    for content in (b"", b"[]", b"\xff", b"a: [", b"schema: 2\ncurrency: USD\nprices: []"):
        file = tmp_path / "prices.yaml"
        file.write_bytes(content)
        with pytest.raises(InputError) as refused:
            prices.load.__wrapped__(file)
        assert "\n" not in str(refused.value)
