"""Durations as the Gateway API and KEDA write them."""

import math
import re

_PART = re.compile("([0-9]+)(h|ms|m|s)")


def duration(seconds: float) -> str:
    """As the Gateway API writes it: at most four numbers of at most five digits."""
    left = max(1, math.ceil(seconds * 1000))
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds(text: str) -> float:
    """What `duration` wrote."""
    return round(sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(text)), 3)
