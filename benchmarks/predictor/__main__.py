"""The predictor beside its peers, on one graph: `python -m benchmarks.predictor` (about an hour).

Each round starts one server after another, so that all see the same hour of the machine, and
measures the graph's own limit in the same round; what is compared are ratios within a round.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.predictor.closed import closed_loop
from benchmarks.predictor.contestants import CONTESTANTS, OURS, Contestant, Setting
from benchmarks.predictor.material import RUNS, Mix, bundle, limit, mixes
from benchmarks.predictor.opened import Message, open_loop
from benchmarks.predictor.process import Running, running

CONNECTIONS = (1, 8, 32, 128)
LOADS = (50, 80, 120)
"""Percent of the limit."""
OPEN_ROUNDS = 2
"""Open loops are measured in so many of the rounds."""
OPEN_SECONDS = 4.0
_WARM_SECONDS = 1.0


def measure_closed(
    server: Running, contestant: Contestant, mixes_: dict[str, Mix], seconds: float
) -> dict[str, Any]:
    """Throughput at each number of connections, and processor time and memory at 32."""
    found: dict[str, Any] = {"closed": {}}
    for name, mix in mixes_.items():
        bodies = [contestant.body(text) for text, _ in mix]
        closed_loop(server.url, bodies, 32, _WARM_SECONDS)
        by_connections = found["closed"][name] = {}
        for connections in CONNECTIONS if name == "typical" else (32,):
            before = server.cpu_s()
            result = closed_loop(server.url, bodies, connections, seconds)
            by_connections[str(connections)] = asdict(result)
            if connections == 32:
                cpu = (server.cpu_s() - before) / max(result.requests, 1)
                by_connections["32"]["cpu_ms"] = cpu * 1000
    found["memory_mb"] = server.memory_mb()
    return found


def measure_open(
    server: Running,
    contestant: Contestant,
    mixes_: dict[str, Mix],
    limits: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Latency and goodput at each load, a share of the mix's limit."""
    found: dict[str, Any] = {}
    for name, mix in mixes_.items():
        messages = [Message(contestant.body(text), long) for text, long in mix]
        loads = sorted({*LOADS, 100}) if contestant is OURS else LOADS
        for load in loads:
            rate = limits[name]["per_second"] * load / 100
            result = asdict(open_loop(server.url, messages, rate, OPEN_SECONDS, seed))
            found.setdefault(name, {})[str(load)] = result
    return found


def choose(
    contestant: Contestant, folder: Path, mix: Mix, seconds: float
) -> tuple[Setting | None, list[dict[str, Any]]]:
    """The setting that is fastest at 32 connections, and what each gave."""
    tried = []
    for setting in contestant.settings:
        entry: dict[str, Any] = {"setting": asdict(setting), "text": str(setting)}
        try:
            with running(contestant, setting, folder) as server:
                bodies = [contestant.body(text) for text, _ in mix]
                closed_loop(server.url, bodies, 32, _WARM_SECONDS)
                result = closed_loop(server.url, bodies, 32, seconds)
                entry["per_second"] = result.per_second
                entry["failed"] = result.failed
        except (RuntimeError, OSError) as error:
            entry["error"] = str(error)
        print(f"  {contestant.name:24} {setting!s:50} {entry.get('per_second', 'failed')}")
        tried.append(entry)
    right = [entry for entry in tried if entry.get("per_second") and not entry["failed"]]
    if not right:
        return None, tried
    return Setting(**max(right, key=lambda e: e["per_second"])["setting"]), tried


def machine() -> dict[str, Any]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next(line for line in info.splitlines() if line.startswith("model name"))
    return {
        "processor": model.split(":", 1)[1].strip(),
        "cores": len(os.sched_getaffinity(0)),
        "vnni": "vnni" in info,
        "python": platform.python_version(),
    }


def main() -> None:
    """Measure and write the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predictor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each closed loop")
    parser.add_argument("--open-rounds", type=int, default=OPEN_ROUNDS, help="with open loops")
    parser.add_argument("--only", action="append", help="contestant's name; may be repeated")
    parser.add_argument("--out", type=Path, help="JSON file; by default in runs/ by the date")
    given = parser.parse_args()
    chosen = [c for c in CONTESTANTS if not given.only or c.name in given.only]
    for contestant in chosen:
        contestant.install()
    folder = bundle()
    os.environ["SLUICE_BENCH_BUNDLE"] = str(folder.absolute())
    started = time.strftime("%Y-%m-%d")
    out = given.out or RUNS / f"{started}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    texts = mixes()
    run: dict[str, Any] = {
        "date": started,
        "machine": machine(),
        "seconds": given.seconds,
        "settings": {},
        "tried": {},
        "rounds": [],
    }
    print("each peer's settings, requests/s at 32 connections:", flush=True)
    settings: dict[str, Setting] = {}
    for contestant in chosen:
        setting, tried = choose(contestant, folder, texts["typical"], given.seconds / 2)
        run["tried"][contestant.name] = tried
        if setting:
            settings[contestant.name] = setting
            run["settings"][contestant.name] = str(setting)
        out.write_text(json.dumps(run, indent=1))
    for number in range(given.rounds):
        limits = {name: limit(folder, mix, given.seconds) for name, mix in texts.items()}
        entry: dict[str, Any] = {"limit": limits, "contestants": {}}
        run["rounds"].append(entry)
        print(f"round {number + 1}: limit {limits['typical']['per_second']:.0f}/s", flush=True)
        for contestant in chosen:
            if contestant.name not in settings:
                continue
            try:
                with running(contestant, settings[contestant.name], folder) as server:
                    found = measure_closed(server, contestant, texts, given.seconds)
                    found["ready_s"] = server.ready_s
                    if number < given.open_rounds:
                        found["open"] = measure_open(server, contestant, texts, limits, number)
            except (RuntimeError, OSError) as error:
                found = {"error": str(error)}
                print(f"  {contestant.name:24} {error}", flush=True)
            else:
                speed = found["closed"]["typical"]["32"]["per_second"]
                share = speed / limits["typical"]["per_second"]
                print(f"  {contestant.name:24} {speed:7.0f}/s  {share:.2f}", flush=True)
            entry["contestants"][contestant.name] = found
            out.write_text(json.dumps(run, indent=1))
    print(f"{out}: written; python -m benchmarks.predictor.report {out} makes docs/performance.md")


if __name__ == "__main__":
    main()
