"""The lease: one release per endpoint at a time, and a dead-man's switch.

Whoever changes traffic renews the lease by compare-and-swap first. A process that was overtaken
(by a resumed run, an operator or the reaper) finds its token gone and stops; a process that died
leaves a deadline behind, after which the reaper ends the release.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from components.errors import LeaseHeld
from components.platform import Lease, Leases

ENGINE = "SLUICE_ENGINE"
"""Environment variable by which the steps of one run of a pipeline know that they belong together.
A platform whose engine does not set it cannot tell an overtaken run from its successor."""


def this_process() -> str:
    """Who this process is, for people."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def holder() -> str:
    """On whose behalf this process acts: its engine's, else its own."""
    return os.environ.get(ENGINE) or this_process()


def overtaken_by(lease: Lease | None, release_id: str, now: float) -> str | None:
    """Who holds the release's living lease instead of this engine; None if nobody does."""
    if os.environ.get(ENGINE) and lease and lease.release_id == release_id:
        return lease.holder if lease.holder != holder() and lease.deadline > now else None
    return None


class Hold:
    """A lease that this process holds."""

    def __init__(self, leases: Leases, lease: Lease, seconds: float) -> None:
        self._leases = leases
        self._lease = lease
        self._seconds = seconds
        self._lock = threading.Lock()

    def renew(self) -> None:
        """Move the deadline; after this nobody else may act for the lease's length.

        Raises:
            LeaseHeld: another process has taken the lease over, or it is gone.
        """
        with self._lock:
            new = replace(self._lease, deadline=time.time() + self._seconds)
            token = self._leases.swap(self._lease.endpoint, self._lease.token, new)
            if token is None:
                taken = self._leases.read(self._lease.endpoint)
                who = f"taken over by {taken.holder}" if taken else "ended by another process"
                raise LeaseHeld(f"release {self._lease.release_id} was {who}: this one stops")
            self._lease = replace(new, token=token)

    def release(self) -> None:
        """Give the lease back; harmless when it is no longer ours."""
        with self._lock:
            self._leases.swap(self._lease.endpoint, self._lease.token, None)


def acquire(leases: Leases, endpoint: str, release_id: str, seconds: float) -> Hold:
    """Take the endpoint's lease for ``seconds``, or take it over within the same release.

    Args:
        leases: where leases stand.
        endpoint: whose traffic will be changed.
        release_id: on whose behalf.
        seconds: how long the holder may be silent.

    Raises:
        LeaseHeld: another release holds it; the message says which and for how long.
    """
    while True:
        now = time.time()
        current = leases.read(endpoint)
        if current and current.release_id != release_id:
            left = current.deadline - now
            until = f"for another {left:.0f} s" if left > 0 else "expired: the reaper ends it soon"
            raise LeaseHeld(
                f"endpoint {endpoint} is held by release {current.release_id}"
                f" ({current.holder}), {until}; resume it with"
                f" 'sluice release --resume {current.release_id}' or wait"
            )
        lease = Lease(endpoint, release_id, holder(), now + seconds)
        token = leases.swap(endpoint, current.token if current else None, lease)
        if token is not None:
            return Hold(leases, replace(lease, token=token), seconds)


@contextmanager
def heartbeat(hold: Hold, every: float) -> Iterator[None]:
    """Renew ``hold`` every ``every`` seconds while the block runs.

    Only for work that moves no traffic: a watch renews at each poll instead, so that a watch that
    hangs loses its lease.

    Raises:
        LeaseHeld: at the block's end, if the lease was lost meanwhile.
    """
    stop = threading.Event()
    lost: list[Exception] = []

    def beat() -> None:
        while not stop.wait(every):
            try:
                hold.renew()
            except Exception as error:  # noqa: BLE001 a full disk too must stop who relies on it
                lost.append(error)
                return

    thread = threading.Thread(target=beat, name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if lost:
        raise lost[0]
