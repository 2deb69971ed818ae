"""A platform of its own: warm start, and traffic steps under 60 requests a second."""

import json
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
GATEWAY_ROUNDS = 5
UNLIMITED = 10_000


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
    _gateway(home)


def _gateway(home: Path) -> None:
    """What the gateway adds, one request at a time, in turns with the predictor itself."""
    from benchmarks.predictor.closed import closed_loop
    from benchmarks.predictor.contestants import v2
    from benchmarks.predictor.material import mixes
    from components import endpoint as endpoints
    from components.platform import connect

    found = endpoints.find("demo")
    platform = connect()
    path = f"/v2/models/{found.name}/infer"
    direct, through = platform.serving.url(found, "1") + path, os.environ["SLUICE_GATEWAY"] + path
    key = json.loads((home / "keys.json").read_text(encoding="utf-8"))["demo"]
    bodies = [v2(text) for text, _ in mixes()["typical"]]
    # One connection asks faster than the rate limit of the endpoint's file lets it.
    limit = found.gateway.model_copy(update={"requests_per_second": UNLIMITED})
    free = found.model_copy(update={"gateway": limit})
    platform.traffic.set_weights(free, {"1": 100})
    time.sleep(1)
    own, both = [], []
    for _ in range(GATEWAY_ROUNDS):
        alone = closed_loop(direct, bodies, 1, 3)
        behind = closed_loop(through, bodies, 1, 3, key)
        if alone.failed or behind.failed:
            raise SystemExit(f"{alone.failed} and {behind.failed} requests failed")
        own.append(alone.p50)
        both.append(behind.p50)
    added = [b - a for a, b in zip(own, both, strict=True)]
    print(line("p50 of the predictor itself, 1 connection", own, "ms"))
    print(line("p50 through the gateway", both, "ms"))
    print(line("p50 that the gateway adds", added, "ms"))


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
