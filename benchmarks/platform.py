"""A platform of its own: warm start, and traffic steps under 60 requests a second."""

import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.cli import SLUICE, seconds
from benchmarks.figures import line

STARTS = 3
STEPS = 20
RPS = 60
GATEWAY_ROUNDS = 5
UNLIMITED = 10_000
READY_S = 60
TIMEOUT_S = 30.0


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
    _shift(home / "users.jsonl")
    _gateway()
    _boards()


def _boards() -> None:
    """What a look at each board costs Prometheus: all of its targets, one after another."""
    from components.platform import connect
    from dashboards import boards
    from dashboards.live import look, server

    with server.connected(connect().metrics.url) as prometheus:
        for name in boards.NAMES:
            seen = look.at(boards.load(name), prometheus, {}, None, time.time())
            took = [answer.seconds * 1000 for answer in seen.answers]
            print(line(f"a target of the board {name}", took, "ms"))
            print(f"{f'all targets of the board {name}':<44} {sum(took) / 1000:8.2f} s")


def _gateway() -> None:
    """What the gateway adds, one request at a time, in turns with the predictor itself."""
    from benchmarks.predictor.closed import closed_loop
    from benchmarks.predictor.contestants import v2
    from benchmarks.predictor.material import mixes
    from components.platform import RouteLimits, connect

    platform = connect()
    found = platform.endpoints.load("demo")
    path = f"/v2/models/{found.name}/infer"
    direct = platform.serving.url(found.name, "1") + path
    through, key = platform.gateway.url + path, platform.gateway.key("demo")
    bodies = [v2(text) for text, _ in mixes()["typical"]]
    # One connection asks faster than the rate limit of the endpoint's file lets it.
    limits = RouteLimits(UNLIMITED, timeout_s=TIMEOUT_S)
    platform.traffic.set_weights(found.name, {"1": 100}, limits)
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


def _shift(out: Path) -> None:
    """Twenty steps; each user's request is a line of ``out``."""
    from components.load import log
    from components.platform import connect, wait_for
    from components.registry.names import MANIFEST_TAG

    sluice("release", "demo", "--version", "1")
    platform = connect()
    found = platform.endpoints.load("demo")
    digest = platform.registry.version(found.model, "1").tags[MANIFEST_TAG]
    stored = platform.files.find(found.model, "1", digest)
    if stored is None:
        raise SystemExit(f"{found.model} 1 was released and its files are not in the store")
    platform.serving.create(found, replace(stored, version="2"))
    wait_for(
        lambda: platform.serving.readiness(found.name, "2").state == "ready",
        timeout=READY_S,
        every=0.1,
        late=lambda: f"version 2: {platform.serving.readiness(found.name, '2').why}",
    )
    users = subprocess.Popen(
        [SLUICE, "traffic", "demo", f"--rps={RPS}", "--seconds=30", f"--out={out}"],
        stdout=subprocess.DEVNULL,
    )
    applied = []
    for step in range(STEPS):
        time.sleep(1)
        weights = {"1": 90 - step, "2": 10 + step}
        began = time.perf_counter()
        platform.traffic.set_weights(found.name, weights)
        platform.traffic.wait_in_force(found.name, weights, 10)
        applied.append((time.perf_counter() - began) * 1000)
    users.wait()
    platform.traffic.set_weights(found.name, {"1": 100})
    answers = list(log.read(out))
    print(line(f"traffic step in force, {RPS} requests/s", applied, "ms"))
    failed = sum(answer.status != 200 for answer in answers)
    print(f"{'user requests meanwhile':<44} {len(answers)}, of which {failed} failed")


if __name__ == "__main__":
    main()
