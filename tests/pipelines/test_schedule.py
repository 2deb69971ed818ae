"""When the clock begins something: standard cron, in UTC, and nothing that never comes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from components.errors import InputError
from pipelines.schedule import parse


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 6 * * *", "2026-11-27T06:29:59", "2026-11-27T06:30"),
        ("30 6 * * *", "2026-11-27T06:30", "2026-11-28T06:30"),
        ("*/20 * * * *", "2026-11-27T23:41", "2026-11-28T00:00"),
        ("5/20 * * * *", "2026-11-27T00:06", "2026-11-27T00:25"),
        ("0 8-10/2 * * *", "2026-11-27T08:30", "2026-11-27T10:00"),
        ("0 6 * * 1-5", "2026-11-27T07:00", "2026-11-30T06:00"),  # Friday, then Monday
        ("0 6 * * MON,wed", "2026-11-30T06:00", "2026-12-02T06:00"),
        ("0 0 1 jan *", "2026-11-27T00:00", "2027-01-01T00:00"),
        ("0 0 29 2 *", "2026-11-27T00:00", "2028-02-29T00:00"),
        ("0 0 29 2 ?", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("0 0 13 * 5", "2026-11-27T00:00", "2026-12-04T00:00"),  # the 13th, or a Friday
        ("0 0 */10 * 5", "2026-11-27T00:00", "2026-12-11T00:00"),  # both, as cron has it
    ],
)
def test_the_next_time_is_cron_s(text: str, after: str, expected: str) -> None:
    assert parse(text).next(at(after)) == at(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("61 10 * * *", "minute '61': write 0 to 59"),
        ("0 24 * * *", "hour '24'"),
        ("0 0 0 * *", "day of the month '0'"),
        ("0 0 1 13 *", "month '13': write 1 to 12, or jan to dec"),
        ("0 0 * * 7", "day of the week '7': write 0 to 6, or sun to sat"),
        ("0 0 * * 5-1", "day of the week '5-1'"),
        ("*/0 * * * *", "minute '\\*/0'"),
        ("1,,2 * * * *", "minute ''"),
        ("-1 * * * *", "minute '-1'"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 6 * * *", "has 6 fields: write five"),
        ("@daily", "has 1 fields"),
        ("TZ=Mars/Olympus 0 6 * * *", "has 6 fields"),
        ("", "has 0 fields"),
    ],
)
def test_what_no_clock_would_act_on_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(text)


@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_no_hour_of_a_year_comes_twice_or_not_at_all(hour: int) -> None:
    daily, times = parse(f"30 {hour} * * *"), [at("2026-01-01T00:00")]
    while times[-1] < at("2027-01-01T00:00"):
        times.append(daily.next(times[-1]))
    assert {later - before for before, later in pairwise(times[1:])} == {timedelta(days=1)}


def test_kfp_is_told_the_second_too() -> None:
    assert parse("  30  6 * * 1-5 ").six_fields == "0 30 6 * * 1-5"
