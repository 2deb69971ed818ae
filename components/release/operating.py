"""What an operator does to a release that is under way."""

from contextlib import suppress
from dataclasses import dataclass

from components.errors import InputError, LeaseHeld, SluiceError
from components.platform import Platform
from components.release import ending
from components.release.context import opened
from components.release.lease import HeldLease, this_process
from components.release.restoring import give_back, stands, take_over
from components.release.starting import missing, revive_production, unready

_ASKED = "an operator asked for it"


@dataclass(frozen=True)
class RolledBack:
    """An endpoint whose production has its traffic back."""

    release_id: str
    weights: dict[str, int]
    """The split in force."""
    outcome: str
    """How the record ends; empty if it could not be written yet."""
    reason: str
    left: str = ""
    """What the reaper is still to stop, and why; empty: nothing."""


def roll_back(
    platform: Platform, endpoint: str, reason: str = "", release_id: str = ""
) -> RolledBack:
    """Give production its traffic back and end the release under way.

    The traffic needs the lease and the gateway only. If the record or the registry does not answer
    then, the reaper ends the record with ``reason`` when they do.

    Args:
        platform: where.
        endpoint: whose release.
        reason: goes into the record; empty: that an operator asked for it.
        release_id: the release that is meant; default: whichever it is.

    Raises:
        InputError: no release of the endpoint is under way, or another one.
        LeaseHeld: somebody else took the lease while the traffic was given back.
        PlatformError: the gateway did not take the split, or production's predictor was deleted and
            cannot start anew.
    """
    reason = reason.strip() or _ASKED
    held = _taken(platform, endpoint, release_id)
    lease = held.lease
    away = missing(platform, lease) or unready(platform, lease)
    if away and not stands(platform.traffic, endpoint, lease.restore):
        with opened(lease.release_id, platform, patience_s=0) as release:
            revive_production(release, held)
    give_back(platform, held, f"{this_process()}: {reason}", reason)
    weights = platform.traffic.weights(endpoint)
    try:
        with opened(lease.release_id, platform, patience_s=0) as release:
            done = ending.finish(release)
    except SluiceError as error:
        return RolledBack(lease.release_id, weights, "", str(error))
    ended = done.ended
    return RolledBack(lease.release_id, weights, ended.outcome, ended.reason, done.left)


def _taken(platform: Platform, endpoint: str, release_id: str) -> HeldLease:
    """The lease of the release under way, taken from whoever has it.

    A release renews its lease at each poll; one that did so since it was read here is asked again.

    Raises:
        InputError: see `roll_back`.
    """
    while True:
        lease = platform.leases.read(endpoint)
        if lease is None or release_id not in {"", lease.release_id}:
            meant = f"release {release_id}" if release_id else f"release of {endpoint}"
            raise InputError(
                f"no {meant} is under way; to return to an earlier version release it:"
                f" sluice release {endpoint} --version N"
            )
        release_id = lease.release_id
        with suppress(LeaseHeld):
            return take_over(platform, lease, this_process(), lease.seconds)
