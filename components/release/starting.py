"""Starting a version's predictor, and production's anew where somebody has deleted it."""

from dataclasses import replace

from components.durations import in_words
from components.endpoint import Endpoint
from components.errors import InputError, PlatformError, Unreachable
from components.platform import Lease, Platform, Readiness, StoredVersion, wait_for
from components.release.context import Release
from components.release.lease import HeldLease
from components.release.state import ReleaseState

READY_POLL_S = 0.2
REVIVED = "predictor_made_anew"
"""Event of a predictor of production's that was not there any more."""


def sized(release: Release, state: ReleaseState, version: str) -> StoredVersion:
    """What a predictor is created from, with its size, which the record has not."""
    stored = state.stored(version)
    found = release.platform.files.find(stored.model, stored.version, stored.digest)
    return replace(stored, size=found.size) if found else stored


def wait_ready(release: Release, endpoint: Endpoint, version: str, since: float) -> None:
    """Wait until a version's predictor is ready.

    Args:
        release: whose.
        endpoint: says how long it may take.
        version: the arm.
        since: when it was made, in seconds of the clock's monotonic time.

    Raises:
        PlatformError: it cannot start, or has not in time.
    """
    serving, name, longest = release.platform.serving, endpoint.name, endpoint.serving.starts

    def ready() -> bool:
        found = serving.readiness(name, version)
        if found.state == "failed":
            raise PlatformError(f"{name} version {version} cannot start: {found.why}")
        return found.state == "ready"

    def late() -> str:
        said = serving.readiness(name, version)
        return (
            f"{name} version {version} was not ready after {in_words(longest)}: {said.state}:"
            f" {said.why}: raise serving.starts, or see its log: 'sluice status' names it"
        )

    left = since + longest - release.clock.monotonic()
    wait_for(ready, left, READY_POLL_S, late, release.clock)


def missing(platform: Platform, lease: Lease) -> list[str]:
    """The versions of a lease's way back that have no predictor: nothing can be given back there.

    Where nobody can be asked none is known to be missing: the way back waits for traffic alone.
    """
    serving, wanted = platform.serving, _wanted(lease)
    try:
        served = serving.versions(lease.endpoint)
        # What was adopted may be gone where what leads to it is still there.
        return [
            arm
            for arm in wanted
            if arm not in served or serving.readiness(lease.endpoint, arm).state == "absent"
        ]
    except Unreachable:
        return []


def unready(platform: Platform, lease: Lease) -> dict[str, Readiness]:
    """Whom a lease's way back names and who cannot answer, where another version does meanwhile.

    Where nobody answers, or nobody can be asked, the way back is as good as what is in force.
    """
    endpoint, wanted = lease.endpoint, _wanted(lease)
    try:
        asked = platform.traffic.weights(endpoint)
        ready = {each.arm for each in platform.serving.running(endpoint) if each.ready}
        if not any(share and arm in ready for arm, share in asked.items() if arm not in wanted):
            return {}
        found = {arm: platform.serving.readiness(endpoint, arm) for arm in wanted}
    except PlatformError:
        return {}
    return {arm: each for arm, each in found.items() if each.state != "ready"}


def refuse_unready(platform: Platform, lease: Lease) -> None:
    """Check that whoever the way back names can answer, where another version does meanwhile.

    Raises:
        PlatformError: one cannot, and why.
    """
    for arm, each in unready(platform, lease).items():
        said = f"{lease.endpoint} version {arm} has no ready predictor, and the other one answers"
        raise PlatformError(f"{said}: {each.why}")


def _wanted(lease: Lease) -> list[str]:
    return [arm for arm, share in lease.restore.items() if share]


def revive_missing(release: Release, lease: Lease) -> list[str]:
    """Make production's predictors anew that are not there, from the files that the record names.

    Returns:
        Their versions.

    Raises:
        PlatformError: one is refused, has not gone yet, or the record names no files of it.
    """
    gone = missing(release.platform, lease)
    for version in gone:
        state = release.state()
        try:
            stored = sized(release, state, version)
        except InputError as error:
            raise PlatformError(
                f"{lease.endpoint} version {version} has no predictor any more, and this release"
                " knows no files of it: the next release serves it again"
            ) from error
        # Whoever looks after users waits for nobody who is to go.
        release.platform.serving.create(state.endpoint, stored, version, patience=0.0)
        said = f"version {version} had no predictor any more: somebody deleted it: it starts anew"
        release.record.note(REVIVED, f"{lease.endpoint}: {said}")
    return gone


def revive_production(release: Release, held: HeldLease, *, needed: bool = True) -> None:
    """Let all that the way back names be there and ready, whoever answers meanwhile.

    Args:
        release: under way.
        held: its lease.
        needed: users are to be moved there. Where they are there already the release may end
            without it, and the next one can mend that.

    Raises:
        LeaseHeld: the release was taken over meanwhile.
        PlatformError: production's predictor is needed and cannot start anew.
        Unreachable: nobody could be asked.
    """
    try:
        with held.kept():
            since = release.clock.monotonic()
            made = revive_missing(release, held.lease)
            for version in dict.fromkeys([*made, *unready(release.platform, held.lease)]):
                wait_ready(release, release.state().endpoint, version, since)
    except PlatformError as error:
        if needed or isinstance(error, Unreachable):
            raise
        release.record.note("production_not_revived", str(error))
