"""Who may change an endpoint's traffic: the part of the contract that is about leases."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from components.platform.traffic import RouteLimits


@dataclass(frozen=True)
class Lease:
    """Who may change an endpoint's traffic, for how long after each renewal, and the way back.

    It holds no time of day: whoever waits for its end has seen the same `token` for `seconds` of
    its own monotonic clock, so a clock that is set hurts nobody.
    """

    endpoint: str
    release_id: str
    holder: str
    seconds: float
    """How long the holder may be silent."""
    restore: Mapping[str, int]
    """The split to put in force when the holder is gone; empty: the endpoint has no route."""
    renewals: int = 0
    returned: str = ""
    """Why `restore` was put in force by who took the lease over; the record is still to say so."""
    reason: str = ""
    """Why an operator ended the release; the record is to end with it."""
    waits: str = ""
    """What keeps the release from its next step, for people; empty: nothing."""
    limits: RouteLimits | None = None
    """What the way back's route is held to, where somebody has deleted it; None: as an earlier
    Sluice wrote the lease."""
    token: str = ""
    """The compare-and-swap handle. The store gives a new one with every change, and never one that
    it gave before, even after the lease is gone: a stale holder can match no later lease."""


class Leases(Protocol):
    """One lease per endpoint, changed by compare-and-swap only."""

    def read(self, endpoint: str) -> Lease | None:
        """The lease, living or silent, or None.

        Raises:
            InputError: it is damaged.
        """

    def swap(self, endpoint: str, expected: str | None, new: Lease | None) -> str | None:
        """Replace the lease if its token is still ``expected`` (None: no lease).

        Returns:
            The token of what is stored now (``new.token`` is ignored), or None if another process
            was faster and nothing was changed.
        """

    def endpoints(self) -> list[str]:
        """The endpoints that have a lease; one that is damaged is among them."""

    def age(self, endpoint: str) -> float | None:
        """Seconds since the lease changed last, by the store's own clock alone.

        For whoever has only begun to watch it. None: the store does not tell, or there is none.

        Raises:
            Unreachable: the store did not answer.
        """

    def make_room(self) -> bool:
        """Give up the disk space that is kept for giving traffic back; False: none was kept."""
