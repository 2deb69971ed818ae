"""A server that is away for a moment ends no step.

Every call to the registry waits for its answer. For any other server the step begins anew: what it
has done by then it finds done.
"""

from functools import partial
from typing import Any, cast

from components.platform import ModelRegistry
from components.platform.patience import Patience

_BY_HAND = ("create_run", "download")
"""What may not be repeated as it stands: a run made twice is two, a folder half full is in the way.
Who calls them hands all of it to `Patience.wait_for`."""


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
