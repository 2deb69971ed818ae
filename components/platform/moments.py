"""What happened and people are to be told of, as an interface."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Moment:
    """Something that happened, as people are told of it."""

    labels: Mapping[str, str]
    """What it is: the same labels are the same moment."""
    annotations: Mapping[str, str]
    """What is said of it: `summary`, `mend`, `runbook_url`."""
    at: float
    """When, in seconds since the epoch."""


class Moments(Protocol):
    """What happened and people are to be told of: kept until whoever tells them has taken it."""

    def keep(self, name: str, moment: Moment) -> None:
        """Keep a moment under a name of its own, to be told later; may be repeated."""

    def kept(self) -> list[str]:
        """The names of what was not told yet."""

    def tell(self) -> list[str]:
        """Tell what is kept; one line for each moment that nobody will ever take, and that is gone.

        Raises:
            Unreachable: who tells people does not answer; what was not told is still kept.
        """

    def post(self, moment: Moment) -> None:
        """Tell of one moment now; nothing is kept.

        Raises:
            Unreachable: who tells people does not answer.
            PlatformError: it refuses the moment.
        """

    def show(self, moment: Moment) -> None:
        """Show a moment beside its endpoint, where the platform has a place; nobody is told.

        Raises:
            Unreachable: the place does not answer.
        """
