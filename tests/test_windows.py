"""Hours of a week in a time zone, over summer time's beginning and end."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.windows import Windows, hours


def at(text: str) -> float:
    """Seconds since the epoch of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def windows(*open_: str, timezone: str = "UTC") -> Windows:
    return Windows.model_validate({"open": list(open_), "timezone": timezone})


@pytest.mark.parametrize(
    ("written", "when", "is_open"),
    [
        ("mon-fri 09:00-17:00", "2026-11-27T09:00:00", True),  # a Friday
        ("mon-fri 09:00-17:00", "2026-11-27T08:59:59", False),
        ("mon-fri 09:00-17:00", "2026-11-27T16:59:59", True),
        ("mon-fri 09:00-17:00", "2026-11-27T17:00:00", False),
        ("mon-fri 09:00-17:00", "2026-11-28T12:00:00", False),
        ("sat 00:00-24:00", "2026-11-28T23:59:59", True),
        ("sat 00:00-24:00", "2026-11-29T00:00:00", False),
        ("fri-mon 10:00-11:00", "2026-11-29T10:30:00", True),
        ("fri-mon 10:00-11:00", "2026-12-01T10:30:00", False),
        ("08:00-20:00", "2026-11-29T12:00:00", True),
        ("fri 22:00-02:00", "2026-11-28T01:59:00", True),
        ("fri 22:00-02:00", "2026-11-28T02:00:00", False),
        ("fri 22:00-02:00", "2026-11-27T01:00:00", False),
        ("sun 22:00-02:00", "2026-11-30T01:00:00", True),
        ("fri 09:00-09:00", "2026-11-28T08:59:00", True),
    ],
)
def test_hours_are_open_and_closed_to_the_second(written: str, when: str, *, is_open: bool) -> None:
    assert windows(written).is_open(at(when)) is is_open


def test_without_hours_it_is_always_open() -> None:
    assert Windows().is_open(0.0)


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-07-01T06:59:59", False),  # 08:59:59 in summer
        ("2026-07-01T07:00:00", True),
        ("2026-12-01T07:59:59", False),  # 08:59:59 in winter
        ("2026-12-01T08:00:00", True),
    ],
)
def test_nine_o_clock_is_the_zone_s_own_in_summer_and_in_winter(
    when: str, *, is_open: bool
) -> None:
    berlin = windows("09:00-17:00", timezone="Europe/Berlin")
    assert berlin.is_open(at(when)) is is_open


def minutes_open(found: Windows, begin: str, hours_: int) -> int:
    return sum(found.is_open(at(begin) + 60 * minute) for minute in range(60 * hours_))


def test_the_hour_that_there_is_not_is_never_open_and_the_one_that_comes_twice_is_open_twice() -> (
    None
):
    night = windows("02:00-03:00", timezone="Europe/Berlin")
    assert minutes_open(night, "2027-03-27T20:00:00", 24) == 0
    assert minutes_open(night, "2026-10-24T20:00:00", 24) == 120
    assert minutes_open(night, "2026-11-24T20:00:00", 24) == 60
    whole = windows("sun 00:00-24:00", timezone="Europe/Berlin")
    assert minutes_open(whole, "2027-03-27T12:00:00", 48) == 23 * 60
    assert minutes_open(whole, "2026-10-24T12:00:00", 48) == 25 * 60


@pytest.mark.parametrize(
    ("written", "now", "opens"),
    [
        ("mon-fri 09:00-17:00", "2026-11-27T17:00:00", "mon 09:00 Europe/Berlin"),
        ("mon-fri 09:00-17:00", "2026-11-26T22:30:00", "fri 09:00 Europe/Berlin"),
        ("sun 02:30-02:45", "2027-03-27T12:00:00", "sun 02:30 Europe/Berlin"),
    ],
)
def test_people_are_told_when_it_opens(written: str, now: str, opens: str) -> None:
    assert windows(written, timezone="Europe/Berlin").opens(at(now)) == opens


@given(st.integers(0, 7 * 24 * 60 - 1), st.integers(0, 7 * 24 * 60 - 1))
def test_it_opens_within_a_week_and_a_day(minute: int, begin: int) -> None:
    day, time = divmod(begin, 24 * 60)
    name = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day]
    text = f"{time // 60:02d}:{time % 60:02d}"
    found = windows(f"{name} {text}-{text}")
    assert found.is_open(at("2026-11-23T00:00:00") + 60 * begin)
    if not found.is_open(now := at("2026-11-23T00:00:00") + 60 * minute):
        assert found.opens(now) == f"{name} {text} UTC"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"open": ["9:00-17:00"]}, "write them like mon-fri 09:00-17:00"),
        ({"open": ["mon-fri 09:00-25:00"]}, "write them like"),
        ({"open": ["mo 09:00-17:00"]}, "write them like"),
        ({"open": ["24:00-01:00"]}, "write them like"),
        ({"open": [900]}, "write them like"),
        ({"timezone": "Europe/Bärlin"}, "no time zone: write UTC, or one like Europe/Berlin"),
        ({"timezone": "../etc/passwd"}, "no time zone"),
        ({"timezone": "CEST"}, "no time zone"),
        ({"timezone": "Europe"}, "no time zone"),
        ({"alerts": ["a b"]}, "match pattern"),
        ({"closed": []}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(said: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        Windows.model_validate(said)


def test_what_is_written_down_is_read_again() -> None:
    found = windows("mon-fri 09:00-17:00", "sat 22:00-02:00", timezone="America/New_York")
    written = found.model_dump(mode="json")
    assert written["open"] == ["mon-fri 09:00-17:00", "sat 22:00-02:00"]
    assert Windows.model_validate(written) == found
    assert hours("mon 09:00-17:00").days == {0}
