"""What people decide of a release that is under way: the part of the contract about them."""

from dataclasses import dataclass
from typing import Literal, Protocol

Says = Literal["approve", "reject", "pause", "resume"]


@dataclass(frozen=True)
class Decision:
    """What one person has decided of a release."""

    release_id: str
    number: int
    """From 1, in the order in which they were made."""
    says: Says
    by: str
    """Who: as the platform knows the caller, never as somebody calls himself."""
    at: float
    """When, in seconds since the epoch, by the clock of whoever keeps it."""
    reason: str = ""


class Decisions(Protocol):
    """Decisions of people, which nobody can change or make in another one's name.

    A decision's number is the compare-and-swap: the store takes a number of a release once.
    """

    def read(self, release_id: str) -> list[Decision]:
        """The decisions of a release, in their order.

        Raises:
            Unreachable: the store did not answer.
            InputError: one is damaged.
        """

    def add(self, release_id: str, number: int, says: Says, reason: str) -> Decision | None:
        """Keep a decision of whoever calls, if the release has none of that number.

        Returns:
            It, with whom the platform takes the caller for; None if somebody was faster.

        Raises:
            PlatformError: the caller may not decide that.
            Unreachable: the store did not answer; the decision may stand or not.
        """

    def clear(self, release_id: str) -> None:
        """Remove what was decided of a release that is over: its record has it.

        Raises:
            Unreachable: the store did not answer.
        """
