"""How long one poll takes to judge and a day's record to replay: `python -m benchmarks.judge`.

The gateway's buckets, two versions, one to three sources each; one core, the process's CPU time.
"""

import random
import statistics
import time
from collections.abc import Iterator
from itertools import accumulate
from typing import TypeVar

import msgspec

from components.backtest.replay import replay
from components.gateway import EDGES_US, milliseconds
from components.judge import Policy, Poll, Sample, begin, observe
from components.record import Line
from tests.support.worlds import scene

POLLS = 5_760
TOGETHER = 20
"""Polls that are timed together: to read the process's clock takes up to a third of one poll."""
SOURCES = ("a", "b", "c")
Item = TypeVar("Item")
EDGES = (*(milliseconds(str(edge)) for edge in EDGES_US), "+Inf")
POLICY = Policy(watch_s=1e9)


def traffic(polls: int, sources: tuple[str, ...]) -> list[Poll]:
    """A day of polls, 15 s apart, of two equal versions."""
    rng = random.Random(1)  # noqa: S311 - a benchmark's counts need no secrecy
    counts = {(version, name): [0.0] * len(EDGES) for version in "12" for name in sources}
    errors = dict.fromkeys(counts, 0.0)
    found = []
    for number in range(polls):
        samples: dict[str, dict[str, Sample | None]] = {"1": {}, "2": {}}
        for key, buckets in counts.items():
            for _ in range(25 if key[0] == "1" else 3):
                buckets[min(int(rng.gauss(34, 4)), len(EDGES) - 1)] += 1
            errors[key] += rng.random() < 0.02
            rising = dict(zip(EDGES, accumulate(buckets), strict=True))
            samples[key[0]][key[1]] = Sample(rising["+Inf"], errors[key], rising)
        weights = {"1": 90.0, "2": 10.0} if number else {"1": 100.0}
        found.append(Poll(15.0 * number, weights, samples))
    return found


def judged(polls: list[Poll]) -> list[float]:
    """Microseconds per poll, of each `TOGETHER`, which were just parsed as a release has them."""
    state, times = begin(POLICY, "1", "2"), []
    for lines in batched([msgspec.json.encode(poll) for poll in polls], TOGETHER):
        some = [Poll.parse(line) for line in lines]
        began = time.process_time_ns()
        for poll in some:
            state, _ = observe(POLICY, state, poll)
        times.append((time.process_time_ns() - began) / 1000 / len(some))
    return times


def parsed(polls: list[Poll]) -> list[float]:
    """Microseconds to parse a poll from its line of JSON, of each `TOGETHER`."""
    times = []
    for lines in batched([msgspec.json.encode(poll) for poll in polls], TOGETHER):
        began = time.process_time_ns()
        for line in lines:
            Poll.parse(line)
        times.append((time.process_time_ns() - began) / 1000 / len(lines))
    return times


def batched(items: list[Item], size: int) -> Iterator[list[Item]]:
    """The items, so many at a time."""
    return (items[at : at + size] for at in range(0, len(items), size))


def released() -> list[Line]:
    """The record of a release that is watched for twelve hours at each of two splits."""
    found = scene(2.0, baseline=False, watch="12h", poll="15s", steps=[10, 50, 100])
    found.walk("2", "day")
    return found.record("day")


def show(what: str, times: list[float]) -> None:
    """One row."""
    print(
        f"{what:34} min {min(times):7.1f}  median {statistics.median(times):7.1f}"
        f"  max {max(times):9.1f} us"
    )


def main() -> None:
    """Print the table."""
    for sources in (SOURCES, SOURCES[:2]):
        times = judged(traffic(POLLS, sources))
        show(f"judge a poll, {len(sources)} sources each", times)
    show("  the first 500 of them", times[: 500 // TOGETHER])
    show("  the last 500 of them", times[-500 // TOGETHER :])
    one = traffic(POLLS, SOURCES[:1])
    show("judge a poll, 1 source each", judged(one))
    show("parse a poll, 1 source each", parsed(one[-500:]))
    lines = released()
    began = time.process_time()
    result = replay(lines)
    took = time.process_time() - began
    outcome = "reproduced" if result.difference is None else result.difference
    print(f"replay {result.polls} polls and verdicts: {took:.2f} s, {outcome}")


if __name__ == "__main__":
    main()
