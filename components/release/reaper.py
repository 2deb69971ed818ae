"""The dead-man's switch: end every release whose lease is silent.

Exit handlers do not run after a kill, a deletion or a power cut. The reaper runs apart from every
pipeline. It works in two phases: production gets its traffic back first, for which the leases and
the traffic suffice; the record, the registry and the cleaning up follow, in the same pass or in a
later one.
"""

import logging
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from components.errors import InputError, LeaseHeld, PlatformError, SluiceError, Unreachable
from components.platform import Lease, Platform
from components.record import opened as head_of
from components.release import ending, losers
from components.release.context import Release, StepFault, opened, other_place
from components.release.lease import HeldLease, LeaseWatch, this_process
from components.release.restoring import give_back, take_over, written
from components.release.starting import missing, refuse_unready, revive_missing
from components.release.state import ReleaseState

log = logging.getLogger("sluice.reaper")

GRACE_S = 60.0
"""How long the reaper's own lease holds while it ends a release."""
NOTED_EVERY_S = 60.0
"""How often it is written down which predictors are there: as much is lost of a bill in a crash."""
AGAIN_S = 15.0
"""Until predictors are stopped again after nobody could be asked to: each try may take as long as
its answer, and holds the endpoint's lease meanwhile."""


@dataclass
class _Taken:
    """A lease that was silent and is the reaper's now."""

    held: HeldLease
    why: str
    """What is to be read in the lease once production has its traffic back."""
    restored: bool = False
    """The first phase is done."""


