"""The hours in which a release may take a step: pure functions of a time and a time zone."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from components.models import Strict

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_PATTERN = rf"(?:({_DAY})(?:-({_DAY}))? )?({_TIME})-({_TIME}|24:00)"
_HOURS = re.compile(_PATTERN)
_WEEK = 7
_DAY_MIN, _MIN_S = 24 * 60, 60.0


class Hours(NamedTuple):
    """A stretch of the day, on some days of the week."""

    text: str
    """As it is written: ``mon-fri 09:00-17:00``."""
    days: frozenset[int]
    """On which it begins; 0 is Monday."""
    begin: int
    """In minutes of the day."""
    end: int
    """Likewise; at or before ``begin``: on the day after."""

    def has(self, local: datetime) -> bool:
        """Whether the local time is within."""
        minute, day = 60 * local.hour + local.minute, local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        late = day in self.days and minute >= self.begin
        return late or ((day - 1) % _WEEK in self.days and minute < self.end)


def hours(text: object) -> Hours:
    """The hours that a text says.

    Raises:
        ValueError: it is not of that form.
    """
    match = _HOURS.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} says no hours: write them like mon-fri 09:00-17:00")
    first, last, begin, end = match.groups()
    days = frozenset(range(_WEEK))
    if first:
        from_, to = DAYS.index(first), DAYS.index(last or first)
        days = frozenset((from_ + each) % _WEEK for each in range((to - from_) % _WEEK + 1))
    return Hours(match[0], days, _minute(begin), _minute(end))


def _minute(time: str) -> int:
    hour, minute = time.split(":")
    return 60 * int(hour) + int(minute)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # of names that are none, and of folders
        raise ValueError(
            f"{name!r} is no time zone: write UTC, or one like Europe/Berlin"
        ) from error
    return name


class Windows(Strict):
    """When a release may take a step. Outside of it the candidate keeps its share."""

    open: tuple[
        Annotated[
            Hours,
            BeforeValidator(hours),
            PlainSerializer(lambda value: value.text),
            WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$"}),
        ],
        ...,
    ] = ()
    """Hours such as ``mon-fri 09:00-17:00`` (days: all if none is named); none: at any time."""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """In which they are meant, by its name in the tz database; summer time is followed."""
    alerts: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_:]{0,199}$")], ...] = ()
    """Names of Prometheus' alerts: none of this endpoint, or of no endpoint, may fire."""

    def is_open(self, now: float) -> bool:
        """Whether the hours let a step be taken at ``now``, in seconds since the epoch."""
        local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.timezone))
        return not self.open or any(each.has(local) for each in self.open)

    def opens(self, now: float) -> str:
        """When it is open next after ``now``, for people: ``mon 09:00 Europe/Berlin``."""
        return _opens(self, now // _MIN_S * _MIN_S)


@lru_cache(maxsize=64)
def _opens(windows: Windows, since: float) -> str:
    """See `Windows.opens`; it is asked at each poll, and a minute has many."""
    for minute in range(1, (_WEEK + 1) * _DAY_MIN + 1):
        at = since + _MIN_S * minute
        if windows.is_open(at):
            local = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(windows.timezone))
            return f"{DAYS[local.weekday()]} {local:%H:%M} {windows.timezone}"
    return "never"
