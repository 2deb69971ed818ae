"""The dead-man's switch: end every release whose lease has expired.

Exit handlers do not run after a kill, a deletion or a power cut. The reaper runs apart from every
pipeline and trusts only the lease and the decision record.
"""

import time
from dataclasses import replace

from components.errors import SluiceError, Unreachable
from components.platform import Lease, Platform
from components.registry import Registry
from components.release import steps
from components.release.journal import journal, journals
from components.release.lease import holder

GRACE_S = 60.0
"""How long the reaper's own lease holds while it ends a release."""


def reap(platform: Platform, now: float) -> list[str]:
    """End releases whose lease expired before ``now`` (epoch seconds); one line for each.

    What cannot be ended now (a server is away) is tried again on the next call.
    """
    said = []
    for lease in platform.leases.all():
        if lease.deadline < now and _take(platform, lease):
            try:
                said.append(_finish(platform, lease))
            except SluiceError as error:
                said.append(f"{lease.release_id}: not ended yet: {error}")
    return said


def _take(platform: Platform, lease: Lease) -> bool:
    mine = replace(lease, holder=f"reaper, {holder()}", deadline=time.time() + GRACE_S)
    return platform.leases.swap(lease.endpoint, lease.token, mine) is not None


def _finish(platform: Platform, lease: Lease) -> str:
    log = journal(platform.home, lease.release_id)
    if not log.exists():
        current = platform.leases.read(lease.endpoint)
        platform.leases.swap(lease.endpoint, current.token if current else None, None)
        return f"{lease.release_id}: lease without a record given back"
    log.event("reaped", f"the lease of {lease.holder} expired")
    ended = steps.finalize(lease.release_id)
    return f"{lease.release_id}: {ended.outcome}: {ended.reason}"


def mirror(platform: Platform) -> list[str]:
    """Copy ended records that MLflow does not have yet; one line for each that was tried."""
    registry = Registry(platform.registry_url)
    said = []
    for log in journals(platform.home):
        try:
            if not log.waits_for_mirror() or log.state().outcome is None:
                continue
            log.mirror(registry)
        except Unreachable:
            break
        except SluiceError as error:
            said.append(f"{log.folder.name}: record not copied: {error}")
            continue
        said.append(f"{log.folder.name}: record copied to MLflow")
    return said
