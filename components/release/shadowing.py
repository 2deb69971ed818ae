"""A stage's watch, with the candidate's shadow before its first share.

Copies show what a bad version does before any user meets it. They are judged by the rule by which
its shares are, and what they show is no evidence of any share.
"""

from components.release import mirroring, shifting, watching
from components.release.context import Release, as_step
from components.release.hearing import Hearing
from components.release.results import Watched
from components.release.splitting import wanted_mirror


def watch(release: Release, stage: int) -> Watched:
    """Poll and judge until the ``stage``-th watched step (from 1) is decided.

    The first begins with the shadow, if there is to be one: the candidate gets its share when that
    was found safe.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: polls could not be recorded, and production has its traffic back; or the
            candidate has not the step's share, or its shadow not the copies.
    """
    if release.awaited_state().shadow_due:
        watched = shadow(release)
        if watched.verdict != "PROMOTE":
            return watched
        shifting.shift(release, stage)
    return watching.watch(release, stage)


@as_step
def shadow(release: Release) -> Watched:
    """Poll and judge the copies until the shadow is decided."""
    state = release.state()
    if (verdict := state.shadow) and verdict.final:
        return Watched(verdict=verdict.decision, reason=verdict.text)
    hearing = Hearing(release, state)
    if found := watching.refused(state, hearing):
        return found
    held = release.hold(state)
    mirroring.begin(release, state, held)
    share = mirroring.share(wanted_mirror(state).percent)
    verdict = watching.until_decided(release, held, 0, hearing, begin=mirroring.Shadow, share=share)
    return watching.told(release, held, verdict, hearing, shadow=True)
