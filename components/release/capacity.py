"""Enough predictors for every split that a release may ask for, the way back above all.

While its lease lives, production keeps as many predictors as all of the traffic needs: an
autoscaler would take away what its smaller share leaves idle, and the way back would meet too few.
The candidate gets as many for its share as production has for its own, so that each is asked as
much; no step is taken before those are ready that its share cannot do without.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress

from components.durations import in_words
from components.errors import PlatformError, SluiceError, Unreachable
from components.platform import Replicas, wait_for
from components.record import Count, Scaled, Wait
from components.release.context import Release
from components.release.state import ReleaseState

SCHEMA = 5
"""Of the first records that can hold how many predictors there are."""
REFUSED_S = 10.0
"""What is refused for so long is not let in: whoever makes predictors has tried several times."""
ASKED_S = 60.0
"""So long an autoscaler may take to ask for what is held; Kubernetes' own looks every 15 s."""
_LOOK_S = 1.0
RESTORED = "autoscaler_made_anew"
"""Event of an autoscaler that was not there any more."""


def begin(release: Release, state: ReleaseState) -> None:
    """Ask for the predictors that the first share, or the shadow, needs, and wait for them.

    Those that later steps need are only to be made: what the platform will not let in ends the
    release now, and not when it has users.

    Raises:
        PlatformError: the platform refuses, or they are not ready in time.
    """
    if not state.watched or state.schema < SCHEMA:
        if state.champion:
            with suppress(PlatformError):  # nothing of such a release depends on it
                _replicas(release, state)
        return
    room, making = Room(release, state, (*state.watched_steps, 100)[0]), _Making(release, state)

    def there() -> bool:
        missing = room.missing()
        return making.is_over() and not missing

    longest = state.endpoint.serving.starts
    wait_for(there, longest, _LOOK_S, lambda: _late(longest, room.missing()), release.clock)


def _late(longest: float, missing: str) -> str:
    return f"after {in_words(longest)} (serving.starts) {missing}"


def whole(production: Replicas, share: int) -> int:
    """How many predictors all of the traffic needs, where production has this share in percent."""
    if share and production.wanted > production.floor:
        # Its own requests have made it more than what is held.
        return math.ceil(production.wanted * 100 / share)
    return max(1, production.wanted, production.floor)


def floors(state: ReleaseState, present: Mapping[str, Replicas], percent: int) -> dict[str, int]:
    """How many predictors each arm is to keep when the candidate has ``percent`` of the traffic.

    Copies of production's requests, while they are to come, need as many as so many requests.
    """
    production = present.get(str(state.champion))
    if production is None:
        return {}
    enough = whole(production, _share(state))
    split = state.split(percent)
    left = split[str(state.champion)]
    asked = {
        arm: min(enough, math.ceil(enough * share / left)) if left else enough
        for arm, share in split.items()
        if arm != state.champion
    }
    asked[str(state.champion)] = enough
    copied = math.ceil(enough * _copied(state) / 100)
    asked[state.candidate] = max(asked[state.candidate], copied)
    return {
        arm: min(count, max(present[arm].most, present[arm].floor))
        for arm, count in asked.items()
        if arm in present
    }


def _copied(state: ReleaseState) -> int:
    """Of how many of production's requests the candidate is asked copies, in percent."""
    shadow = state.endpoint.release.shadow
    return shadow.percent if shadow and state.shadow_due else 0


def _share(state: ReleaseState) -> int:
    """Production's own share of the traffic, in percent."""
    return 100 if state.weights is None else state.weights.get(str(state.champion), 0)


def _replicas(release: Release, state: ReleaseState) -> dict[str, Replicas]:
    """What each arm has, once each of the release's own that lost its autoscaler has one again.

    Raises:
        PlatformError: the platform refuses.
    """
    scaling, name = release.platform.scaling, state.endpoint.name
    present = scaling.replicas(name)
    own = {state.champion, state.candidate, state.baseline}
    lost = [arm for arm, each in present.items() if each.lost and arm in own]
    for arm in lost:
        scaling.restore(state.endpoint, arm, max(1, present[arm].wanted))
        said = "had no autoscaler any more: somebody deleted it: it is made anew"
        release.record.note(RESTORED, f"{name} version {arm} {said}")
    return scaling.replicas(name) if lost else present


