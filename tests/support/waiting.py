"""Waiting for what must come."""

import time
from collections.abc import Callable

LONGEST_PAUSE_S = 0.05
"""Between two looks: at what costs a read of a whole record, twenty times a second is enough."""


def wait_until(
    condition: Callable[[], bool], seconds: float = 60.0, what: str = "the condition"
) -> None:
    """Ask ``condition`` until it holds; the deadline only bounds a failure.

    Raises:
        AssertionError: it did not hold within ``seconds``; the message says ``what``.
    """
    deadline, pause = time.monotonic() + seconds, 0.01
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE_S)
