"""Shifting traffic to the candidate, step by step."""

from components.errors import InputError, PlatformError, Unreachable
from components.release import baseline, mirroring
from components.release.context import Release, as_step
from components.release.holding import until_free
from components.release.marking import mark_candidate
from components.release.meanwhile import Meanwhile
from components.release.results import Shifted
from components.release.splitting import put_in_force
from components.release.starting import revive_production
from components.release.state import ReleaseState


@as_step
def shift(release: Release, stage: int) -> Shifted:
    """Give the candidate the share of the ``stage``-th watched step (from 1).

    The share stays as it is while the step is held, and if the release is to end meanwhile; the
    watch then says so. Where the endpoint's file asks for a shadow, copies of production's requests
    come first.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: the gateway did not take the split.
    """
    state = release.state()
    percent = state.watched_step(stage)
    if state.champion is None:
        raise InputError(
            f"release {state.release_id} has no champion: there is nothing to shift from"
        )
    split = state.split(percent)
    # The route itself is asked: what could not be written down was taken back.
    asked = release.platform.traffic.weights(state.endpoint.name)
    if percent in state.passed or (state.percent == percent and asked == split):
        return Shifted(percent=percent, applied_s=0.0)
    if state.shadow_failed:
        return Shifted(percent=0, applied_s=0.0)
    held = release.hold(state)
    if state.shadow_due:
        return mirroring.begin(release, state, held)
    if state.mirrored:
        # The shadow is over, and the first share may have to wait for long.
        put_in_force(release, state, held, state.way_back)
    if not until_free(release, held, percent) or Meanwhile(release, state).look():
        return Shifted(percent=state.percent, applied_s=0.0)
    revive_production(release, held)
    state = release.state()  # its baseline may be lost by now
    split = state.split(percent)
    split, over = _with_baseline(release, state, split)
    applied = put_in_force(release, state, held, split)
    if over:
        baseline.end(release, state, over)
    if stage == 1:
        _mark_candidate(release, state)
    return Shifted(percent=percent, applied_s=applied)


def _with_baseline(
    release: Release, state: ReleaseState, split: dict[str, int]
) -> tuple[dict[str, int], str]:
    """The split, without a baseline that does not answer, and why there is none from here on."""
    if not state.baseline:
        return split, ""
    if state.baseline not in split:
        return split, "from here on production is asked no more than the candidate"
    over = baseline.Check(state).fault or baseline.unready(release, state)
    return (state.split_without_baseline(split[state.candidate]) if over else split), over


def _mark_candidate(release: Release, state: ReleaseState) -> None:
    """Mark the version that has canary traffic; a registry that fails must not stop a watch."""
    try:
        mark_candidate(release, state)
    except Unreachable as error:
        release.record.note("registry_unreachable", str(error))
    except (InputError, PlatformError) as error:
        release.record.note("registry_refused", str(error))
