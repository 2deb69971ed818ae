"""The dead-man's switch: end every release whose lease is silent.

Exit handlers do not run after a kill, a deletion or a power cut. The reaper runs apart from every
pipeline. It works in two phases: production gets its traffic back first, for which the leases and
the traffic suffice; the record, the registry and the cleaning up follow, in the same pass or in a
later one.
"""

from collections.abc import Iterator

from components.errors import InputError, LeaseHeld, SluiceError
from components.platform import Lease, Platform
from components.release import ending
from components.release.context import opened
from components.release.lease import HeldLease, LeaseWatch, this_process
from components.release.restoring import give_back, take_over

GRACE_S = 60.0
"""How long the reaper's own lease holds while it ends a release."""


class Reaper:
    """Passes over a platform's leases and records; what fails is tried again by the next pass."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._watch = LeaseWatch(platform.leases, platform.clock)
        self._taken: dict[str, HeldLease] = {}
        """By endpoint: leases of which this reaper has done the first phase."""
        self._said: set[str] = set()

    def longest_lease(self) -> float:
        """Seconds after which a first pass can have found every silent lease."""
        return self._watch.longest()

    def run(self) -> list[str]:
        """One pass: traffic first, then records; one line for each thing that was done or failed.

        A fault that lasts is told once.
        """
        silent, faults = self._watch.silent()
        said = [*faults]
        for lease in silent:
            said += self._restore(lease)
        for endpoint in list(self._taken):
            said += self._finish(endpoint)
        said += self._close()
        news = [line for line in said if line not in self._said]
        self._said = set(said)
        return news

    def _restore(self, lease: Lease) -> Iterator[str]:
        who = f"reaper, {this_process()}"
        why = lease.returned or f"the lease of {lease.holder} was silent"
        try:
            held = take_over(self._platform, lease, who, GRACE_S)
            give_back(self._platform, held, why)
        except LeaseHeld:
            return
        except SluiceError as error:
            yield f"{lease.release_id}: traffic not given back yet: {error}"
        else:
            self._taken[lease.endpoint] = held

    def _finish(self, endpoint: str) -> Iterator[str]:
        held = self._taken[endpoint]
        release_id = held.lease.release_id
        try:
            held.renew()
            with opened(release_id, self._platform) as release:
                if not release.record.exists():
                    held.release()
                    said = "lease without a record given back"
                else:
                    if release.state().outcome is None:
                        release.record.note("reaped", held.lease.returned)
                    ended = ending.finalize(release)
                    said = f"{ended.outcome}: {ended.reason}"
        except LeaseHeld:
            del self._taken[endpoint]
        except InputError as error:
            # A damaged record is never read again; its traffic is in order, so others may release.
            held.release()
            del self._taken[endpoint]
            yield f"{release_id}: ended without its record: {error}"
        except SluiceError as error:
            yield f"{release_id}: not ended yet: {error}"
        else:
            del self._taken[endpoint]
            yield f"{release_id}: {said}"

    def _close(self) -> Iterator[str]:
        """Copy and join the records that have ended."""
        try:
            pending = self._platform.records.pending()
        except SluiceError:
            return  # nothing to tell: who needs the store now says so
        for release_id in pending:
            try:
                with opened(release_id, self._platform) as release:
                    state = release.state()
                    if state.outcome is None or self._has_lease(state.endpoint.name):
                        continue
                    if ending.close_record(release, state):
                        yield f"{release_id}: record copied to MLflow"
            except SluiceError as error:
                yield f"{release_id}: record not copied: {error}"

    def _has_lease(self, endpoint: str) -> bool:
        return self._platform.leases.read(endpoint) is not None