class Reaper:
    """Passes over a platform's leases and records; what fails is tried again by the next pass."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._watch = LeaseWatch(platform.leases, platform.clock)
        self._taken: dict[str, _Taken] = {}
        """By endpoint."""
        self._said: dict[str, set[str]] = {}
        """By phase: what its newest pass said."""
        self._noted = -math.inf
        self._others: set[str] = set()
        """Releases of others, who have reapers of their own."""
        self._cleaned: set[str] = set()
        """Ended releases that have left nothing to be stopped."""
        self._left: dict[str, str] = {}
        """By ended release: why something of it has not been stopped yet."""
        self._again = -math.inf
        """When predictors are to be stopped again."""

    def longest_lease(self) -> float:
        """Seconds after which a first pass can have found every silent lease."""
        return self._watch.longest()

    @property
    def leaves(self) -> bool:
        """Whether something that it was to stop has not gone yet."""
        return bool(self._left)

    def run(self) -> list[str]:
        """One pass: traffic first, then records; one line for each thing that was done or failed.

        A fault that lasts is told once.
        """
        return [*self.restore(), *self.finish()]

    def restore(self) -> list[str]:
        """The first phase of a pass: it waits for leases and traffic, and for nothing else."""
        silent, faults = self._watch.silent()
        said = [*faults]
        for lease in silent:
            said += _apart(lease.release_id, self._take(lease))
        for endpoint in list(self._taken):
            said += _apart(endpoint, self._restore(endpoint))
        return self._news("restore", said)

    def finish(self) -> list[str]:
        """The second phase, which may wait for long; it may run beside the first one.

        It waits for no predictor that is to go: it looks again in a later pass.
        """
        said: list[str] = []
        for endpoint in list(self._taken):
            said += _apart(endpoint, self._finish(endpoint))
        said += _apart("ended releases", self._close())
        said += _apart("people", self._tell())
        said += _apart("predictors", self._note())
        return self._news("finish", said)

    def _news(self, phase: str, said: list[str]) -> list[str]:
        before = self._said.get(phase, set())
        self._said[phase] = set(said)
        return [line for line in said if line not in before]

    def _take(self, lease: Lease) -> Iterator[str]:
        why = lease.returned or f"the lease of {lease.holder} was silent"
        try:
            held = take_over(self._platform, lease, f"reaper, {this_process()}", GRACE_S)
        except LeaseHeld:
            return
        except SluiceError as error:
            yield f"{lease.release_id}: lease not taken over yet: {error}"
        else:
            self._taken[lease.endpoint] = _Taken(held, why)

    def _restore(self, endpoint: str) -> Iterator[str]:
        taken = self._taken.get(endpoint)
        if taken is None or taken.restored:
            return
        try:
            written(self._platform, taken.held.renew)
            refuse_unready(self._platform, taken.held.lease)
            give_back(self._platform, taken.held, taken.why)
            taken.restored = True
        except LeaseHeld:
            self._leave(taken)
        except SluiceError as error:
            release_id = taken.held.lease.release_id
            yield f"{release_id}: traffic not given back yet: {error}"

    def _finish(self, endpoint: str) -> Iterator[str]:
        taken = self._taken.get(endpoint)
        if taken is None:
            return
        if not taken.restored:
            yield from self._revive(taken)
            return
        held, release_id = taken.held, taken.held.lease.release_id
        try:
            held.renew()
            with opened(release_id, self._platform, patience_s=0) as release:
                if not release.record.exists():
                    held.release()
                    said = "lease without a record given back"
                else:
                    if release.state().outcome is None:
                        release.record.note("reaped", held.lease.returned)
                    ended = ending.finish(release, stops=False).ended
                    said = f"{ended.outcome}: {ended.reason}"
        except LeaseHeld:
            self._leave(taken)
        except InputError as error:
            # A damaged record is never read again; its traffic is in order, so others may release.
            left = ""
            try:
                losers.clean(self._platform, endpoint, held.lease.restore, patience_s=0.0)
            except SluiceError as fault:
                left = f"; the endpoint's next release stops what is left: {fault}"
            held.release()
            self._leave(taken)
            yield f"{release_id}: ended without its record: {error}{left}"
        except SluiceError as error:
            yield f"{release_id}: not ended yet: {error}"
        else:
            self._leave(taken)
            yield f"{release_id}: {said}"

    def _revive(self, taken: _Taken) -> Iterator[str]:
        """Make production's predictor anew where somebody has deleted it."""
        held, release_id = taken.held, taken.held.lease.release_id
        try:
            if missing(self._platform, held.lease):
                held.renew()
                with opened(release_id, self._platform, patience_s=0) as release:
                    revive_missing(release, held.lease)
        except LeaseHeld:
            self._leave(taken)
        except SluiceError as error:
            yield f"{release_id}: production's predictor is not made anew yet: {error}"

    def _leave(self, taken: _Taken) -> None:
        """It is over, or another's; unless the other phase has taken the lease anew meanwhile."""
        endpoint = taken.held.lease.endpoint
        if self._taken.get(endpoint) is taken:
            del self._taken[endpoint]

    def _close(self) -> Iterator[str]:
        """What is left to do for releases that no lease stands for.

        A release without a lease and without an end began when the store's answer was lost, or
        its lease was damaged and removed: it is ended here.
        """
        try:
            under_way = self._under_way()
            pending = self._platform.records.pending()
        except SluiceError:
            return  # nothing to tell: who needs the store now says so
        self._cleaned &= set(pending)
        self._left = {each: why for each, why in self._left.items() if each in pending}
        # A record that grows is not read at each pass.
        for release_id in set(pending) - under_way - self._others:
            yield from _apart(release_id, self._close_one(release_id))

    def _close_one(self, release_id: str) -> Iterator[str]:
        try:
            with opened(release_id, self._platform, patience_s=0) as release:
                yield from self._end(release)
        except SluiceError as error:
            yield f"{release_id}: record not copied: {error}"

    def _end(self, release: Release) -> Iterator[str]:
        """End it, stop its predictors, report its end, close its record: what is not done yet."""
        release_id = release.record.release_id
        if not release.record.exists():
            return  # its first line is being written
        if other_place(self._platform, release.record.lines()) is not None:
            self._others.add(release_id)
            return
        state = release.state()
        if self._platform.leases.read(state.endpoint.name) is not None:
            return
        if state.outcome is None:
            ended = ending.finish(release, stops=False).ended
            yield f"{release_id}: had no lease: {ended.outcome}: {ended.reason}"
            state = release.state()
        yield from self._clean(release, state)
        reported = self._platform.records.is_joined(release_id)
        if release_id in self._cleaned:
            ending.close(release, state)
        elif not reported:
            ending.settle(release, state)
        if not reported:
            yield f"{release_id}: record copied to MLflow"

    def _clean(self, release: Release, state: ReleaseState) -> Iterator[str]:
        """Stop what an ended release has left."""
        release_id, now = state.release_id, self._platform.clock.monotonic()
        if release_id in self._cleaned:
            return
        if release_id in self._left and now < self._again:
            yield f"{release_id}: not cleaned up yet: {self._left[release_id]}"
            return
        try:
            ending.clean(release, state)
        except LeaseHeld:
            return  # the end of the release that has it does this
        except SluiceError as error:
            if isinstance(error, Unreachable):
                self._again = self._platform.clock.monotonic() + AGAIN_S
            self._left[release_id] = str(error)
            yield f"{release_id}: not cleaned up yet: {error}"
            return
        self._cleaned.add(release_id)
        if self._left.pop(release_id, None):
            yield f"{release_id}: cleaned up"

    def _tell(self) -> Iterator[str]:
        """Tell people of what happened: last, for nothing waits for it."""
        try:
            yield from self._platform.moments.tell()
        except SluiceError as error:
            yield f"people are not told yet: {error}"

    def _note(self) -> Iterator[str]:
        """Let the platform write down which predictors are there, once a minute."""
        now = self._platform.clock.monotonic()
        if now - self._noted < NOTED_EVERY_S:
            return
        try:
            self._platform.serving.note()
            self._noted = now
        except SluiceError as error:
            yield f"which predictors are there was not written down: {error}"

    def _under_way(self) -> set[str]:
        """The releases that have a lease that can be read."""
        found = set()
        for endpoint in self._platform.leases.endpoints():
            with suppress(InputError):
                if lease := self._platform.leases.read(endpoint):
                    found.add(lease.release_id)
        return found


def _apart(what: str, lines: Iterator[str]) -> Iterator[str]:
    """The lines; what nobody foresaw of one thing stops no other, and is tried again."""
    try:
        yield from lines
    except Exception as error:
        log.exception("%s: this was not foreseen", what)
        yield f"{what}: the next pass tries again: {StepFault.of(error)}"


def abandon(platform: Platform, why: str) -> list[str]:
    """End what is left open of a place that is gone, with its leases and all else; what was ended.

    Raises:
        SluiceError: one could not be ended yet; may be repeated.
    """
    said = []
    for release_id in platform.records.pending():
        with opened(release_id, platform, patience_s=0) as release:
            lines = release.record.lines()
            # Of whom a record does not say whose it is, others may be under way.
            if not lines or head_of(lines).place != (platform.place or None):
                continue
            if not _is_held(platform, release.state().endpoint.name):
                ended = ending.abandon(release, why)
                said.append(f"{release_id}: {ended.outcome}: {ended.reason}")
    with suppress(SluiceError):  # nobody waits for it
        said += platform.moments.tell()
    return said


def _is_held(platform: Platform, endpoint: str) -> bool:
    """Whether there is a lease, in a place that may be there again."""
    try:
        return platform.leases.read(endpoint) is not None
    except Unreachable:
        raise
    except PlatformError:  # who may look there is gone with it
        return False
