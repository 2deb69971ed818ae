"""What the end-to-end tests share: `sluice` as a user runs it, releases, user traffic."""

import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import endpoint as endpoints
from components.load import log
from components.load.sender import Outcome
from components.platform import Platform, connect
from components.record import Line, Record
from components.registry import Registry
from components.release.state import ReleaseState, fold
from tests.support.bills import MACHINE
from tests.support.endpoints import endpoint_file
from tests.support.waiting import wait_until

SLUICE = str(Path(sysconfig.get_path("scripts"), "sluice"))
MODEL = "banking77-intent"
HELD_OUT = "s3://datasets/banking77/test.csv"
# A busy machine may need some watches until each version has its requests.
QUICK_JUDGE: dict[str, Any] = {
    "method": "threshold",
    "min_requests": 20,
    "p95_ratio": 10,
    "max_extension": 20,
}


def sluice(*arguments: str, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
    """Run a command as a user would; one that hangs tells where each of its threads stands."""
    command = [SLUICE, *arguments]
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, errors = process.communicate(timeout=10)
            raise AssertionError(f"{command} hangs\n{out}\n{errors}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


@contextmanager
def started(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """A command that goes on while the block runs; what a failed test has left of it is ended."""
    with subprocess.Popen([SLUICE, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@dataclass
class Users:
    """Open-loop user traffic on one endpoint, each request a line in a file."""

    out: Path

    def answers(self, begin: float = 0.0, end: float = float("inf")) -> list[Outcome]:
        """The requests that were due between two times (epoch seconds)."""
        return [outcome for outcome in log.read(self.out) if begin <= outcome.due < end]


@contextmanager
def users(endpoint: Path, out: Path, rps: int, mix: str = "held-out") -> Iterator[Users]:
    """Users who ask ``endpoint`` while the block runs."""
    command = [SLUICE, "traffic", str(endpoint), f"--rps={rps}", "--seconds=600"]
    process = subprocess.Popen(
        [*command, f"--mix={mix}", f"--out={out}"], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: out.exists() and out.stat().st_size > 0, 30, "the first user's answer")
        yield Users(out)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0


def released_file(folder: Path, name: str, **release: Any) -> Path:
    """The file of an endpoint of the example model, with a test's patience."""
    return endpoint_file(
        folder,
        name,
        model=MODEL,
        evaluation={
            "dataset": {"uri": HELD_OUT, "target": "category", "rows": 100},
            "accuracy": {"min": 0.7},
            "latency": {"p95_ms": 5000, "concurrency": 1},
            "regression": {"alpha": 0.05},
            # Version 4 takes shorter texts than the others: what that costs, users show.
            "allow_narrower_inputs": True,
        },
        serving={"price": MACHINE},
        release={"poll": "1s", "lease": "15s", **release},
    )


@dataclass(frozen=True)
class Recorded:
    """A release by its record."""

    platform: Platform
    release_id: str

    def lines(self) -> list[Line]:
        """Every line that stands in the store now."""
        return Record(self.platform.records, self.release_id, self.platform.clock).lines()

    def exists(self) -> bool:
        """True once the first line stands."""
        return bool(self.lines())

    def state(self) -> ReleaseState:
        """Where the release stands."""
        return fold(self.lines())

    def has_polled(self, version: str) -> bool:
        """Whether it has counted what users on the version got."""
        return self.exists() and any(poll.weights.get(version) for poll in self.state().polls)


def newest(platform: Platform, endpoint: str) -> Recorded:
    """The endpoint's newest release."""
    found = [Recorded(platform, name) for name in platform.records.releases()]
    begun = [(each.lines()[0].at, each) for each in found if each.release_id.startswith(endpoint)]
    return max(
        ((at, each) for at, each in begun if each.state().endpoint.name == endpoint),
        key=lambda pair: pair[0],
    )[1]


def first_release(registry: Registry, endpoint: Path, version: str) -> int:
    """Release ``version`` as if the model had never been released; the exit code.

    The alias `champion` belongs to the model, which the test modules share; a route is there on a
    platform that was kept from an earlier run.
    """
    registry.delete_alias(MODEL, "champion")
    connect().traffic.set_weights(endpoints.load(endpoint).name, {})
    done = sluice("release", str(endpoint), "--version", version)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.returncode


@contextmanager
def released_under_users(
    registry: Registry, folder: Path, name: str, version: str, **release: Any
) -> Iterator[tuple[Path, Users]]:
    """An endpoint whose ``version`` was released first, asked 20 times a second meanwhile."""
    path = released_file(folder, name, **release)
    first_release(registry, path, version)
    with users(path, folder / "users.jsonl", 20) as seen:
        yield path, seen
