"""Polls that no counter and no clock can have shown: no axis reaches so far."""

import msgspec

from components.errors import InputError
from components.judge import MAX_COUNT, Poll

_LONGEST_S = 1e9
"""Thirty years."""


def refuse_uncounted(number: int, poll: Poll) -> None:
    """Refuse a poll that cannot have been taken.

    Raises:
        InputError: names the line.
    """
    for sample in (each for sources in poll.sources.values() for each in sources.values()):
        fields = msgspec.structs.asdict(sample) if sample else {}
        counters = [*fields.pop("buckets", {}).values(), *fields.values()]
        if any(abs(count) > MAX_COUNT for count in counters if count is not None):
            raise InputError(f"line {number}: a counter beyond {MAX_COUNT:g}: none counts so far")
    if poll.t > _LONGEST_S:
        raise InputError(f"line {number}: a poll after {poll.t:g} s: no release lasts so long")
