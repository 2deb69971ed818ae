"""When each request is due."""

import random
from collections.abc import Iterator
from typing import Literal

Arrivals = Literal["constant", "poisson"]

MAX_REQUESTS = 1_000_000


def due_times(rate: float, seconds: float, arrivals: Arrivals, seed: int) -> Iterator[float]:
    """Seconds from the start at which requests are due, rising, all below ``seconds``.

    Args:
        rate: requests per second; for Poisson arrivals its mean.
        seconds: how long.
        arrivals: equally spaced, or independent of each other.
        seed: makes Poisson arrivals the same again.

    Raises:
        ValueError: rate or duration is not positive, or more than `MAX_REQUESTS` would be due.
    """
    if not (rate > 0 and seconds > 0):
        raise ValueError("rate and duration must be positive")
    if rate * seconds > MAX_REQUESTS:
        raise ValueError(f"{rate:g}/s for {seconds:g} s is more than {MAX_REQUESTS} requests")
    return _constant(rate, seconds) if arrivals == "constant" else _poisson(rate, seconds, seed)


def _constant(rate: float, seconds: float) -> Iterator[float]:
    count = 0
    while (due := count / rate) < seconds:
        yield due
        count += 1


def _poisson(rate: float, seconds: float, seed: int) -> Iterator[float]:
    draw = random.Random(seed)  # noqa: S311 (no secret)
    due = draw.expovariate(rate)
    while due < seconds:
        yield due
        due += draw.expovariate(rate)
