"""Users who ask whether or not anybody answers, while a test does something else."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from components import gateway
from components.load.schedule import due_times
from components.load.sender import Outcome, send
from components.platform import Platform
from tests.support.rigs import BODY

_LONGEST_S = 600.0


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