def _ask(release: Release, state: ReleaseState, percent: int) -> dict[str, Replicas]:
    """Hold what that share needs; what there was before."""
    present = _replicas(release, state)
    wanted = floors(state, present, percent)
    if any(count > present[arm].floor for arm, count in wanted.items()):
        release.platform.scaling.hold(state.endpoint.name, wanted)
    return present


class Room:
    """Whether the predictors are there that a step needs.

    Args:
        release: the release.
        state: its state.
        percent: the candidate's share after the step.
    """

    def __init__(self, release: Release, state: ReleaseState, percent: int) -> None:
        self._release, self._state, self._percent = release, state, percent
        self._since: float | None = None

    def waits(self) -> Iterator[Wait]:
        """What is still missing; asks for it.

        Raises:
            PlatformError: it was waited for long enough; with the platform's own words.
        """
        if not self._state.watched or self._state.schema < SCHEMA:
            return
        try:
            missing = self.missing()
        except Unreachable:
            yield Wait("room", "how many predictors there are cannot be read now")
            return
        except PlatformError as error:  # of the autoscaler: the candidate is no worse for it
            yield Wait("room", f"predictors cannot be asked for: {error}")
            return
        now = self._release.clock.monotonic()
        if not missing:
            self._since = None
            return
        self._since = now if self._since is None else self._since
        if now - self._since >= (longest := self._state.endpoint.serving.starts):
            raise PlatformError(_late(longest, missing))
        yield Wait("room", missing)

    def missing(self) -> str:
        """What is still missing, for people; empty: nothing. Asks for it.

        Raises:
            Unreachable: nobody knows.
        """
        state = self._state
        present = _ask(self._release, state, self._percent)
        production, candidate = (present.get(str(arm)) for arm in (state.champion, state.candidate))
        if production is None or candidate is None:
            return ""
        share = max(self._percent, _copied(state))
        needed = math.ceil(whole(production, _share(state)) * share / 100)
        needed = min(needed, max(candidate.most, candidate.floor))
        if candidate.ready >= needed or needed == 1:
            return ""  # of a lone one others take care
        said = f"version {state.candidate} has {candidate.ready} of the {needed} predictors ready"
        why = f": {candidate.why}" if candidate.why else ""
        return f"{said} that {share}% of the traffic needs{why}"


class _Making:
    """Whether all predictors that are held for the candidate have been made."""

    def __init__(self, release: Release, state: ReleaseState) -> None:
        self._release, self._state = release, state
        self._began = self._let_in = release.clock.monotonic()

    def is_over(self) -> bool:
        """Look once; an autoscaler that does not ask for them is not waited for for ever.

        Raises:
            PlatformError: the platform refuses one.
        """
        state, now = self._state, self._release.clock.monotonic()
        found = self._release.platform.scaling.replicas(state.endpoint.name).get(state.candidate)
        if found is None:
            return True
        if not found.refused:
            self._let_in = now
            asked = found.begun and found.wanted >= found.floor
            return asked or now - self._began >= ASKED_S
        if now - self._let_in >= REFUSED_S:
            raise PlatformError(
                f"of version {state.candidate} there are not the {found.wanted} predictors that it"
                f" is to have: {found.why}"
            )
        return False


class Counted:
    """Writes down what becomes of the number of predictors while a step is watched."""

    def __init__(self, release: Release, state: ReleaseState) -> None:
        self._release, self._state = release, state
        self._known = dict(state.replicas)

    def look(self, t: float) -> None:
        """Look once, ``t`` seconds after the release began; nothing of the watch depends on it.

        Where production's own requests need more predictors, more of them are held from now on.
        """
        if self._state.schema < SCHEMA:
            return
        with suppress(SluiceError):
            present = _ask(self._release, self._state, self._state.percent)
            found = {
                arm: Count(each.ready, each.wanted, each.floor)
                for arm, each in sorted(present.items())
            }
            if _is_news(self._known, found):
                self._release.record.append(Scaled(round(t, 3), found))
                self._known = found


def _is_news(known: Mapping[str, Count], found: Mapping[str, Count]) -> bool:
    """Whether more is to be told than that a lone predictor is away, which has lines of its own."""
    several = any(each.wanted != 1 for each in (*known.values(), *found.values()))
    return several and found != known
