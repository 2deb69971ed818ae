"""Long mixed traffic, with clients that misbehave, and what it leaves behind in a predictor.

`python -m benchmarks.predictor.soak` does it for ten minutes at 80% of the graph's own limit.
"""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.predictor.closed import closed_loop
from benchmarks.predictor.contestants import OURS, Setting
from benchmarks.predictor.limit import limiting
from benchmarks.predictor.material import LONG_SHARE, RUNS, bundle, mixes
from benchmarks.predictor.opened import Message, send
from benchmarks.predictor.process import running
from components.load.mix import text_bodies
from tests.support.soak import soak

_BODIES = 2000


def scrape_times(url: str, bodies: Sequence[bytes], seconds: float) -> list[float]:
    """Milliseconds of each scrape of the metrics, while 32 connections saturate the server.

    As Prometheus does, it keeps its connection.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    times: list[float] = []
    busy = threading.Thread(target=closed_loop, args=(url, bodies, 32, seconds + 2))
    busy.start()
    time.sleep(1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(0.1)
    busy.join()
    connection.close()
    return times


def main() -> None:
    """Soak, print what it left behind, and keep it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predictor.soak")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--out", type=Path, help="JSON file; by default in runs/ by the date")
    given = parser.parse_args()
    folder, mix = bundle(), mixes()["skewed"]
    os.environ["SLUICE_BENCH_BUNDLE"] = str(folder.absolute())
    texts = [text for text, _ in mix]
    with limiting(folder) as limit:
        found = limit(texts, 10).per_second
    rate = 0.8 * found
    with running(OURS, Setting(), folder) as server:
        scrapes = scrape_times(server.url, [OURS.body(text) for text in texts], 5)
        plain = [text for text, is_long in mix if not is_long]
        bodies = islice(text_bodies(plain, long_share=LONG_SHARE, seed=1), _BODIES)
        messages = [Message(body, long=False) for body in bodies]
        traffic = send(server.url, messages, rate, given.seconds, seed=1)
        seen, result = asyncio.run(soak(traffic, server.url, server.root.pid, plain))
    first_minute = min(60, len(result.memory) // 2)
    base, later = result.memory[first_minute], max(result.memory[first_minute:])
    shown = {
        "seconds": given.seconds,
        "limit_per_second": found,
        "rate": rate,
        "traffic": asdict(seen),
        "misbehaved": dict(result.misbehaved),
        "memory_after_first_minute_mb": base,
        "memory_highest_later_mb": later,
        "memory_growth": later / base - 1,
        "before": asdict(result.before) if result.before else None,
        "after": asdict(result.after) if result.after else None,
        "scrape_ms": {
            "count": len(scrapes),
            "median": statistics.median(scrapes),
            "highest": max(scrapes),
        },
        "memory": result.memory,
    }
    out = given.out or RUNS / f"{time.strftime('%Y-%m-%d')}-soak.json"
    out.write_text(json.dumps(shown))
    print(json.dumps({key: value for key, value in shown.items() if key != "memory"}, indent=1))


if __name__ == "__main__":
    main()
