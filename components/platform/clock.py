"""Time as a part of the platform, so that a release of hours runs in milliseconds in memory."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Clock(Protocol):
    """A clock that can be waited for."""

    def time(self) -> float:
        """Seconds since the epoch: for people and records, never to measure."""

    def monotonic(self) -> float:
        """Seconds of a clock that nobody sets."""

    def sleep(self, seconds: float) -> None:
        """Wait; not at all if ``seconds`` is not positive."""

    def beating(self, every: float, beat: Callable[[], None]) -> AbstractContextManager[None]:
        """Call ``beat`` each ``every`` seconds while the block runs; its errors are its own."""


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(0.0, seconds))

    @contextmanager
    def beating(self, every: float, beat: Callable[[], None]) -> Iterator[None]:
        """Call ``beat`` on a thread of its own."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(every):
                beat()

        thread = threading.Thread(target=run, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
