"""Telling what the gateway refused by itself from what a version failed at."""

from components.metrics import Reading
from components.release.context import Release

OVERFLOW = "gateway_overflow"
"""Event of requests that no version saw: the gateway had too many under way."""


class Overflow:
    """What the gateway has refused by itself so far, and of whom that was told."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self._told: set[str] = set()

    def tell(self, release: Release, reading: Reading) -> None:
        """Note an arm once, when more of its requests were refused than at the first reading."""
        for arm, count in reading.overflowed.items():
            more = count - self._before.setdefault(arm, count)
            if more > 0 and arm not in self._told:
                self._told.add(arm)
                release.record.note(
                    OVERFLOW,
                    f"{arm}: the gateway itself refused {more:.0f} requests, as too many were under"
                    " way at once (pending_overflow): they count as failed, and it never saw them",
                )
