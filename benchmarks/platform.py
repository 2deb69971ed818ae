"""A platform of its own: warm start, and traffic steps under 60 requests a second."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.cli import SLUICE, seconds
from benchmarks.figures import line

STARTS = 3
STEPS = 20
RPS = 60


def sluice(*arguments: str) -> None:
    """Run a command; show its output only if it fails."""
    done = subprocess.run([SLUICE, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sluice {' '.join(arguments)}: {done.stdout}{done.stderr}")


def main() -> None:
    """Print the times; the platform is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as home:
        os.environ["SLUICE_HOME"] = home
        try:
            _measure(Path(home))
        finally:
            sluice("down")
            del os.environ["SLUICE_HOME"]


def _measure(home: Path) -> None:
    print(f"{'first sluice up':<44} {seconds('up'):8.2f} s")
    sluice("down")
    warm = []
    for _ in range(STARTS):
        warm.append(seconds("up"))
        sluice("down")
    print(line("warm sluice up", warm, "s"))
    sluice("up")
    print(f"{'sluice up, all running':<44} {seconds('up'):8.2f} s")
    print(f"{'sluice prepare':<44} {seconds('prepare'):8.2f} s")
    _shift(home)


def _shift(home: Path) -> None:
    from components import endpoint as endpoints
    from components.load import log
    from components.platform import connect

    found = endpoints.find("demo")
    sluice("release", "demo", "--version", "1")
    platform = connect()
    bundle = next((home / "bundles" / found.model).iterdir())
    platform.serving.create(found, "2", bundle)
    while not platform.serving.ready(found, "2"):
        time.sleep(0.1)
    out = home / "users.jsonl"
    users = subprocess.Popen(
        [SLUICE, "traffic", "demo", f"--rps={RPS}", "--seconds=30", f"--out={out}"],
        stdout=subprocess.DEVNULL,
    )
    applied = []
    for step in range(STEPS):
        time.sleep(1)
        weights = {"1": 90 - step, "2": 10 + step}
        began = time.perf_counter()
        platform.traffic.set_weights(found, weights)
        platform.traffic.wait_applied(found, weights, 10)
        applied.append((time.perf_counter() - began) * 1000)
    users.wait()
    platform.traffic.set_weights(found, {"1": 100})
    answers = list(log.read(out))
    print(line(f"traffic step in force, {RPS} requests/s", applied, "ms"))
    failed = sum(answer.status != 200 for answer in answers)
    print(f"{'user requests meanwhile':<44} {len(answers)}, of which {failed} failed")


if __name__ == "__main__":
    main()
