"""What a server puts off is asked again, when the server says."""

import time
from collections.abc import Callable

import httpx

TRIES = 3
LONGEST_PAUSE_S = 5.0


def answered(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The first answer that is no 429, or the last of `TRIES`.

    Args:
        ask: asks once.
    """
    for _ in range(TRIES - 1):
        answer = ask()
        # Not begun, by the server's own word: so writes may be repeated, too.
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return answer
        time.sleep(min(_seconds(answer), LONGEST_PAUSE_S))
    return ask()


def _seconds(answer: httpx.Response) -> float:
    after = answer.headers.get("retry-after", "")
    return float(after) if after.isdecimal() else 1.0
