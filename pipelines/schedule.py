"""When the clock begins something: a cron expression of five fields, in UTC.

A schedule that never comes, or that a server would take and never act on, is refused here: Argo and
KFP take ``61 10 * * *`` without a word. UTC has no hour that comes twice or not at all.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from components.errors import InputError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_DAYS = 8 * 366
"""29 February may be eight years away."""


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        found: set[int] = set()
        for part in text.lower().split(","):
            found |= self._part(part)
        return frozenset(found)

    def _part(self, text: str) -> set[int]:
        match = re.fullmatch(r"(?:(\*|\?)|(\w+)(?:-(\w+))?)(?:/([0-9]{1,4}))?", text)
        if not match:
            raise self._wrong(text)
        every, first, last, step = match.groups()
        if every:
            low, high = self.low, self.high
        else:
            low = self._number(first)
            # ``5/10`` is every ten from five on.
            high = self._number(last) if last else self.high if step else low
        if low > high or step == "0":
            raise self._wrong(text)
        return set(range(low, high + 1, int(step or 1)))

    def _number(self, text: str) -> int:
        if text in self.words:
            return self.words.index(text) + self.low
        if not text.isdecimal() or not self.low <= int(text) <= self.high:
            raise self._wrong(text)
        return int(text)

    def _wrong(self, text: str) -> InputError:
        words = f", or {self.words[0]} to {self.words[-1]}" if self.words else ""
        return InputError(
            f"--cron: {self.name} {text!r}: write {self.low} to {self.high}{words}, *, lists by"
            " commas, ranges (1-5) or steps (*/2)"
        )


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


@dataclass(frozen=True)
class Schedule:
    """Times in UTC, to the minute."""

    text: str
    """Its five fields."""
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Both kinds of days are restricted: then a day of either kind will do, as cron has it."""

    def next(self, after: datetime) -> datetime:
        """The first time later than ``after``.

        Raises:
            InputError: there is none.
        """
        day = after.astimezone(UTC).replace(second=0, microsecond=0)
        begin = day + timedelta(minutes=1)
        for ahead in range(_LONGEST_DAYS):
            day = begin if ahead == 0 else (begin + timedelta(days=ahead)).replace(hour=0, minute=0)
            if not self._on(day):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = day.replace(hour=hour, minute=minute)
                    if found >= day:
                        return found
        raise InputError(f"--cron: {self.text!r} never comes")

    def _on(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        kinds = (day.day in self.days, (day.weekday() + 1) % 7 in self.weekdays)
        return any(kinds) if self.either else all(kinds)

    @property
    def six_fields(self) -> str:
        """The same as KFP has it, with the seconds first."""
        return f"0 {self.text}"


def parse(text: str) -> Schedule:
    """The schedule of a cron expression.

    Raises:
        InputError: it is none, or never comes; names the field.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise InputError(
            f"--cron: {text!r} has {len(fields)} fields: write five, minute first, in UTC, such as"
            " '0 6 * * 1-5'"
        )
    minutes, hours, days, months, weekdays = (
        field.parse(part) for field, part in zip(_FIELDS, fields, strict=True)
    )
    either = not fields[2].startswith(("*", "?")) and not fields[4].startswith(("*", "?"))
    found = Schedule(" ".join(fields), minutes, hours, days, months, weekdays, either)
    found.next(datetime(2000, 1, 1, tzinfo=UTC))
    return found
