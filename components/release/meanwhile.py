"""What people do while a release is under way: its file is edited, its candidate withdrawn."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from components.errors import InputError, SluiceError
from components.release.context import Release
from components.release.marking import withdrawn
from components.release.state import ReleaseState

CHANGED = "endpoint_changed"
"""Event of a file that says something else than when the release began."""
WITHDRAWN = "withdrawn"
"""Event of a candidate that lost the alias by which it was wanted."""
EVERY_S = 30.0
"""How often is looked, at most: each time asks the registry and the platform once."""


class Meanwhile:
    """Looks at what people have changed since the release began, and writes it down once."""

    def __init__(self, release: Release, state: ReleaseState) -> None:
        self._release, self._state = release, state
        self._told = ""
        self._looked = -math.inf

    def withdrawn(self) -> bool:
        """Whether the candidate is wanted no more; looks each half minute at most."""
        now = self._release.clock.monotonic()
        if now - self._looked < EVERY_S:
            return False
        self._looked = now
        return self.look()

    def look(self) -> bool:
        """The same, now. Whoever cannot be asked has changed nothing."""
        with suppress(SluiceError):
            self._tell_of_the_file()
        said = ""
        with suppress(SluiceError):
            said = withdrawn(self._release.platform.registry, self._state)
        if said and not self._release.state().withdrawn:
            self._release.record.note(WITHDRAWN, said)
        return bool(said)

    def _tell_of_the_file(self) -> None:
        state = self._state
        try:
            found = self._release.platform.endpoints.load(state.endpoint.name)
        except InputError as error:
            said = f"its file is gone or wrong: {error}"
        else:
            before, now = (each.model_dump(mode="json") for each in (state.endpoint, found))
            said = ", ".join(_changed(before, now))
        if said and said != self._told:
            goes_on = "this release keeps the file that it began with, the next one takes the new"
            self._release.record.note(CHANGED, f"{said}: {goes_on}")
        self._told = said


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """The keys whose values differ, with the keys above them."""
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changed(old, new, f"{within}{key}.")
        elif old != new:
            yield f"{within}{key}"
