"""The lease: one release per endpoint at a time, and a dead-man's switch.

Whoever changes traffic renews the lease by compare-and-swap first. A process that was overtaken
(by a resumed run, an operator or the reaper) finds its token gone and stops; a process that died
leaves a lease that is silent, and after the lease's length the reaper gives the traffic back.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from components.errors import InputError, LeaseHeld, PlatformError, SluiceError, Unreachable
from components.platform import Clock, Lease, Leases, Weights

log = logging.getLogger("sluice.release")


def this_process() -> str:
    """Who this process is, for people."""
    return f"process {os.getpid()} on {socket.gethostname()}"


class HeldLease:
    """A lease that this process holds."""

    def __init__(self, leases: Leases, lease: Lease, clock: Clock) -> None:
        self._leases = leases
        self._lease = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._unanswered: Lease | None = None
        """What was to be written when the store did not answer: it may stand."""
        self._renewed_at = clock.monotonic()

    @property
    def lease(self) -> Lease:
        """What the store holds."""
        return self._lease

    def silent_s(self) -> float:
        """Seconds since the newest renewal."""
        return self._clock.monotonic() - self._renewed_at

    def refresh(self) -> None:
        """Renew where a quarter of the lease's length has gone since: between slow calls.

        Raises:
            LeaseHeld: see `renew`.
        """
        if self.silent_s() > self._lease.seconds / 4:
            self.renew()

    def renew(self, restore: Weights | None = None, waits: str | None = None) -> None:
        """Be heard of: nobody else may act for the lease's length from now on.

        Args:
            restore: from now on the way back, if it changes.
            waits: what the release waits for, if that changes.

        Raises:
            LeaseHeld: another process has taken the lease over, or it is gone.
        """
        changes: dict[str, Any] = {} if restore is None else {"restore": dict(restore)}
        changes |= {} if waits is None else {"waits": waits}
        self._change(lambda lease: replace(lease, **changes))

    def note_returned(self, why: str, reason: str) -> None:
        """Note that the way back is in force, for whoever writes the record.

        Raises:
            LeaseHeld: see `renew`.
        """
        self._change(lambda lease: replace(lease, returned=why, reason=reason or lease.reason))

    def _change(self, change: Callable[[Lease], Lease]) -> None:
        with self._lock:
            began = self._clock.monotonic()
            self._read_back()
            new = change(replace(self._lease, renewals=self._lease.renewals + 1))
            try:
                self._unanswered = new
                token = self._leases.swap(new.endpoint, new.token, new)
                self._unanswered = None
            except Unreachable:
                if not self._read_back():
                    raise
            else:
                if token is None:
                    taken = self._leases.read(new.endpoint)
                    who = f"taken over by {taken.holder}" if taken else "ended by another process"
                    raise LeaseHeld(f"release {new.release_id} was {who}: this one stops")
                self._lease = replace(new, token=token)
            self._renewed_at = began

    def _read_back(self) -> bool:
        """Read back a write whose answer was lost; whether it was done, and is what is held."""
        new = self._unanswered
        if new is None:
            return False
        found = self._leases.read(new.endpoint)
        self._unanswered = None
        # Holder and number of renewals make the lease as it was to be written this process's.
        if found is None or replace(found, token=new.token) != new:
            return False
        self._lease = found
        return True

    def release(self) -> None:
        """Give the lease back; harmless when it is no longer ours."""
        with self._lock:
            self._leases.swap(self._lease.endpoint, self._lease.token, None)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew three times in the lease's length while the block runs.

        Only for work that ends: a watch renews at each poll instead, so that a watch that hangs
        loses its lease. A renewal that is not answered is tried again by the next one.

        Raises:
            LeaseHeld: at the block's end, if the lease was lost meanwhile.
            Unreachable: at the block's end, if nobody knows.
        """
        lost: list[Exception] = []
        unanswered = False

        def beat() -> None:
            nonlocal unanswered
            if lost:
                return
            try:
                self.renew()
                unanswered = False
            except Unreachable:
                unanswered = True
            except Exception as error:  # noqa: BLE001 a full disk too must stop who relies on it
                lost.append(error)

        with self._clock.beating(self._lease.seconds / 3, beat):
            yield
        if lost:
            raise lost[0]
        if unanswered:
            self.renew()


