"""Giving production its traffic back: the first phase of every end that is not the release's own.

It needs the lease and the traffic, and nothing else: no record, no registry, no store. What the
record is to say of it stands in the lease until the second phase (`ending.finalize`) has written
it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from components.errors import LeaseHeld, NoRoom
from components.platform import Lease, Platform, Traffic, Weights
from components.release.lease import HeldLease

IN_FORCE_TIMEOUT_S = 10.0
"""How long a split may take until every proxy shows it."""


_Written = TypeVar("_Written")


def written(platform: Platform, write: Callable[[], _Written]) -> _Written:
    """What ``write`` returns: on a full disk, once the room that is kept for this has been made.

    Raises:
        NoRoom: there is none left.
    """
    try:
        return write()
    except NoRoom:
        if not platform.leases.make_room():
            raise
        return write()


def take_over(platform: Platform, lease: Lease, holder: str, seconds: float) -> HeldLease:
    """Become the holder of a lease that is another's.

    Raises:
        LeaseHeld: somebody was faster.
    """
    mine = replace(lease, holder=holder, seconds=seconds)
    token = written(platform, lambda: platform.leases.swap(lease.endpoint, lease.token, mine))
    if token is None:
        raise LeaseHeld(f"release {lease.release_id} was taken over by another process meanwhile")
    return HeldLease(platform.leases, replace(mine, token=token), platform.clock)


def stands(traffic: Traffic, endpoint: str, weights: Weights) -> bool:
    """Whether that split, and nothing besides, is what was last asked for."""
    return traffic.weights(endpoint) == dict(weights) and traffic.mirror(endpoint) is None


def ask_for(traffic: Traffic, lease: Lease) -> None:
    """Ask for a lease's way back, by a new route where somebody has deleted it.

    Raises:
        PlatformError: the traffic did not take it.
    """
    name, wanted = lease.endpoint, lease.restore
    if not stands(traffic, name, wanted):
        is_there = bool(traffic.weights(name))
        traffic.set_weights(name, wanted, None if is_there else lease.limits)


def give_back(platform: Platform, held: HeldLease, why: str, reason: str = "") -> None:
    """Put the lease's way back in force at every proxy, and note in the lease that it is.

    Args:
        platform: whose traffic.
        held: the lease, which must be this process's.
        why: what is to be read in the lease until the record says it.
        reason: an operator's.

    Raises:
        LeaseHeld: somebody took the lease meanwhile.
        PlatformError: a proxy did not take the split, or not in time; may be tried again.
    """
    lease = held.lease
    written(platform, lambda: ask_for(platform.traffic, lease))
    # What was asked is not yet what is in force: an earlier try may have failed in between.
    platform.traffic.wait_in_force(lease.endpoint, lease.restore, IN_FORCE_TIMEOUT_S)
    written(platform, lambda: held.note_returned(why, reason))
