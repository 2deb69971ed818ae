"""Holding a release where it is: while people, hours or alerts say so, no share grows.

The candidate keeps its share, its lease lives, and it is judged on: one that fails meanwhile is
rolled back. Only the way up is held, never the way back.
"""

import logging
from collections.abc import Iterator

from components.durations import in_words
from components.errors import SluiceError, Unreachable
from components.judge import Verdict
from components.notify.moments import asked
from components.record import Held, Noted, Wait
from components.record import opened as head_of
from components.release import standing, windows
from components.release.capacity import Room
from components.release.context import Release
from components.release.hearing import Hearing
from components.release.lease import HeldLease
from components.release.moved import refuse_moved_since
from components.release.state import ReleaseState
from components.release.watching import Stopwatch, blocks_promotion, keep, poll

log = logging.getLogger("sluice.release")


def until_free(release: Release, held: HeldLease, percent: int) -> bool:
    """Wait until the candidate may be given ``percent`` of the traffic.

    At least one poll is taken of a candidate that is watched beside a champion.

    Returns:
        False if it may not: the judge or a person has ended the release, or nobody approved it in
        time.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: see `components.release.watching.keep`.
    """
    state = release.state()
    watched = state.watched
    if watched:
        refuse_moved_since(release, held, state, percent)
        if blocks_promotion(poll(release)):
            return False
    state = release.state()
    gate = _Gate(release, held, state, percent)
    over = gate.is_over()
    # No step is taken while a version has no predictor, whoever began to wait for it.
    if not over or (gate.is_free and state.covered):
        if not watched:
            gate.wait()
        else:
            gate.watch(state.percent)
    return gate.is_free


class _Gate(Hearing):
    """What stands before one step."""

    def __init__(
        self, release: Release, held: HeldLease, state: ReleaseState, percent: int
    ) -> None:
        super().__init__(release, state)
        self._held, self._state, self._percent = held, state, percent
        self._stopwatch = Stopwatch(state, release.clock)
        self._room = Room(release, state, percent)
        self.is_free = False
        """Nothing stood before the step when it was looked last."""

    def is_over(self) -> bool:
        """Look once: whether the step may be taken, or the release is to end.

        Raises:
            LeaseHeld: the release was taken over.
            Unreachable: the record did not take what was found.
        """
        known = self.hear()
        if self.standing.refused or self._is_late():
            return True
        waits = (*self._waits(), *([] if known else [_UNREAD]))
        if waits != self.standing.waits:
            self._note(waits)
        self.is_free = not waits
        return self.is_free

    def watch(self, percent: int) -> None:
        """Poll at the share in force, and look at each poll, until it is over.

        Whatever else ends the polling leaves the step untaken.
        """

        def over(verdict: Verdict) -> bool:
            self.is_free = False
            return verdict.final or self.is_over()

        while True:
            verdict = keep(self._release, self._held, percent, over)
            if self.is_free or not verdict.final or verdict.decision != "PROMOTE":
                return
            # It had lost its share, was watched anew and passed again: held still, and judged on.
            self._note(self.standing.waits)

    def wait(self) -> None:
        """Look until it is over, where no user has met the candidate: there is nothing to poll."""
        while True:
            self._release.clock.sleep(self._state.endpoint.release.poll)
            try:
                self._held.renew()
                if self.is_over():
                    return
            except Unreachable as error:  # what cannot be renewed for long, the reaper ends
                log.warning("%s", error)

    def _waits(self) -> Iterator[Wait]:
        if self._percent == 100 and self._is_unapproved:
            name = self._state.release_id
            said = (
                f"it waits for approval; 'sluice approve {name}' or 'sluice reject {name}' ends it"
            )
            yield Wait("approval", said)
        if self.standing.paused:
            said = f"{self.standing.paused}; 'sluice resume {self._state.endpoint.name}' ends it"
            yield Wait("pause", said)
        yield from windows.waits(self._release.platform, self._state.endpoint)
        yield from self._room.waits()

    @property
    def _is_unapproved(self) -> bool:
        wanted = self._state.endpoint.release.approval == "required"
        return wanted and not self.standing.approved_by

    def _is_late(self) -> bool:
        """Whether nobody has approved in time; writes it down."""
        since, within = self.standing.asked_at, self._state.endpoint.release.approval_within
        if since is None or not self._is_unapproved or self._stopwatch.read() < since + within:
            return False
        late = Noted(standing.EXPIRED, f"nobody approved it within {in_words(within)}")
        self._release.record.append(late)
        self.standing = standing.after(self.standing, late)
        return True

    def _note(self, waits: tuple[Wait, ...]) -> None:
        """Let everybody see what the step waits for."""
        found = Held(step=self._percent, t=round(self._stopwatch.read(), 3), waits=waits)
        self._release.record.append(found)
        first = self.standing.asked_at is None
        self.standing = standing.after(self.standing, found)
        self._held.renew(waits=self.standing.said)
        if first and self.standing.asked_at is not None:
            self._ask()

    def _ask(self) -> None:
        """Tell people that one of them is to approve; nothing depends on it."""
        release, name = self._release, self._state.release_id
        try:
            moment = asked(head_of(release.record.lines()), release.clock.time())
            release.platform.moments.keep(f"{name}-approval", moment)
        except SluiceError as error:
            log.warning("people are not told that %s waits for approval: %s", name, error)


_UNREAD = Wait("unread", "what people have decided of it cannot be read now")