def acquire(leases: Leases, clock: Clock, wanted: Lease) -> HeldLease:
    """Take the endpoint's lease, or take it over within the same release.

    Args:
        leases: where leases stand.
        clock: times the lease.
        wanted: the lease; what a lease of the same release already says of the way back, and of an
            end by an operator, stays.

    Raises:
        LeaseHeld: another release holds it; the message says which.
    """
    while True:
        current = leases.read(wanted.endpoint)
        if current and current.release_id != wanted.release_id:
            raise held(current)
        new = _taken_over(current, wanted) if current else wanted
        token = leases.swap(wanted.endpoint, current.token if current else None, new)
        if token is not None:
            return HeldLease(leases, replace(new, token=token), clock)


def _taken_over(current: Lease, wanted: Lease) -> Lease:
    limits = current.limits or wanted.limits  # an earlier Sluice writes none
    return replace(current, holder=wanted.holder, seconds=wanted.seconds, limits=limits)


def held(lease: Lease) -> LeaseHeld:
    """What is told to whoever wants to release where ``lease`` stands."""
    return LeaseHeld(
        f"endpoint {lease.endpoint} is held by release {lease.release_id}"
        f" ({lease.holder}); if that is silent for {lease.seconds:.0f} s the reaper"
        f" ends it; resume it with 'sluice release --resume {lease.release_id}' or wait"
    )


def standing_leases(leases: Leases) -> list[Lease]:
    """The leases that can be read, by their endpoints."""
    found = []
    for endpoint in leases.endpoints():
        with suppress(InputError):  # of a damaged one the reaper tells
            found.append(leases.read(endpoint))
    return [lease for lease in found if lease]


SURE_S = 10.0
"""A lease that is met for the first time is watched for so long at least, whatever its age."""
AGE_SLACK_S = 5.0
"""So much younger it may be than its store says: clocks of one store's servers differ, too."""


@dataclass(frozen=True)
class _Seen:
    """What is known of an endpoint's lease, by the watcher's own monotonic clock."""

    token: str
    since: float
    """It has had this token since then, at the latest."""
    met: float
    """When the watcher read this token first."""


class LeaseWatch:
    """Which leases are silent, by no clock that anybody may set.

    A lease is silent when its token has not changed for its length, counted from when this object
    first saw the token. One that is met for the first time is as old as its store says, by the
    store's own clock; where the store does not say it, its holder has the whole length once more.
    """

    def __init__(self, leases: Leases, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def silent(self) -> tuple[list[Lease], list[str]]:
        """The silent leases, and one line for each lease that cannot be read."""
        held, faults = self.look()
        found = [lease for lease, silent_s in held if silent_s >= lease.seconds]
        return found, list(map(str, faults))

    def look(self) -> tuple[list[tuple[Lease, float]], list[SluiceError]]:
        """Each lease with the seconds since it was heard of, and why the others were not read.

        An `InputError` is of a lease that is damaged.
        """
        found: list[tuple[Lease, float]] = []
        faults: list[SluiceError] = []
        for endpoint in self._leases.endpoints():
            try:
                lease = self._leases.read(endpoint)
                silent_s = None if lease is None else self._silent_s(lease)
            except InputError as error:
                faults.append(error)
                continue
            except SluiceError as error:
                faults.append(PlatformError(f"the lease of {endpoint} was not read: {error}"))
                continue
            except Exception as error:  # of one lease: the others may be silent
                log.exception("the lease of %s: this was not foreseen", endpoint)
                fault = f"{type(error).__name__}: {error}"
                faults.append(PlatformError(f"the lease of {endpoint} was not read: {fault}"))
                continue
            if lease is not None and silent_s is not None:
                found.append((lease, silent_s))
        return found, faults

    def _silent_s(self, lease: Lease) -> float:
        now, known = self._clock.monotonic(), self._seen.get(lease.endpoint)
        if known is None or known.token != lease.token:
            # Of a token that has just changed its age is known: it is none.
            age = self._leases.age(lease.endpoint) if known is None else None
            since = now - max(0.0, (age or 0.0) - AGE_SLACK_S)
            known = self._seen[lease.endpoint] = _Seen(lease.token, since, now)
        sure = now - known.met >= min(SURE_S, lease.seconds)
        # Until then it is as good as silent, and no more.
        return now - known.since if sure else min(now - known.since, lease.seconds - 1e-3)

    def longest(self) -> float:
        """Seconds of the longest lease there is; 0 without any."""
        lengths = [0.0]
        for endpoint in self._leases.endpoints():
            try:
                lease = self._leases.read(endpoint)
            except SluiceError:
                continue  # `silent` tells of it
            if lease:
                lengths.append(lease.seconds)
        return max(lengths)
