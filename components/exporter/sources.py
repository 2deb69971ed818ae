"""What the exporter reads of a platform, each kept as it was read last."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from components.endpoint import Endpoint
from components.errors import InputError, SluiceError
from components.exporter.released import Released, after, begun
from components.platform import Platform, StoredVersion
from components.record.tail import Tail
from components.release.lease import LeaseWatch

log = logging.getLogger("sluice.exporter")

AGAIN_S = 60.0
"""What changes rarely is read again so long after it was."""


class Source:
    """A part of the platform, which may answer late or never: who asks says how long to wait."""

    def __init__(self, name: str, read: Callable[[], None]) -> None:
        self.name = name
        self._read = read
        self._thread: threading.Thread | None = None
        self._fresh = False
        self._failing = False

    def begin(self) -> None:
        """Read again, unless the last reading still goes on."""
        if self._thread is None or not self._thread.is_alive():
            self._fresh = False
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the reading's end, at most so long."""
        if self._thread:
            self._thread.join(max(seconds, 0.0))

    @property
    def is_fresh(self) -> bool:
        """Whether the newest reading is over and went well."""
        return self._fresh

    def _run(self) -> None:
        said = ""
        try:
            self._read()
            self._fresh = True
        except SluiceError as error:
            said = str(error)
        except Exception:  # whatever it meets, the other sources are told of
            log.exception("%s: this was not foreseen", self.name)
        if said and not self._failing:
            log.warning("%s: %s", self.name, said)
        self._failing = bool(said)


@dataclass(frozen=True)
class Archive:
    """What the records say."""

    newest: Mapping[str, Released]
    """The newest release of each endpoint."""
    ended: Mapping[tuple[str, str], int] | None
    """How many ended, by endpoint and outcome; None while that is not known of all."""
    unread: int
    damaged: int


class Records:
    """The platform's records: each is read once, and on while it grows."""

    def __init__(self, platform: Platform) -> None:
        self._records, self._clock = platform.records, platform.clock
        self._lock = threading.Lock()
        self._released: dict[str, Released] = {}
        """By id."""
        self._unread: set[str] = set()
        self._damaged: dict[str, float] = {}
        """When each was found so, by the monotonic clock."""
        self._tails: dict[str, Tail] = {}
        """Of those that are under way."""
        self._listed: float | None = None

    def read(self) -> None:
        """Read what is new.

        Raises:
            Unreachable: the store did not answer.
        """
        now = self._clock.monotonic()
        if self._listed is None or now - self._listed >= AGAIN_S:
            self._list(set(self._records.releases()))
            self._listed = now
        # A new record is pending, so the long list need not be asked for each time.
        pending = set(self._records.pending())
        with self._lock:
            # One that has ended since the last reading may be pending no more.
            growing = {each for each, release in self._released.items() if not release.outcome}
            ended = self._released.keys() - growing
            late = {each for each, at in self._damaged.items() if now - at < AGAIN_S}
            self._unread |= pending - self._released.keys() - self._damaged.keys()
            to_read = (pending | growing | self._unread | self._damaged.keys()) - ended - late
        # Who waits for the first scrape sees what is under way before what is over.
        for release_id in sorted(to_read, key=lambda each: each not in pending):
            self._follow(release_id)

    def _list(self, listed: set[str]) -> None:
        """Take these for the records that there are."""
        self._tails = {each: tail for each, tail in self._tails.items() if each in listed}
        with self._lock:
            self._released = {each: of for each, of in self._released.items() if each in listed}
            self._damaged = {each: at for each, at in self._damaged.items() if each in listed}
            self._unread = listed - self._released.keys() - self._damaged.keys()

    def _follow(self, release_id: str) -> None:
        tail = self._tails.setdefault(release_id, Tail(self._records, release_id))
        release = self._released.get(release_id)
        try:
            for line in tail.news():
                release = after(release, line) if release else begun(line)
        except InputError as error:
            log.warning("%s", error)
            del self._tails[release_id]
            with self._lock:
                self._unread.discard(release_id)
                self._released.pop(release_id, None)
                self._damaged[release_id] = self._clock.monotonic()
            return
        if release and release.outcome:
            del self._tails[release_id]
        with self._lock:
            self._unread.discard(release_id)
            self._damaged.pop(release_id, None)
            if release:  # else its first line is being written
                self._released[release_id] = release

    def known(self) -> Archive:
        """What was read so far."""
        with self._lock:
            found = list(self._released.values())
            damaged, unread = len(self._damaged), len(self._unread)
        newest: dict[str, Released] = {}
        ended: dict[tuple[str, str], int] = {}
        for release in found:
            before = newest.get(release.endpoint)
            if before is None or release.started_at >= before.started_at:
                newest[release.endpoint] = release
            if release.outcome:
                key = (release.endpoint, release.outcome)
                ended[key] = ended.get(key, 0) + 1
        complete = self._listed is not None and not unread
        return Archive(newest, ended if complete else None, unread, damaged)


