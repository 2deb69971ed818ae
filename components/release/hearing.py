"""Hearing what people decide of a release, and writing it down where everybody reads it."""

import logging

from components.errors import SluiceError
from components.platform import Decision
from components.record import Decided
from components.release import standing
from components.release.context import Release
from components.release.state import ReleaseState

log = logging.getLogger("sluice.release")

SCHEMA = 4
"""Of the first records that can hold a decision."""


class Hearing:
    """What people have decided of a release, as far as its record has it."""

    def __init__(self, release: Release, state: ReleaseState) -> None:
        self._release = release
        self._can_hold = state.schema >= SCHEMA
        self.standing = state.standing

    def hear(self) -> bool:
        """Write down what was decided since; False while nobody knows.

        Raises:
            Unreachable: the record did not take it.
        """
        if not self._can_hold:
            return True
        try:
            found = self._release.platform.decisions.read(self._release.record.release_id)
        except SluiceError as error:
            log.warning("what people have decided cannot be read: %s", error)
            return False
        if news := [line(each) for each in found if each.number not in self.standing.heard]:
            self._release.record.append(*news)
            for each in news:
                self.standing = standing.after(self.standing, each)
        return True


def line(decision: Decision) -> Decided:
    """The record's line of a decision."""
    return Decided(
        number=decision.number,
        says=decision.says,
        by=decision.by,
        decided_at=decision.at,
        reason=decision.reason,
    )
