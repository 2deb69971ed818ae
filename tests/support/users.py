"""Users who ask whether or not anybody answers, while a test does something else."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from components import gateway
from components.load.schedule import due_times
from components.load.sender import NO_ANSWER, Outcome, send
from components.platform import Platform
from tests.support.rigs import BODY

_LONGEST_S = 600.0
_ANSWERED_S = 180.0
"""Within which a version that sleeps has answered, too."""


@contextmanager
def asking(platform: Platform, endpoint: str, key: str, rps: float) -> Iterator[list[Outcome]]:
    """Requests by an open loop while the block runs; after it each has its outcome."""
    url = f"{platform.gateway.url}/v2/models/{endpoint}/infer"
    outcomes: list[Outcome] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    due = due_times(rps, _LONGEST_S, "constant", seed=0)
    sending = send(
        url,
        {gateway.KEY_HEADER: key},
        due,
        itertools.repeat(BODY),
        outcomes.append,
        stop=stop,
    )
    thread = threading.Thread(target=loop.run_until_complete, args=(sending,))
    thread.start()
    try:
        yield outcomes
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def crowding(platform: Platform, endpoint: str, key: str, clients: int) -> Iterator[list[int]]:
    """So many clients, each of which asks again as soon as it is answered; the statuses they got.

    However slow a version is, no more than these are under way: none is refused for a full queue.
    """
    url = f"{platform.gateway.url}/v2/models/{endpoint}/infer"
    headers = {gateway.KEY_HEADER: key, "content-type": "application/json"}
    over = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(headers=headers, trust_env=False, timeout=_ANSWERED_S) as client:
            while not over.is_set():
                try:
                    statuses.append(client.post(url, content=BODY).status_code)
                except httpx.HTTPError:
                    statuses.append(NO_ANSWER)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for each in threads:
        each.start()
    try:
        yield statuses
    finally:
        over.set()
        for each in threads:
            each.join()
