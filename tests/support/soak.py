"""Clients that misbehave beside those that behave, and what they leave behind in a predictor."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from components.load.mix import text_bodies

Seen = TypeVar("Seen")

_SAMPLE_SECONDS = 1.0


@dataclass
class Soak:
    """What a soak saw of the predictor."""

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
    traffic: Awaitable[Seen], url: str, pid: int, texts: Sequence[str], *, seed: int = 1
) -> tuple[Seen, Soak]:
    """Misbehave towards ``url`` (a V2 infer route) until ``traffic`` has ended.

    Beside the traffic come, each about twice a second: a client that hangs up before its answer,
    one whose body is malformed, one that sends a few bytes at a time, and one that stops in the
    middle.

    Args:
        traffic: sends the requests of clients that behave; its result is handed on.
        url: of the route.
        pid: the predictor's process.
        texts: what is asked.
        seed: of the random choices.
    """
    result = Soak(before=await _left(url, pid))
    over = asyncio.Event()
    others = [
        asyncio.ensure_future(_misbehave(url, texts, result.misbehaved, over, seed)),
        asyncio.ensure_future(_watch_memory(pid, result.memory, over)),
    ]
    seen = await traffic
    over.set()
    await asyncio.gather(*others)
    result.after = await _settle(url, pid, result.before)
    return seen, result


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
