"""The predictor beside its peers, on one graph: `python -m benchmarks.predictor` (over an hour).

All servers stand side by side and are asked in turn, for a second or two each, and the graph's own
limit between them: machines get faster and slower within minutes, so only what was measured close
together is compared. A server is asked when the one before it has nothing left to do, and one that
takes the processor without being asked is stopped meanwhile.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.predictor.closed import closed_loop
from benchmarks.predictor.contestants import CONTESTANTS, OURS, Contestant, Setting
from benchmarks.predictor.limit import Limit, limiting
from benchmarks.predictor.material import RUNS, Mix, bundle, mixes
from benchmarks.predictor.opened import Message, open_loop
from benchmarks.predictor.process import PORT, Running, running

CLOSED = (
    ("typical", 32, 1),
    ("typical", 1, 2),
    ("typical", 8, 4),
    ("typical", 128, 4),
    ("skewed", 32, 4),
)
"""Mix and connections of each closed loop, measured in one of so many rounds."""
LOADS = (50, 80, 120)
"""Percent of the limit, of the open loops."""
_PORTS_EACH = 10
_WARM_SECONDS = 1.0
_STARTS = 3
"""Some servers do not always start."""
_BROKEN = (RuntimeError, OSError, subprocess.SubprocessError)

Limits = Callable[[str], Limit]
"""Measures the graph's own limit over a mix."""


class Stand:
    """One contestant and its server; one that breaks is started again."""

    def __init__(self, contestant: Contestant, setting: Setting, folder: Path, port: int) -> None:
        self.contestant = contestant
        self._start = partial(running, contestant, setting, folder, port)
        self._stack = ExitStack()
        self.server = self._begin()

    @contextmanager
    def asked(self, found: dict[str, Any]) -> Iterator[Running]:
        """The server, warm, to be asked; afterwards it is idle.

        An error ends only what was being asked, and is noted in ``found``.
        """
        try:
            self.server.resume()
            self._warm(self.server)
            yield self.server
            self.server.settle()
            self.server.pause()
        except _BROKEN as error:
            found.setdefault("errors", []).append(str(error))
            print(f"  {self.contestant.name}: {error}", flush=True)
            self._stack.close()
            self.server = self._begin()

    def stop(self) -> None:
        """End the server."""
        self.server.resume()
        self._stack.close()

    def _begin(self) -> Running:
        for _ in range(_STARTS - 1):
            try:
                return self._begin_once()
            except _BROKEN as error:
                print(f"  {self.contestant.name}: {error}", flush=True)
                self._stack.close()
        return self._begin_once()

    def _begin_once(self) -> Running:
        server = self._stack.enter_context(self._start())
        self._warm(server)
        # Workers beside the first may still be starting.
        server = replace(server, background=min(server.load(1.0) for _ in range(3)))
        server.pause()
        return server

    def _warm(self, server: Running) -> None:
        """Systems take memory back from what stands idle."""
        closed_loop(server.url, [self.contestant.body("where is my card?")], 32, _WARM_SECONDS)


def closed_round(
    stands: Sequence[Stand], texts: dict[str, Mix], limits: Limits, seconds: float, number: int
) -> dict[str, Any]:
    """Throughput of each at each number of connections, with the limit just before."""
    found: dict[str, Any] = {stand.contestant.name: {"closed": {}} for stand in stands}
    for mix, connections, every in CLOSED:
        for stand in stands if number % every == 0 else ():
            own = found[stand.contestant.name]
            bodies = [stand.contestant.body(text) for text, _ in texts[mix]]
            limit = limits(mix) if connections == 32 else None
            with stand.asked(own) as server:
                before = server.cpu()
                part = asdict(closed_loop(server.url, bodies, connections, seconds))
                after = server.cpu()
                part["cpu_ms"] = (after.every - before.every) / part["requests"] * 1000
                part["main_cpu_ms"] = (after.main - before.main) / part["requests"] * 1000
                part["limit"] = limit and asdict(limit)
                own["closed"].setdefault(mix, {})[str(connections)] = part
    for stand in stands:
        with stand.asked(found[stand.contestant.name]) as server:
            own = found[stand.contestant.name]
            own["memory_mb"], own["ready_s"] = server.memory_mb(), server.ready_s
    return found


def open_round(
    stands: Sequence[Stand], texts: dict[str, Mix], limits: Limits, seconds: float, seed: int
) -> dict[str, Any]:
    """Latency and goodput of each at each load, a share of the limit measured just before."""
    found: dict[str, Any] = {stand.contestant.name: {"open": {}} for stand in stands}
    for mix, load in product(texts, sorted({*LOADS, 100})):
        for stand in stands:
            if load not in LOADS and stand.contestant is not OURS:
                continue
            own = found[stand.contestant.name]
            messages = [Message(stand.contestant.body(t), is_long) for t, is_long in texts[mix]]
            rate = limits(mix).per_second * load / 100
            with stand.asked(own) as server:
                result = open_loop(server.url, messages, rate, seconds, seed)
                own["open"].setdefault(mix, {})[str(load)] = asdict(result)
    return found


