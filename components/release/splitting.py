"""Putting a split in force: under the lease, at every proxy, and written down."""

from components.errors import LeaseHeld, SluiceError
from components.platform import RouteLimits, Weights
from components.record import WeightsSet
from components.release.context import Release
from components.release.lease import HeldLease
from components.release.restoring import IN_FORCE_TIMEOUT_S
from components.release.state import ReleaseState

ANSWER_MARGIN_S = 2.0
"""How much longer than the predictor's own deadline the gateway waits for its answer."""


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
