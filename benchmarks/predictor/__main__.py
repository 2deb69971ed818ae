"""The predictor beside its peers, on one graph: `python -m benchmarks.predictor` (about an hour).

Each round starts one server after another, so that all see the same hour of the machine, and
measures the graph's own limit in the same round; what is compared are ratios within a round.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.predictor.closed import closed_loop
from benchmarks.predictor.contestants import CONTESTANTS, OURS, Contestant, Setting
from benchmarks.predictor.opened import Message, open_loop
from benchmarks.predictor.process import Running, running
from components.load.mix import long_message
from components.training import examples

CONNECTIONS = (1, 8, 32, 128)
LOADS = (50, 80, 120)
"""Percent of the limit."""
OPEN_ROUNDS = 3
"""Open loops are measured in so many of the rounds."""
LONG_SHARE = 0.05
RUNS = Path(__file__).parent / "runs"
_TEXTS = 1000
_WARM_SECONDS = 1.0

Mix = Sequence[tuple[str, bool]]
"""Texts, and whether each is a long one."""


def mixes(seed: int = 7) -> dict[str, Mix]:
    """Banking77's test sentences, and the same with 5% of texts of 128 tokens."""
    import random

    draw = random.Random(seed)  # noqa: S311 nothing secret
    texts = examples.load_sources(Path("data/banking77")).test.texts()
    typical = [(text, False) for text in draw.sample(texts, _TEXTS)]
    every = round(1 / LONG_SHARE)
    skewed = [
        (long_message(texts, draw), True) if number % every == 0 else pair
        for number, pair in enumerate(typical)
    ]
    return {"typical": typical, "skewed": skewed}


def bundle() -> Path:
    """Version 2's files as `sluice prepare` makes them."""
    sources = examples.load_sources(Path("data/banking77"))
    recipe = next(recipe for recipe in examples.RECIPES if recipe.name == "full")
    built = examples.build(sources, [recipe], Path(".cache/models"), print)
    return built[recipe].folder


def limit(folder: Path, mix: Mix, seconds: float) -> dict[str, Any]:
    """The graph's own limit, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.predictor.limit", str(folder), str(seconds)]
    texts = "\n".join(text for text, _ in mix)
    done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True)
    speed, executors, threads, rows = done.stdout.split()
    way = {"executors": int(executors), "threads": int(threads), "rows": int(rows)}
    return {"per_second": float(speed), **way}


def measure_closed(
    server: Running, contestant: Contestant, mixes_: dict[str, Mix], seconds: float
) -> dict[str, Any]:
    """Throughput at each number of connections, and processor time and memory at 32."""
    found: dict[str, Any] = {"closed": {}}
    for name, mix in mixes_.items():
        bodies = [contestant.body(text) for text, _ in mix]
        closed_loop(server.url, bodies, 32, _WARM_SECONDS)
        by_connections = found["closed"][name] = {}
        for connections in CONNECTIONS:
            before = server.cpu_s()
            result = closed_loop(server.url, bodies, connections, seconds)
            by_connections[str(connections)] = asdict(result)
            if connections == 32:
                cpu = (server.cpu_s() - before) / max(result.requests, 1)
                by_connections["32"]["cpu_ms"] = cpu * 1000
    found["memory_mb"] = server.memory_mb()
    return found


def measure_open(
    server: Running, contestant: Contestant, rates: dict[str, float], seconds: float, seed: int
) -> dict[str, Any]:
    """Latency and goodput at each load; ``rates`` are the limits of the mixes."""
    found: dict[str, Any] = {}
    for name, mix in mixes().items():
        messages = [Message(contestant.body(text), long) for text, long in mix]
        loads = sorted({*LOADS, 100}) if contestant is OURS else LOADS
        for load in loads:
            rate = rates[name] * load / 100
            result = asdict(open_loop(server.url, messages, rate, seconds, seed))
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
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
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
                    if number < OPEN_ROUNDS:
                        rates = {mix: part["per_second"] for mix, part in limits.items()}
                        found["open"] = measure_open(
                            server, contestant, rates, given.seconds, number
                        )
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