def try_settings(
    contestant: Contestant, folder: Path, mix: Mix, seconds: float
) -> list[dict[str, Any]]:
    """What each setting gave at 32 connections."""
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
    return tried


def fastest(tried: Sequence[dict[str, Any]]) -> Setting | None:
    """The fastest of the settings that gave right answers."""
    right = [entry for entry in tried if entry.get("per_second") and not entry["failed"]]
    if not right:
        return None
    return Setting(**max(right, key=lambda e: e["per_second"])["setting"])


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


def installed(names: Sequence[str] | None) -> list[Contestant]:
    """The contestants called ``names`` (all without any) that can be installed here."""
    able = []
    for contestant in CONTESTANTS:
        if names and contestant.name not in names:
            continue
        try:
            contestant.install()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{contestant.name}: cannot be installed here: {error}", flush=True)
        else:
            able.append(contestant)
    return able


@contextmanager
def standing(settings: Sequence[tuple[Contestant, Setting]], folder: Path) -> Iterator[list[Stand]]:
    """All servers side by side; none is left afterwards."""
    with ExitStack() as stack:
        stands = []
        for number, (contestant, setting) in enumerate(settings):
            stand = Stand(contestant, setting, folder, PORT + _PORTS_EACH * number)
            stack.callback(stand.stop)
            stands.append(stand)
        yield stands


def main() -> None:
    """Measure and write the raw figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predictor", description=__doc__)
    parser.add_argument("--rounds", type=int, default=24, help="of closed loops")
    parser.add_argument("--seconds", type=float, default=1, help="of each closed loop")
    parser.add_argument("--open-rounds", type=int, default=3, help="of open loops")
    parser.add_argument("--open-seconds", type=float, default=6, help="of each open loop")
    parser.add_argument("--only", action="append", help="contestant's name; may be repeated")
    parser.add_argument("--out", type=Path, help="JSON file; by default in runs/ by the date")
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was cut off, with its seconds"
    )
    given = parser.parse_args()
    # So that no server is left when the benchmark is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    folder, texts = bundle(), mixes()
    os.environ["SLUICE_BENCH_BUNDLE"] = str(folder.absolute())
    today = time.strftime("%Y-%m-%d")
    out = given.out or RUNS / f"{today}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    run: dict[str, Any] = {
        "date": today,
        "machine": machine(),
        "seconds": given.seconds,
        "open_seconds": given.open_seconds,
        "settings": {},
        "tried": {},
        "background": {},
        "rounds": [],
        "open_rounds": [],
    }
    if given.resume:
        run |= json.loads(out.read_text())
    seconds, open_seconds = run["seconds"], run["open_seconds"]
    print("each peer's settings, requests/s at 32 connections:", flush=True)
    settings: list[tuple[Contestant, Setting]] = []
    for contestant in installed(given.only):
        if contestant.name not in run["tried"]:
            tried = try_settings(contestant, folder, texts["typical"], 2 * seconds)
            run["tried"][contestant.name] = tried
        if setting := fastest(run["tried"][contestant.name]):
            settings.append((contestant, setting))
            run["settings"][contestant.name] = str(setting)
        out.write_text(json.dumps(run, indent=1))

    with limiting(folder) as limit, standing(settings, folder) as stands:
        only = {name: [text for text, _ in mix] for name, mix in texts.items()}

        def limits(mix: str) -> Limit:
            return limit(only[mix], seconds)

        for stand in stands:
            run["background"][stand.contestant.name] = stand.server.background
        for number in range(len(run["rounds"]), given.rounds):
            turned = stands[number % len(stands) :] + stands[: number % len(stands)]
            found = closed_round(turned, texts, limits, seconds, number)
            run["rounds"].append(found)
            out.write_text(json.dumps(run, indent=1))
            print(f"round {number + 1}", flush=True)
            for stand in stands:
                part = found[stand.contestant.name]["closed"].get("typical", {}).get("32")
                if part:
                    share = part["per_second"] / part["limit"]["per_second"]
                    name, speed = stand.contestant.name, part["per_second"]
                    print(f"  {name:24} {speed:7.0f}/s  {share:.2f} of the limit", flush=True)
        for number in range(len(run["open_rounds"]), given.open_rounds):
            run["open_rounds"].append(open_round(stands, texts, limits, open_seconds, seed=number))
            out.write_text(json.dumps(run, indent=1))
            print(f"open round {number + 1}", flush=True)
    print(f"{out}: written; python -m benchmarks.predictor.report {out} makes docs/performance.md")


if __name__ == "__main__":
    main()
