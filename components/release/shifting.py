"""Shifting traffic: under the lease, in force at every proxy, and written down."""

from components.errors import InputError, LeaseHeld, SluiceError, Unreachable
from components.judge import Verdict
from components.platform import RouteLimits, Weights
from components.record import WeightsSet
from components.release import watching
from components.release.context import Release, records_failure
from components.release.lease import HeldLease
from components.release.marking import mark_candidate
from components.release.restoring import IN_FORCE_TIMEOUT_S
from components.release.results import Shifted
from components.release.state import ReleaseState

ANSWER_MARGIN_S = 2.0
"""How much longer than the predictor's own deadline the gateway waits for its answer."""


@records_failure
def shift(release: Release, stage: int) -> Shifted:
    """Give the candidate the share of the ``stage``-th watched step (from 1).

    The share stays as it is if the poll just before ends the release; the watch then says so.

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
    split = {state.champion: 100 - percent, state.candidate: percent}
    # The route itself is asked: what could not be written down was taken back.
    asked = release.platform.traffic.weights(state.endpoint.name)
    if percent in state.passed or (state.percent == percent and asked == split):
        return Shifted(percent=percent, applied_s=0.0)
    held = release.hold(state)
    if blocks_promotion(watching.poll(release)):
        return Shifted(percent=state.percent, applied_s=0.0)
    applied = put_in_force(release, state, held, split)
    if stage == 1:
        _mark_candidate(release, state)
    return Shifted(percent=percent, applied_s=applied)


def blocks_promotion(verdict: Verdict) -> bool:
    """True when the poll before a shift ended the release."""
    return verdict.final and verdict.decision != "PROMOTE"


def _mark_candidate(release: Release, state: ReleaseState) -> None:
    """Mark the version that has canary traffic; a registry that fails must not stop a watch."""
    try:
        mark_candidate(release, state)
    except Unreachable as error:
        release.record.note("registry_unreachable", str(error))
    except InputError as error:
        release.record.note("registry_refused", str(error))


def put_in_force(release: Release, state: ReleaseState, held: HeldLease, weights: Weights) -> float:
    """Put ``weights`` in force under the lease, and write it down.

    A process that was suspended just before may wake when its release has ended: it finds the lease
    gone afterwards, and gives the traffic to the version that the record names, or to the one that
    a later release found in production. A split that cannot
    be written down is taken back: nobody could tell later what was in force.

    Returns:
        The seconds until every proxy showed it.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: the gateway did not take the split, or the record did not.
    """
    traffic, name = release.platform.traffic, state.endpoint.name
    limits = RouteLimits(
        requests_per_second=state.endpoint.gateway.requests_per_second,
        timeout_s=state.endpoint.serving.queue.deadline + ANSWER_MARGIN_S,
    )
    held.renew()
    traffic.set_weights(name, weights, limits)
    try:
        held.renew()
    except LeaseHeld:
        if keeps := _split_of_others(release, name):
            traffic.set_weights(name, keeps)
        raise
    applied = traffic.wait_in_force(name, weights, IN_FORCE_TIMEOUT_S)
    # Whoever was overtaken meanwhile writes no more: the record is another process's.
    held.renew()
    try:
        release.record.append(WeightsSet(weights=dict(weights), applied_s=round(applied, 4)))
    except SluiceError:
        held.renew()
        traffic.set_weights(name, held.lease.restore)
        raise
    return applied


def _split_of_others(release: Release, endpoint: str) -> dict[str, int]:
    """The split that stands once this release is not this process's any more; empty: unknown."""
    lease = release.platform.leases.read(endpoint)
    if lease and lease.release_id != release.record.release_id:
        return dict(lease.restore)
    state = release.state()
    if state.outcome is None:
        return {}  # whoever has the lease looks at the route itself
    return {state.candidate: 100} if state.outcome == "promoted" else state.way_back
