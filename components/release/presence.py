"""Between two polls: is there somebody to answer for each version that has a share?

A gateway answers 503 for a version without a ready predictor, and counts that for no version: the
judge would take it for one that nobody asks. So the other version answers for it until it is ready
again, and the step is watched anew from then on.

A candidate that has no share yet answers for nobody: then a version is only waited for, and no
copies are asked for meanwhile. A predictor of production's that somebody has deleted is made anew.
For the baseline production answers, from then on: the release goes on without it.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from components.errors import PlatformError, Unreachable
from components.platform import Running
from components.record import Covered
from components.release import baseline
from components.release.context import Release
from components.release.lease import HeldLease
from components.release.moved import refuse_moved
from components.release.splitting import put_in_force, put_mirror_in_force, wanted_mirror
from components.release.starting import revive_missing
from components.release.state import ReleaseState

LOOK_S = 3.0
"""Between two looks; one is one request of the platform."""
MOST_LOSSES = 3
"""A candidate that has no ready predictor more often than that is not to be relied on."""


class Presence:
    """Looks after the arms of a step while it is watched.

    Args:
        release: the release.
        held: its lease.
        percent: the step's share; at 0 copies are asked for, or nothing.
    """

    def __init__(self, release: Release, held: HeldLease, percent: int) -> None:
        self._release, self._held, self._percent = release, held, percent
        self._state = release.state()
        self._copies = self._state.mirrored
        self._since = self._looked = release.clock.monotonic()
        self._told: set[str] = set()
        """What kept something from being done."""

    @property
    def covered(self) -> str:
        """The version that is away now; empty: none is."""
        return self._state.covered

    @property
    def has_baseline(self) -> bool:
        """The candidate is still to be compared with a baseline."""
        return bool(self._state.baseline)

    def refuse_moved(self) -> None:
        """Check that users are split as the step, or whoever answers for a version, has set it.

        Raises:
            LeaseHeld: the release was taken over.
            PlatformError: somebody else has moved them.
        """
        if not self._state.covered:
            self._state = refuse_moved(self._release, self._held, self._state, self._percent)

    def pause(self, seconds: float) -> None:
        """Let so much time pass, and look at the predictors every few seconds of it.

        Raises:
            LeaseHeld: the release was taken over.
            PlatformError: the candidate is away too often, or for too long; or a version runs other
                code than it did.
        """
        clock = self._release.clock
        end = clock.monotonic() + seconds
        while (left := end - clock.monotonic()) > 0:
            clock.sleep(min(LOOK_S, left))
            # Polls may follow each other faster than looks.
            if clock.monotonic() - self._looked >= LOOK_S:
                self._look()
                self._looked = clock.monotonic()

    def _look(self) -> None:
        state, serving = self._state, self._release.platform.serving
        try:
            found = serving.running(state.endpoint.name)
        except Unreachable:
            return  # nobody knows: the next look may
        ready = {each.arm for each in found if each.ready}
        other = _other_code(state, found)
        well = {state.champion, state.candidate, self._beside or state.candidate} <= ready
        if not other and not state.covered and well:
            return
        with suppress(Unreachable):  # likewise
            # Who was overtaken writes nothing, and sees what the other one has deleted.
            self._held.renew()
            if other:
                raise _Lost(other)
            self._act(ready)

    def _act(self, ready: set[str]) -> None:
        todo = [partial(self._answer_for_whoever_is_away, ready), partial(self._revive, ready)]
        # Users first, where another version can answer: they wait for nothing that is to be made.
        for each in todo if self._percent else reversed(todo):
            self._try(each)

    def _try(self, do: Callable[[], object]) -> None:
        """Do it; what keeps it from being done is told once, and the next look tries again."""
        try:
            do()
        except (_Lost, Unreachable):
            raise
        except PlatformError as error:
            if str(error) not in self._told:
                self._release.record.note("share_not_moved", str(error))
            self._told.add(str(error))

    def _revive(self, ready: set[str]) -> None:
        if self._state.champion not in ready:
            revive_missing(self._release, self._held.lease)

    def _answer_for_whoever_is_away(self, ready: set[str]) -> None:
        if not self.covered:
            self._cover_whoever_is_away(ready)
            if not self.covered:
                self._look_at_baseline(ready)
        elif self.covered in ready:
            self._look_at_baseline(ready)
            self._give_back()
        else:
            self._wait()

    @property
    def _beside(self) -> str:
        """The baseline, if it has a share at this step."""
        state = self._state
        has = self._percent and state.baseline and state.baseline in state.split(self._percent)
        return str(state.baseline) if has else ""

    def _look_at_baseline(self, ready: set[str]) -> None:
        arm = self._beside
        if arm and arm not in ready and (why := baseline.unready(self._release, self._state)):
            self.give_up_baseline(why)

    def give_up_baseline(self, why: str) -> None:
        """Let production have the baseline's share, and go on without it.

        Raises:
            LeaseHeld: the release was taken over.
            PlatformError: the gateway did not take the split, or the record did not.
        """
        if not self._state.covered:
            self._move(self._state.split_without_baseline(self._percent))
        baseline.end(self._release, self._state, why)
        self._fresh()

    def _cover_whoever_is_away(self, ready: set[str]) -> None:
        state = self._state
        for arm, other in (
            (state.candidate, state.champion),
            (str(state.champion), state.candidate),
        ):
            if arm in ready or other not in ready:
                continue
            # A second opinion: what is in force is not changed on one word.
            said = self._release.platform.serving.readiness(state.endpoint.name, arm)
            if said.state != "ready":
                self._cover(arm, said.why)

    def _cover(self, arm: str, why: str) -> None:
        if arm == self._state.candidate and self._state.losses >= MOST_LOSSES:
            raise _Lost(
                f"version {arm} had no ready predictor for the {MOST_LOSSES + 1}th time: {why}"
            )
        self._release.record.append(Covered(arm, why))
        self._since = self._release.clock.monotonic()
        self._fresh()
        self._spare()
        self._held.renew(waits=self._state.waits)

    def _give_back(self) -> None:
        state = self._state
        if self._percent:
            self._move(state.split(self._percent))
        elif self._copies and not state.mirrored:
            mirror, ratio = wanted_mirror(state), state.shadow_ratio
            put_mirror_in_force(self._release, state, self._held, mirror, ratio)
        self._release.record.append(Covered("", f"version {state.covered} is ready again"))
        self._held.renew(waits=self._fresh().waits)

    def _wait(self) -> None:
        """A candidate may be without one for as long as it takes to start; a champion for ever."""
        state = self._state
        away_s = self._release.clock.monotonic() - self._since
        if state.covered == state.candidate and away_s > state.endpoint.serving.starts:
            said = self._release.platform.serving.readiness(state.endpoint.name, state.covered)
            raise _Lost(
                f"version {state.covered} had no ready predictor for {away_s:.0f} s: {said.why}"
            )
        self._spare()  # if that could not be done before

    def _spare(self) -> None:
        """Let nobody ask the version that is away."""
        state = self._state
        if self._percent:
            self._move(state.cover)
        elif state.mirrored:
            put_in_force(self._release, state, self._held, state.way_back)
            self._fresh()

    def _move(self, weights: dict[str, int]) -> None:
        asked = self._release.platform.traffic.weights(self._state.endpoint.name)
        if asked != weights or self._state.weights != weights:
            # The next look tries again; until then polls go on.
            put_in_force(self._release, self._state, self._held, weights, patient=False)
            self._fresh()

    def _fresh(self) -> ReleaseState:
        self._state = self._release.state()
        return self._state


class _Lost(PlatformError):
    """There is no use in waiting for the candidate."""


def _other_code(state: ReleaseState, found: list[Running]) -> str:
    """Which arm runs other code than when it was deployed; empty if none does."""
    for each in found:
        known = state.codes.get(each.arm, ())
        if known and each.code and each.code not in known:
            return (
                f"version {each.arm} runs another image ({each.code[:19]}) than when it was"
                f" deployed ({known[0][:19]}), so what is counted of it is of two programs: its tag"
                " was pushed again: name images by digest, and release again"
            )
    return ""
