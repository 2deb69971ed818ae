"""How a model is run on the cores that there are: measured at warm-up, within seconds.

Two questions. Which rows may share a batch without changing each other's answers? A dynamically
quantised graph takes one scale for a whole batch, so there a text beside a long one gets other
numbers; such a graph runs each row alone. And what is fastest: how many executors, of how many
threads, with batches of how many tokens?
"""

import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from components.endpoint import Batching, Execution
from components.predictor.model import Model, Row
from components.predictor.scheduling.cores import available_cores

log = logging.getLogger("sluice.predictor")

TOLERANCE = 1e-5
"""Answers that differ by no more are equal."""
_SECONDS = 2.0
_SLICE = 0.12
"""Seconds of one measurement; each is made twice, by turns, and the better counts."""
_GAIN = 1.15
"""What is less simple must be this much faster: neighbours on the machine make noise."""
_RUNS = 100
"""About so many runs are made; a model too slow for them is tried with fewer rows."""
_ROWS_PER_BATCH = (4, 16, 64)


@dataclass(frozen=True)
class Plan:
    """How batches are made and run."""

    executors: int
    """Batches that run side by side."""
    threads: int
    """Threads of each."""
    alone_threads: int
    """Threads of a run while nothing else runs or waits."""
    batching: Batching
    batch_rows: int
    batch_tokens: int
    """Rows x longest row of a batch."""
    rows_per_second: float = 0.0
    """As measured; 0 when there was nothing to choose."""
    drift: Mapping[Batching, float] = field(default_factory=dict)
    """The largest change of an answer by its neighbours, for each kind of batch that was tried."""
    seconds: float = 0.0
    """What calibration took."""

    @property
    def figures(self) -> dict[str, float]:
        """What was chosen and measured, for the metrics."""
        return {
            "executors": self.executors,
            "threads": self.threads,
            "alone_threads": self.alone_threads,
            "batch_rows": self.batch_rows,
            "batch_tokens": self.batch_tokens,
            "rows_per_second": self.rows_per_second,
            **{f"drift_{kind.replace('-', '_')}": change for kind, change in self.drift.items()},
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Way:
    """One way to run a model: executors side by side, threads of each, rows of each batch."""

    executors: int
    threads: int
    rows: int = 1


def calibrate(model: Model, execution: Execution, cores: int | None = None) -> Plan:
    """Warm ``model`` up and choose how to run it.

    Leaves the model configured as the plan says. What ``execution`` sets is neither chosen nor
    measured, but rows that are to share a batch are always tried.

    Args:
        model: loaded, and not yet in use.
        execution: what is not to be chosen.
        cores: how many to plan for; by default those this process may use.

    Raises:
        Exception: what the model raises on its own samples.
    """
    began = time.monotonic()
    rows = _warm_up(model)
    cores = cores or available_cores()
    if not rows:
        return _unmeasured(execution, cores)
    drift: dict[Batching, float] = {"alone": 0.0}
    if execution.batching != "alone":
        drift |= _drifts(model, rows)
    batching = _batching(execution, drift)
    plan = _plan(model, rows, execution, batching, cores, until=began + _SECONDS)
    model.use_threads(plan.threads, plan.alone_threads)
    return replace(plan, drift=drift, seconds=time.monotonic() - began)


def _warm_up(model: Model) -> list[Row]:
    """Rows to measure with, after the first run, which is always slower; none if none are known."""
    model.use_threads(1, 1)
    rows = model.prepare(model.samples())
    if not rows:
        return rows
    _seconds(model, rows[0])
    return _few(rows) if _seconds(model, rows[0]) * _RUNS > _SECONDS else rows


def _unmeasured(execution: Execution, cores: int) -> Plan:
    """For a model of which no row is known: what is set, and nothing that would need a proof."""
    threads = execution.threads or 1
    executors = execution.executors or max(1, cores // threads)
    return Plan(executors, threads, threads, "alone", 1, execution.batch_tokens or 1)


def _batching(execution: Execution, drift: Mapping[Batching, float]) -> Batching:
    """Which rows may share a batch: what the endpoint's file says, or what changes no answer."""
    if execution.batching is None:
        if drift["padded"] <= TOLERANCE:
            return "padded"
        return "equal-length" if drift["equal-length"] <= TOLERANCE else "alone"
    if drift[execution.batching] > TOLERANCE:
        log.warning(
            "batching %r is set, but changes answers by up to %.2g: they depend on what arrives "
            "at the same time",
            execution.batching,
            drift[execution.batching],
        )
    return execution.batching


def _plan(
    model: Model,
    rows: Sequence[Row],
    execution: Execution,
    batching: Batching,
    cores: int,
    *,
    until: float,
) -> Plan:
    """The fastest plan, as far as there is time to measure; ``batching`` may turn out useless."""
    longest = max(row.size for row in rows)
    typical = [row for row in rows if row.size < longest] or list(rows)

    ways = _splits(execution, cores, model.threaded)
    speeds = _race(model, typical, ways, until) if len(ways) > 1 else {ways[0]: 0.0}
    best = _fastest(speeds)
    if batching != "alone" and execution.batch_tokens is None:
        batched = [Way(best.executors, best.threads, count) for count in _ROWS_PER_BATCH]
        speeds = _race(model, typical, [best, *batched], until)
        best = _fastest(speeds)
    alone_threads = best.threads
    if execution.threads is None and model.threaded and time.monotonic() < until:
        alone_threads = _alone_threads(model, typical, best.threads, cores)

    if batching == "alone" or (best.rows == 1 and execution.batch_tokens is None):
        batching, batch_rows, batch_tokens = "alone", 1, longest
    else:
        size = sum(row.size for row in typical) / len(typical)
        batch_tokens = execution.batch_tokens or int(best.rows * size)
        batch_rows = batch_tokens
    return Plan(
        executors=best.executors,
        threads=best.threads,
        alone_threads=alone_threads,
        batching=batching,
        batch_rows=batch_rows,
        batch_tokens=batch_tokens,
        rows_per_second=speeds[best],
    )


def _drifts(model: Model, rows: Sequence[Row]) -> dict[Batching, float]:
    """The largest change of an answer by its neighbours in a batch, for each kind of batch."""
    alone = [model.run([row], alone=False)[0] for row in rows]

    def drift(numbers: Sequence[int]) -> float:
        if len(numbers) < 2:
            return 0.0
        together = model.run([rows[n] for n in numbers], alone=False)
        return max(model.difference(alone[n], a) for n, a in zip(numbers, together, strict=True))

    by_size: dict[int, list[int]] = {}
    for number, row in enumerate(rows):
        by_size.setdefault(row.size, []).append(number)
    ordered = sorted(range(len(rows)), key=lambda n: rows[n].size)
    equal = [group for group in by_size.values() if len(group) > 1]
    # What was not tried is not proven. The longest beside the shortest pads most.
    return {
        "equal-length": max(map(drift, equal), default=math.inf),
        "padded": max(drift(ordered[:-1]), drift([*ordered[:3], ordered[-1]]))
        if len(rows) > 1
        else math.inf,
    }


def _few(rows: Sequence[Row]) -> list[Row]:
    """Two of one length and the longest: the fewest that show what neighbours do."""
    for number, row in enumerate(rows):
        for other in rows[number + 1 :]:
            if other.size == row.size:
                return [row, other, max(rows, key=lambda candidate: candidate.size)]
    return list(rows[:2])


def _splits(execution: Execution, cores: int, threaded: bool) -> list[Way]:
    """Ways to divide the cores, the simplest first."""
    executors, threads = execution.executors, execution.threads
    if executors and threads:
        ways = [Way(executors, threads)]
    elif executors:
        ways = [Way(executors, 1), Way(executors, max(1, cores // executors))]
    elif threads:
        ways = [Way(max(1, cores // threads), threads)]
    elif threaded:
        ways = [Way(cores // count, count) for count in (1, cores // 2, cores) if count]
    else:
        ways = [Way(cores, 1), Way(1, 1)]
    return list(dict.fromkeys(ways))


def _fastest(speeds: Mapping[Way, float]) -> Way:
    """The fastest way; an earlier one unless a later is clearly faster."""
    best, *others = speeds
    for way in others:
        if speeds[way] > _GAIN * speeds[best]:
            best = way
    return best


def _race(model: Model, rows: Sequence[Row], ways: Sequence[Way], until: float) -> dict[Way, float]:
    """Rows per second of each way; what there is no time for counts as 0.

    There and back: so what changes over time falls on each alike, and a way that comes twice in a
    row keeps its threads, which cost a model that has to be opened anew for others.
    """
    speeds = dict.fromkeys(ways, 0.0)
    for turn, order in enumerate((ways, ways[::-1])):
        for way in order:
            if time.monotonic() < until or (turn == 0 and way is ways[0]):
                model.use_threads(way.threads, way.threads)
                speeds[way] = max(speeds[way], _speed(model, rows, way))
    return speeds


def _speed(model: Model, rows: Sequence[Row], way: Way) -> float:
    """Rows per second with every executor busy for a slice of time."""
    ordered = sorted(rows, key=lambda row: row.size) * -(-way.rows // len(rows))
    batches = [ordered[n : n + way.rows] for n in range(0, len(ordered), way.rows)]
    model.run(batches[0], alone=False)
    counts = [0] * way.executors
    began = time.monotonic()

    def work(executor: int) -> None:
        turn = executor
        while True:
            batch = batches[turn % len(batches)]
            model.run(batch, alone=False)
            counts[executor] += len(batch)
            turn += 1
            if time.monotonic() - began > _SLICE:
                return

    threads = [threading.Thread(target=work, args=(n,)) for n in range(way.executors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def _alone_threads(model: Model, rows: Sequence[Row], threads: int, cores: int) -> int:
    """Threads for a run that has the machine for itself: ``threads``, or every core."""
    seconds = {}
    answers = {}
    for count in (threads, cores):
        model.use_threads(threads, count)
        answers[count] = [model.run([row], alone=True)[0] for row in rows]
        seconds[count] = sum(min(_seconds(model, row) for _ in range(2)) for row in rows)
    same = all(
        model.difference(one, other) <= TOLERANCE
        for one, other in zip(answers[threads], answers[cores], strict=True)
    )
    return cores if same and seconds[cores] * _GAIN < seconds[threads] else threads


def _seconds(model: Model, row: Row) -> float:
    began = time.monotonic()
    model.run([row], alone=True)
    return time.monotonic() - began
