"""Waiting for what must come, and saying what did not."""

from collections.abc import Callable
from typing import TypeVar

from components.errors import Late
from components.platform.clock import Clock, SystemClock

_Found = TypeVar("_Found")


def wait_for(
    check: Callable[[], _Found | None],
    timeout: float,
    every: float,
    late: Callable[[], str],
    clock: Clock | None = None,
) -> _Found:
    """Ask ``check`` until it answers something else than None or False; return that answer.

    Args:
        check: asked at least once; what it raises ends the wait.
        timeout: seconds after which the wait is given up.
        every: seconds between two tries.
        late: what the error says when time is up.
        clock: default: the machine's.

    Raises:
        Late: time is up.
    """
    used = clock or SystemClock()
    deadline = used.monotonic() + timeout
    while True:
        found = check()
        if found is not None and found is not False:
            return found
        if used.monotonic() >= deadline:
            raise Late(late())
        used.sleep(every)
