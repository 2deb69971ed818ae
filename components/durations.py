"""Durations as people write them in an endpoint's file: ``15s``, ``30m`` or ``2h``."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SHORTEST_S, _LONGEST_S = 0.001, 366 * 24 * 3600.0
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: object) -> float:
    """Seconds in a duration such as ``15s``, ``30m`` or ``2h``.

    Raises:
        ValueError: it is not of that form, or shorter or longer than anything here may last.
    """
    match = _DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{duration!r} is no duration: write it like 15s, 30m or 2h")
    found = float(match[1]) * _SECONDS[match[2]]
    if not _SHORTEST_S <= found <= _LONGEST_S:
        raise ValueError(f"{duration!r} is no duration from 1ms to a year (8784h)")
    return found


def in_words(seconds: float) -> str:
    """A duration in a sentence, in the longest unit of which it is a whole number.

    That is how people write it: ``90 s``, ``1 min``, ``90 min`` or ``24 h``.
    """
    for unit, each in (("h", 3600), ("min", 60)):
        if seconds % each == 0:
            return f"{seconds / each:g} {unit}"
    return f"{seconds:.12g} s"


PATTERN = f"^{_DURATION.pattern}$"
Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(lambda value: f"{value}s"),
    WithJsonSchema({"type": "string", "pattern": PATTERN}),
]
"""Seconds; written as ``15s``, ``30m`` or ``2h``."""


def between(least: str, most: str, why: str) -> AfterValidator:
    """Refuses a duration outside of the bounds; ``why`` they are these."""

    def within(found: float) -> float:
        if not seconds(least) <= found <= seconds(most):
            raise ValueError(f"must be from {least} to {most}: {why}")
        return found

    return AfterValidator(within)
