"""A registry that is away for a moment ends no step: every call to it waits for its answer."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from components.errors import Unreachable
from components.platform import Clock, ModelRegistry

log = logging.getLogger("sluice.release")

REGISTRY_TIMEOUT_S = 60.0
"""How long a step waits for the registry; a promotion then gives production its traffic back."""
REGISTRY_RETRY_S = 1.0

_BY_HAND = ("create_run", "download")
"""What may not be repeated as it stands: a run made twice is two, a folder half full is in the way.
Who calls them hands all of it to `Patience.wait_for`."""

_R = TypeVar("_R")


class Patience:
    """Tries again while the registry is away, for so many seconds in all."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._left = seconds

    def wait_for(self, call: Callable[[], _R]) -> _R:
        """What ``call`` returns; it may be repeated.

        Raises:
            Unreachable: the registry stays away.
        """
        while True:
            began = self._clock.monotonic()
            try:
                return call()
            except Unreachable as error:
                if self._left <= 0:
                    raise
                log.warning("%s: tried again for %.0f s", error, self._left)
            self._clock.sleep(REGISTRY_RETRY_S)
            self._left -= self._clock.monotonic() - began


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
