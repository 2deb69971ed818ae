"""Putting a split in force: under the lease, at every proxy, and written down."""

from components.errors import Late, LeaseHeld, SluiceError
from components.platform import Mirror, Traffic, Weights
from components.platform.patience import PATIENCE_S
from components.record import MirrorSet, WeightsSet
from components.release.context import Release
from components.release.lease import HeldLease
from components.release.limits import limits_of
from components.release.restoring import IN_FORCE_TIMEOUT_S
from components.release.state import ReleaseState


def put_in_force(
    release: Release,
    state: ReleaseState,
    held: HeldLease,
    weights: Weights,
    *,
    patient: bool = True,
) -> float:
    """Put ``weights`` in force under the lease, and write it down.

    A process that was suspended just before may wake when its release has ended: it finds the lease
    gone afterwards, and gives the traffic to the version that the record names, or to the one that
    a later release found in production. A split that cannot
    be written down is taken back: nobody could tell later what was in force.

    Args:
        release: the release.
        state: its state.
        held: its lease.
        weights: the split.
        patient: whether a gateway's controller that starts again is waited for; else who asks
            tries again. A way back never waits for it.

    Returns:
        The seconds until every proxy showed it.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: the gateway did not take the split, or the record did not.
    """
    traffic, name, began = release.platform.traffic, state.endpoint.name, release.clock.monotonic()
    held.renew()
    try:
        with held.kept():  # an API server may be slow, and is asked often for one split
            traffic.set_weights(name, weights, limits_of(state.endpoint))
        held.renew()
    except LeaseHeld:
        if keeps := _split_of_others(release, name):
            traffic.set_weights(name, keeps)
        raise
    longest = _longest(held) if patient and weights != state.way_back else IN_FORCE_TIMEOUT_S
    applied = _shown(release, held, weights, began + longest)
    # Whoever was overtaken meanwhile writes no more: the record is another process's.
    held.renew()
    try:
        release.record.append(WeightsSet(weights=dict(weights), applied_s=round(applied, 4)))
    except SluiceError:
        held.renew()
        traffic.set_weights(name, held.lease.restore)
        raise
    return applied


def _shown(release: Release, held: HeldLease, weights: Weights, until: float) -> float:
    """Wait until every proxy shows the split, and be heard of meanwhile; the seconds it took.

    Args:
        release: the release.
        held: its lease.
        weights: the split.
        until: when the last try begins at the latest, by the monotonic clock.

    Raises:
        LeaseHeld: the release was taken over.
        Late: it does not show in time.
        PlatformError: the gateway refuses it.
    """
    traffic, clock, began = release.platform.traffic, release.clock, release.clock.monotonic()
    while True:
        try:
            traffic.wait_in_force(held.lease.endpoint, weights, IN_FORCE_TIMEOUT_S)
        except Late as error:
            now = clock.monotonic()
            if now >= until:
                tried = now - began
                more = f", nor after {tried:.0f} s" if tried > 1.5 * IN_FORCE_TIMEOUT_S else ""
                raise Late(f"{error}{more}") from error
            held.renew()
        else:
            return clock.monotonic() - began


def _longest(held: HeldLease) -> float:
    """How many seconds it may take until users are sent elsewhere.

    A gateway's controller that was killed, or lost its API server, starts again after half a
    minute, and its proxies go by what they have until then. But one of several may show the new
    split already, and nobody watches: a release is never silent for longer than its lease.
    """
    return min(PATIENCE_S, held.lease.seconds)


def wanted_mirror(state: ReleaseState) -> Mirror:
    """The mirror that the endpoint's file asks for.

    Raises:
        ValueError: it asks for none.
    """
    if state.endpoint.release.shadow is None:
        raise ValueError("the endpoint's file has no release.shadow")
    return Mirror(state.candidate, state.endpoint.release.shadow.percent)


def put_mirror_in_force(
    release: Release,
    state: ReleaseState,
    held: HeldLease,
    mirror: Mirror,
    p95_ratio: float | None,
) -> float:
    """Let production's requests be copied, under the lease, and write it down; likewise.

    Args:
        release: the release.
        state: its state.
        held: its lease.
        mirror: who is asked copies.
        p95_ratio: to be written down, see `components.record.MirrorSet`.

    Returns:
        The seconds until every proxy copied.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: the gateway did not take the mirror, or the record did not.
    """
    traffic, name, began = release.platform.traffic, state.endpoint.name, release.clock.monotonic()
    held.renew()
    try:
        with held.kept():
            traffic.set_mirror(name, mirror)
        held.renew()
        applied = _shown(release, held, traffic.weights(name), began + _longest(held))
        held.renew()
        line = MirrorSet(mirror.version, mirror.percent, round(applied, 4), p95_ratio)
        release.record.append(line)
    except LeaseHeld:
        # It may be wanted by whoever has taken the same release over.
        if _is_over(release, name):
            _end_mirror(traffic, name, mirror)
        raise
    except SluiceError:
        _end_mirror(traffic, name, mirror)
        raise
    return applied


def _end_mirror(traffic: Traffic, endpoint: str, mirror: Mirror) -> None:
    if traffic.mirror(endpoint) == mirror:
        traffic.set_mirror(endpoint, None)


def _is_over(release: Release, endpoint: str) -> bool:
    """Whether nobody has the release's lease any more."""
    lease = release.platform.leases.read(endpoint)
    return lease is None or lease.release_id != release.record.release_id


def _split_of_others(release: Release, endpoint: str) -> dict[str, int]:
    """The split that stands once this release is not this process's any more; empty: unknown."""
    lease = release.platform.leases.read(endpoint)
    if lease and lease.release_id != release.record.release_id:
        return dict(lease.restore)
    state = release.state()
    if state.outcome is None:
        return {}  # whoever has the lease looks at the route itself
    return state.production
