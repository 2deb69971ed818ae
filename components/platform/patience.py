"""A server that is away for a moment ends nothing: whoever asked it tries again for a while."""

import logging
from collections.abc import Callable
from typing import TypeVar

from components.errors import Unreachable
from components.platform.clock import Clock

log = logging.getLogger("sluice.platform")

PATIENCE_S = 60.0
"""How long a step, or who fetches a predictor's files, waits for who is away, in all; a promotion
that cannot reach the registry then gives production its traffic back."""
_RETRY_S = 1.0
_LONGEST_CALL_S = 30.0
"""No server's answer is waited for longer: what a step did before its last call is no waiting."""

_R = TypeVar("_R")


class Patience:
    """Tries again while somebody is away, for so many seconds in all."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._left = seconds

    def wait_for(self, call: Callable[[], _R]) -> _R:
        """What ``call`` returns; it may be repeated.

        Raises:
            Unreachable: who is away stays away.
        """
        said = ""
        while True:
            began = self._clock.monotonic()
            try:
                return call()
            except Unreachable as error:
                if self._left <= 0:
                    raise
                if str(error) != said:
                    said = str(error)
                    log.warning("%s: tried again for %.0f s", said, self._left)
            self._left -= min(self._clock.monotonic() - began, _LONGEST_CALL_S) + _RETRY_S
            self._clock.sleep(_RETRY_S)
