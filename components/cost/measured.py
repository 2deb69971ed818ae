"""What servers were measured to answer, and how late: runs of `benchmarks.predictor`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from components.cost.formulas import per_1000_at
from components.errors import InputError
from components.files import read_limited

MAX_FILE_BYTES = 64 * 1024**2
OURS = "Sluice"
RUNTIME = "text-classifier"
"""Of the model that the benchmark serves: of others a run tells nothing."""
TEXTS = "typical"
"""The mix of texts whose figures are taken."""


@dataclass(frozen=True)
class Point:
    """One execution under one load."""

    how: str
    """Of the load, in a few words."""
    per_second: float
    """Requests that were answered as they should be."""
    p95_ms: float
    """Of all of them."""
    cpu_ms: float | None = None
    """Of a core, for one request."""

    def per_1000(self, usd_per_hour: float) -> float:
        """What 1,000 requests cost on one such machine, if it is always loaded so."""
        return per_1000_at(usd_per_hour, self.per_second)


@dataclass(frozen=True)
class Run:
    """A run of the benchmark: medians over its rounds."""

    name: str
    """Of the file."""
    machine: str
    points: tuple[Point, ...]
    """By rising rate."""

    def capacity(self, limit_ms: float) -> Point | None:
        """The point with the highest rate whose p95 is within the limit."""
        within = [point for point in self.points if point.p95_ms <= limit_ms]
        return max(within, key=lambda point: point.per_second, default=None)


def newest(folder: Path) -> Path | None:
    """The newest run in a folder: files are called by their dates."""
    runs = sorted(folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].json"))
    return runs[-1] if runs else None


def load(path: Path) -> Run:
    """The run in a file.

    Raises:
        InputError: it is missing, too large, or no run.
    """
    content = read_limited(
        path, MAX_FILE_BYTES, missing="python -m benchmarks.predictor writes one"
    )
    try:
        said = json.loads(content)
        points = [*_closed(said["rounds"]), *_opened(said["open_rounds"])]
        machine = f"{said['machine']['cores']} cores, {said['machine']['processor']}"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: no run of benchmarks.predictor: {error!r}") from error
    return Run(path.name, machine, tuple(sorted(points, key=lambda point: point.per_second)))


def _closed(rounds: Sequence[dict[str, Any]]) -> Iterable[Point]:
    """Loads of so many connections, each of which asks again when it has been answered."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in rounds:
        for connections, figures in one[OURS]["closed"][TEXTS].items():
            found.setdefault(connections, []).append(figures)
    for connections, of in found.items():
        several = "s" if connections != "1" else ""
        yield Point(
            f"{connections} connection{several}",
            median(each["per_second"] for each in of),
            median(each["p95"] for each in of),
            median(each["cpu_ms"] for each in of),
        )


def _opened(rounds: Sequence[dict[str, Any]]) -> Iterable[Point]:
    """Loads of so many requests a second, whatever was answered; a load that was shed is none."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in rounds:
        for load_, figures in one[OURS]["open"][TEXTS].items():
            found.setdefault(load_, []).append(figures)
    for of in found.values():
        late = [each["every"]["p95_of_sent"] for each in of]
        if None not in late:
            rate = median(each["goodput"] for each in of)
            yield Point(f"{rate:.0f} a second, at random", rate, median(late))
