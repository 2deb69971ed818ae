"""The graph's own limit: tokenizer and runs, no server, in a process of its own.

`python -m benchmarks.predictor.limit BUNDLE` reads a line of JSON for each measurement and answers
with one; `limiting` is its other end.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from components.predictor.model import Row
from components.predictor.runtimes.text_classifier import TextClassifier
from components.predictor.scheduling.calibration import TOLERANCE, Way
from components.predictor.scheduling.cores import available_cores

_TRY_SECONDS = 0.7


@dataclass(frozen=True)
class Limit:
    """What the graph gave, run in its fastest way."""

    per_second: float
    """Rows."""
    cpu_ms: float
    """Processor time of one row."""
    executors: int
    threads: int
    rows: int


def fastest(model: TextClassifier, texts: Sequence[str]) -> Way:
    """The fastest way that keeps answers equal."""
    cores = available_cores()
    batches = (1, 4, 16) if _padding_changes_nothing(model, texts[:64]) else (1,)
    ways = [Way(cores, 1, rows) for rows in batches] + [Way(1, cores, rows) for rows in batches]
    return max(ways, key=lambda way: measure(model, texts, way, _TRY_SECONDS).per_second)


def measure(model: TextClassifier, texts: Sequence[str], way: Way, seconds: float) -> Limit:
    """Rows per second of one way, every executor busy."""
    model.use_threads(way.threads, way.threads)
    counts = [0] * way.executors
    began, cpu = time.monotonic(), time.process_time()

    def work(executor: int) -> None:
        turn = executor * way.rows
        while time.monotonic() - began < seconds:
            rows: list[Row] = []
            for offset in range(way.rows):
                rows += model.prepare([texts[(turn + offset) % len(texts)]])
            model.run(rows, alone=False)
            counts[executor] += way.rows
            turn += way.executors * way.rows

    threads = [threading.Thread(target=work, args=(n,)) for n in range(way.executors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, spent = time.monotonic() - began, time.process_time() - cpu
    return Limit(sum(counts) / took, spent / sum(counts) * 1000, **asdict(way))


@contextmanager
def limiting(bundle: Path) -> Iterator[Callable[[Sequence[str], float], Limit]]:
    """A process that measures the limit over texts, for so many seconds, whenever it is asked."""
    command = [sys.executable, "-m", "benchmarks.predictor.limit", str(bundle)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        yield partial(_ask, process)


def _ask(process: subprocess.Popen[str], texts: Sequence[str], seconds: float) -> Limit:
    assert process.stdin  # noqa: S101 (both are pipes)
    assert process.stdout  # noqa: S101
    process.stdin.write(json.dumps([seconds, texts]) + "\n")
    return Limit(**json.loads(process.stdout.readline()))


def _padding_changes_nothing(model: TextClassifier, texts: Sequence[str]) -> bool:
    rows = model.prepare(texts)
    together = model.run(rows, alone=False)
    alone = [model.run([row], alone=False)[0] for row in rows]
    return all(model.difference(a, b) <= TOLERANCE for a, b in zip(together, alone, strict=True))


def main() -> None:
    """Measure as often as a line asks for it; the way is found once."""
    model = TextClassifier.load(Path(sys.argv[1]))
    way: Way | None = None
    for line in sys.stdin:
        seconds, texts = json.loads(line)
        way = way or fastest(model, texts)
        print(json.dumps(asdict(measure(model, texts, way, seconds))), flush=True)


if __name__ == "__main__":
    main()