class Endpoints:
    """The endpoints' files; a new one is read at once, and a known one now and then."""

    def __init__(self, platform: Platform) -> None:
        self._endpoints, self._clock = platform.endpoints, platform.clock
        self._read_at: dict[str, float] = {}
        self.known: Mapping[str, Endpoint] = {}
        """By name; of one that is damaged by now, as it was."""
        self.damaged: frozenset[str] = frozenset()

    def read(self) -> None:
        """Read what is new or old.

        Raises:
            Unreachable: the store did not answer.
        """
        now = self._clock.monotonic()
        names = self._endpoints.names()
        known = {name: self.known[name] for name in names if name in self.known}
        damaged = set(self.damaged).intersection(names)
        for name in names:
            if now - self._read_at.get(name, -AGAIN_S) < AGAIN_S:
                continue
            try:
                known[name] = self._endpoints.load(name)
                damaged.discard(name)
            except InputError as error:
                log.warning("%s", error)
                damaged.add(name)
            self._read_at[name] = now
        self.known, self.damaged = known, frozenset(damaged)


class Leases:
    """The leases, and when each expires."""

    def __init__(self, platform: Platform) -> None:
        self._clock = platform.clock
        self._watch = LeaseWatch(platform.leases, platform.clock)
        self.expire: Mapping[str, float] = {}
        """By endpoint, in seconds since the epoch."""
        self.damaged = 0

    def read(self) -> None:
        """Look at each lease.

        Raises:
            SluiceError: one could not be read, and nobody knows whether it is damaged.
        """
        held, faults = self._watch.look()
        now = self._clock.time()
        self.expire = {lease.endpoint: now + lease.seconds - silent for lease, silent in held}
        unknown = [fault for fault in faults if not isinstance(fault, InputError)]
        self.damaged = len(faults) - len(unknown)
        if unknown:
            raise unknown[0]


@dataclass(frozen=True)
class Served:
    """An endpoint as it is served."""

    versions: Mapping[str, StoredVersion | None]
    """What each arm's predictor was created from, if that is known."""
    weights: Mapping[str, int]
    """The split that was asked for."""


class Serving:
    """Predictors and splits."""

    def __init__(self, platform: Platform, names: Callable[[], Iterable[str]]) -> None:
        self._serving, self._traffic = platform.serving, platform.traffic
        self._names = names
        self.known: Mapping[str, Served] = {}
        """By endpoint."""

    def read(self) -> None:
        """Ask for each endpoint's.

        Raises:
            SluiceError: one could not be read; the others were.
        """
        known = dict(self.known)
        names = set(self._names())
        fault: SluiceError | None = None
        for name in names:
            try:
                arms = {
                    arm: self._serving.stored(name, arm) for arm in self._serving.versions(name)
                }
                known[name] = Served(arms, self._traffic.weights(name))
            except SluiceError as error:
                fault = error
        self.known = {name: served for name, served in known.items() if name in names}
        if fault:
            raise fault
