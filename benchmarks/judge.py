"""How long one poll takes to judge and a day's record to replay: `python -m benchmarks.judge`.

The gateway's buckets, two versions, one to three sources each; one core, the process's CPU time.
"""

import random
import statistics
import tempfile
import time
from itertools import accumulate
from pathlib import Path

from obstore.store import MemoryStore

from components import record
from components.backtest.replay import replay
from components.gateway import EDGES_US, milliseconds
from components.judge import Policy, Poll, Sample, begin, observe
from components.platform.memory import ManualClock
from components.platform.objects import ObjectRecords
from components.record import SCHEMA, Opened, Record

POLLS = 5_760
SOURCES = ("a", "b", "c")
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
    """Microseconds per poll."""
    state, times = begin(POLICY, "1", "2"), []
    for poll in polls:
        began = time.process_time_ns()
        state, _ = observe(POLICY, state, poll)
        times.append((time.process_time_ns() - began) / 1000)
    return times


def parsed(polls: list[Poll]) -> list[float]:
    """Microseconds to parse each poll from its line of JSON."""
    import msgspec

    times = []
    for line in [msgspec.json.encode(poll) for poll in polls]:
        began = time.process_time_ns()
        Poll.parse(line)
        times.append((time.process_time_ns() - began) / 1000)
    return times


def write(path: Path, polls: list[Poll]) -> None:
    """The decision record of these polls, as the release writes it."""
    clock = ManualClock(wall=0.0)
    written = Record(ObjectRecords(MemoryStore()), "bench", clock)
    head = Opened(
        schema=SCHEMA,
        release_id="bench",
        endpoint="bench",
        model="bench",
        candidate="2",
        champion="1",
        policy=POLICY.model_dump(mode="json"),
    )
    written.append(head)
    state = begin(POLICY, "1", "2")
    for poll in polls:
        clock.set_wall(poll.t)
        state, verdict = observe(POLICY, state, poll)
        written.append(poll, verdict)
    path.write_bytes(written.content())


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
    show("  the first 500 of them", times[:500])
    show("  the last 500 of them", times[-500:])
    one = traffic(POLLS, SOURCES[:1])
    show("judge a poll, 1 source each", judged(one))
    show("parse a poll, 1 source each", parsed(one[-500:]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "record.jsonl")
        write(path, one)
        began = time.process_time()
        result = replay(record.read(path, whole=True))
        took = time.process_time() - began
    outcome = "reproduced" if result.difference is None else result.difference
    print(f"replay {result.polls} polls and verdicts: {took:.2f} s, {outcome}")


if __name__ == "__main__":
    main()
