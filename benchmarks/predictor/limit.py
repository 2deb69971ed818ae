"""The graph's own limit: tokenizer and runs in this process, no server."""

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.predictor.calibration import TOLERANCE
from components.predictor.cores import available_cores
from components.predictor.scheduler import Row
from components.predictor.text_classifier import TextClassifier

_TRY_SECONDS = 0.7


@dataclass(frozen=True)
class Way:
    """Executors, threads of each, rows of each run."""

    executors: int
    threads: int
    rows: int


def limit(model: TextClassifier, texts: Sequence[str], seconds: float) -> tuple[Way, float]:
    """The fastest way that keeps answers equal, and its rows per second."""
    cores = available_cores()
    batches = (1, 4, 16) if _padding_changes_nothing(model, texts[:64]) else (1,)
    ways = [Way(cores, 1, rows) for rows in batches] + [Way(1, cores, rows) for rows in batches]
    best = max(ways, key=lambda way: _speed(model, texts, way, _TRY_SECONDS))
    return best, _speed(model, texts, best, seconds)


def _padding_changes_nothing(model: TextClassifier, texts: Sequence[str]) -> bool:
    rows = model.prepare(texts)
    together = model.run(rows, alone=False)
    alone = [model.run([row], alone=False)[0] for row in rows]
    return all(model.difference(a, b) <= TOLERANCE for a, b in zip(together, alone, strict=True))


def _speed(model: TextClassifier, texts: Sequence[str], way: Way, seconds: float) -> float:
    model.use_threads(way.threads, way.threads)
    counts = [0] * way.executors
    began = time.monotonic()

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
    return sum(counts) / (time.monotonic() - began)


def main() -> None:
    """Read texts, one a line, from standard input; print rows per second and the way."""
    bundle, seconds = Path(sys.argv[1]), float(sys.argv[2])
    texts = sys.stdin.read().splitlines()
    way, speed = limit(TextClassifier.load(bundle), texts, seconds)
    print(f"{speed:.2f} {way.executors} {way.threads} {way.rows}")


if __name__ == "__main__":
    main()
