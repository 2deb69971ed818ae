"""Is the split in force still the one that this release has set?

Whoever moves users past a release knows something that it does not: they may be saving them from
the candidate. So the release does not argue: it goes no further, and ends on the champion. What was
counted under a split that is not its own shows nothing, and is not judged.
"""

from collections.abc import Mapping

from components.errors import PlatformError
from components.judge import Poll
from components.record import WeightsSet
from components.release.context import Release
from components.release.lease import HeldLease
from components.release.state import ReleaseState


def refuse_moved(
    release: Release, held: HeldLease, state: ReleaseState, percent: int
) -> ReleaseState:
    """Check that users are split as this release has set it.

    Args:
        release: the release.
        held: its lease.
        state: where it stands, as far as is known.
        percent: the candidate's share by the step; a process that was killed may have set it
            without writing it down.

    Returns:
        Where it stands; read anew if it seemed to be moved.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: somebody else has moved them.
        InputError: somebody else has changed the route.
    """
    asked = _shares(release.platform.traffic.refuse_unsplittable(held.lease.endpoint))
    if asked == _shares(state.own):
        return state
    state = release.state()
    if state.covered or asked in map(_shares, (state.own, *_step(state, percent))):
        return state
    # Whoever takes a release over moves its traffic, too.
    held.renew()
    raise PlatformError(
        f"the traffic is split {_said(asked)} instead of {_said(state.own)}: somebody else moved"
        " it, so nothing can be watched: see who else writes the route, then release again"
    )


def refuse_moved_since(
    release: Release, held: HeldLease, state: ReleaseState, percent: int
) -> None:
    """The same, before a step of a release that is watched.

    A split of its own that nobody has polled yet may have been taken back: it is set again.

    Raises:
        LeaseHeld: see `refuse_moved`.
        PlatformError: likewise.
    """
    for line in reversed(release.record.lines()):
        if isinstance(line.body, Poll):
            break
        if isinstance(line.body, WeightsSet):
            return
    if not state.covered:
        refuse_moved(release, held, state, percent)


def _step(state: ReleaseState, percent: int) -> tuple[dict[str, int], ...]:
    """The splits that give the candidate so much, with its baseline and without."""
    if percent == 0:
        return (state.way_back,)
    if percent == 100:
        return ({state.candidate: 100},)
    return (state.split(percent), state.split_without_baseline(percent))


def _shares(weights: Mapping[str, int]) -> dict[str, int]:
    return {arm: share for arm, share in weights.items() if share}


def _said(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{arm}: {share}%" for arm, share in _shares(weights).items()) or "nowhere"
