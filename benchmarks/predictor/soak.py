"""Long mixed traffic, with clients that misbehave, and what it leaves behind in a predictor.

`python -m benchmarks.predictor.soak` does it for ten minutes at 80% of the graph's own limit.
"""

import argparse
import asyncio
import http.client
import json
import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.predictor.closed import closed_loop
from benchmarks.predictor.contestants import OURS, Setting
from benchmarks.predictor.limit import limiting
from benchmarks.predictor.material import LONG_SHARE, RUNS, bundle, mixes
from benchmarks.predictor.opened import Message, Opened, send
from benchmarks.predictor.process import running
from components.load.mix import text_bodies

_SAMPLE_SECONDS = 1.0
_BODIES = 2000


@dataclass
class Soak:
    """What a soak saw."""

    traffic: Opened | None = None
    """What became of the requests of clients that behave."""
    misbehaved: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    """Resident megabytes, once a second."""
    before: "Left | None" = None
    after: "Left | None" = None


@dataclass(frozen=True)
class Left:
    """What a process holds."""

    threads: int
    sockets: int
    gauges: dict[str, float]


async def soak(
    url: str, pid: int, texts: Sequence[str], *, rate: float, seconds: float, seed: int = 1
) -> Soak:
    """Send open-loop traffic to ``url`` (a V2 infer route) while others misbehave.

    Beside ``rate`` requests per second come, each about twice a second: a client that hangs up
    before its answer, one whose body is malformed, one that sends a byte at a time, and one that
    stops in the middle.

    Args:
        url: of the route.
        pid: the predictor's process.
        texts: what is asked.
        rate: requests per second of the clients that behave.
        seconds: how long.
        seed: of the random choices.
    """
    result = Soak(before=await _left(url, pid))
    over = asyncio.Event()
    others = [
        asyncio.ensure_future(_misbehave(url, texts, result.misbehaved, over, seed)),
        asyncio.ensure_future(_watch_memory(pid, result.memory, over)),
    ]
    bodies = islice(text_bodies(texts, long_share=LONG_SHARE, seed=seed), _BODIES)
    messages = [Message(body, long=False) for body in bodies]
    result.traffic = await send(url, messages, rate, seconds, seed)
    over.set()
    await asyncio.gather(*others)
    result.after = await _settle(url, pid, result.before)
    return result


async def _misbehave(
    url: str, texts: Sequence[str], done: Counter[str], over: asyncio.Event, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 nothing secret
    bodies = text_bodies(texts, long_share=0.5, seed=seed)
    running: set[asyncio.Task[None]] = set()
    while not over.is_set():
        await asyncio.sleep(draw.expovariate(8))
        kind = draw.choice(("hang up", "malformed", "slow", "stops"))
        task = asyncio.ensure_future(_client(url, kind, next(bodies), draw))
        task.add_done_callback(running.discard)
        running.add(task)
        done[kind] += 1
    await asyncio.gather(*running)


async def _client(url: str, kind: str, body: bytes, draw: random.Random) -> None:
    host, path = url.removeprefix("http://").split("/", 1)
    name, port = host.split(":")
    if kind == "malformed":
        place = draw.randrange(len(body))
        body = body[:place] + bytes([draw.randrange(256)]) + body[place:]
    head = (
        f"POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    raw = head.encode() + body
    try:
        reader, writer = await asyncio.open_connection(name, int(port))
        if kind == "slow":
            for start in range(0, len(raw), 64):
                writer.write(raw[start : start + 64])
                await asyncio.sleep(0.05)
        else:
            writer.write(raw[: len(raw) // 2] if kind == "stops" else raw)
        await writer.drain()
        if kind in ("malformed", "slow"):
            await asyncio.wait_for(reader.read(1), 30)
        else:
            await asyncio.sleep(draw.uniform(0, 0.2))
        writer.close()
        await writer.wait_closed()
    except (OSError, TimeoutError):
        pass  # to be cut off is what such a client must expect


async def _watch_memory(pid: int, memory: list[float], over: asyncio.Event) -> None:
    while not over.is_set():
        memory.append(_resident(pid))
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _settle(url: str, pid: int, before: Left | None) -> Left:
    """What is left once the last connection had time to close."""
    until = time.monotonic() + 15
    while True:
        left = await _left(url, pid)
        idle = before is None or (left.threads <= before.threads and left.sockets <= before.sockets)
        if (idle and not any(left.gauges.values())) or time.monotonic() > until:
            return left
        await asyncio.sleep(0.2)


async def _left(url: str, pid: int) -> Left:
    import aiohttp

    base = url.split("/v2/", maxsplit=1)[0]
    async with aiohttp.ClientSession() as session, session.get(f"{base}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    wanted = ("inference_in_flight", "inference_queue_depth", "inference_queue_tokens")
    gauges = {
        line.split("{")[0]: float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.startswith(wanted)
    }
    descriptors = Path(f"/proc/{pid}/fd")
    sockets = sum(_is_socket(path) for path in descriptors.iterdir())
    return Left(len(list(Path(f"/proc/{pid}/task").iterdir())), sockets, gauges)


def _is_socket(path: Path) -> bool:
    try:
        return str(path.readlink()).startswith("socket:")
    except OSError:
        return False  # closed since


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


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
        result = asyncio.run(
            soak(server.url, server.root.pid, plain, rate=rate, seconds=given.seconds)
        )
    first_minute = min(60, len(result.memory) // 2)
    base, later = result.memory[first_minute], max(result.memory[first_minute:])
    shown = {
        "seconds": given.seconds,
        "limit_per_second": found,
        "rate": rate,
        "traffic": asdict(result.traffic) if result.traffic else None,
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
