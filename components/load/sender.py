"""Send requests when they are due and note what came back."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from components import gateway

NO_ANSWER = 0
"""Status of a request that was not answered: connection failed, cut off, timed out, or unsent."""

LATE_MS = 10.0
"""A request that leaves this much after it was due is counted as late."""

MAX_IN_FLIGHT = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request."""

    due: float
    """Seconds since the epoch."""
    late_ms: float
    """How much later it left, because this process was busy."""
    ms: float
    """From when it was due to the end of the answer: waiting to be sent counts."""
    status: int
    version: str | None
    """The model version that answered, as the gateway names it."""
    error: str | None = None


async def send(
    url: str,
    headers: Mapping[str, str],
    due_times: Iterable[float],
    bodies: Iterator[bytes],
    on_outcome: Callable[[Outcome], None],
    *,
    timeout: float = 10.0,
    stop: asyncio.Event | None = None,
) -> None:
    """POST one body at each due time to ``url``; return when all are answered.

    An open loop: a slow server does not slow the arrivals down. More than `MAX_IN_FLIGHT`
    requests are never open; those beyond it are noted as unsent.

    Args:
        url: where to.
        headers: of each request.
        due_times: seconds from now, rising.
        bodies: JSON, taken in turn.
        on_outcome: told of each request, in the order of the answers.
        timeout: seconds for one request.
        stop: when set, nothing more is sent; what was sent is still waited for.
    """
    import aiohttp

    headers = {"content-type": "application/json", **headers}
    limits = aiohttp.ClientTimeout(total=timeout)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
    began, began_epoch = time.perf_counter(), time.time()
    tasks: set[asyncio.Task[None]] = set()

    async with aiohttp.ClientSession(
        connector=connector, timeout=limits, headers=headers, auto_decompress=False
    ) as session:

        async def ask(due: float, body: bytes) -> None:
            late_ms = (time.perf_counter() - began - due) * 1000
            status, version, error = NO_ANSWER, None, None
            try:
                async with session.post(url, data=body) as answer:
                    await answer.read()
                    status = answer.status
                    version = answer.headers.get(gateway.VERSION_HEADER)
            except (aiohttp.ClientError, TimeoutError, OSError) as failure:
                error = type(failure).__name__
            ms = (time.perf_counter() - began - due) * 1000
            on_outcome(Outcome(began_epoch + due, late_ms, ms, status, version, error))

        for due in due_times:
            wait = due - (time.perf_counter() - began)
            if wait > 0:
                await asyncio.sleep(wait)
            if stop and stop.is_set():
                break
            body = next(bodies)
            if len(tasks) >= MAX_IN_FLIGHT:
                on_outcome(Outcome(began_epoch + due, 0.0, 0.0, NO_ANSWER, None, "unsent"))
                await asyncio.sleep(0)
                continue
            task = asyncio.create_task(ask(due, body))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
