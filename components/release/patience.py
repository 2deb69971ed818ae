"""A server that is away for a moment ends no step.

Every call to the registry waits for its answer. For any other server the step begins anew: what it
has done by then it finds done.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from components.errors import Unreachable
from components.platform import Clock, ModelRegistry

log = logging.getLogger("sluice.release")

PATIENCE_S = 60.0
"""How long a step waits for who is away, in all; a promotion that cannot reach the registry then
gives production its traffic back."""
_RETRY_S = 1.0
_LONGEST_CALL_S = 30.0
"""No server's answer is waited for longer: what a step did before its last call is no waiting."""

_BY_HAND = ("create_run", "download")
"""What may not be repeated as it stands: a run made twice is two, a folder half full is in the way.
Who calls them hands all of it to `Patience.wait_for`."""

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


class _Patient:
    def __init__(self, registry: ModelRegistry, patience: Patience) -> None:
        self._registry, self._patience = registry, patience

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._registry, name)
        if not callable(found) or name in _BY_HAND:
            return found
        return lambda *args, **kwargs: self._patience.wait_for(partial(found, *args, **kwargs))


def patient(registry: ModelRegistry, patience: Patience) -> ModelRegistry:
    """``registry`` with every call waited for that may be repeated."""
    return cast(ModelRegistry, _Patient(registry, patience))
