"""Leases, decisions and clients' keys in dictionaries."""

import hashlib
import threading
from dataclasses import replace

from components.errors import InputError
from components.gateway import (
    PLATFORM_CLIENT,
    Role,
    refuse_client_name,
    refuse_known,
    refuse_unknown,
    role_of,
)
from components.platform.clock import Clock
from components.platform.decisions import Decision, Says
from components.platform.leases import Lease


class MemoryLeases:
    """`components.platform.Leases`: one lock makes read and write one."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._leases: dict[str, Lease | None] = {}
        """None: damaged."""
        self.tells_age = False
        """Whether it says when a lease was changed, as an API server does."""
        self._clock = clock
        self._changed: dict[str, float] = {}
        self._given = 0
        self.room_kept = False
        self._lock = threading.Lock()

    def read(self, endpoint: str) -> Lease | None:
        """The lease, living or silent, or None."""
        with self._lock:
            return self._read(endpoint)

    def _read(self, endpoint: str) -> Lease | None:
        if endpoint not in self._leases:
            return None
        if (found := self._leases[endpoint]) is None:
            raise InputError(f"the lease of {endpoint} is damaged")
        return found

    def swap(self, endpoint: str, expected: str | None, new: Lease | None) -> str | None:
        """Replace the lease if its token is still ``expected`` (None: no lease)."""
        with self._lock:
            present = self._read(endpoint)
            if (present.token if present else None) != expected:
                return None
            self.room_kept = self.room_kept or present is None
            self._given += 1
            token = str(self._given)
            if new is None:
                self._leases.pop(endpoint, None)
            else:
                self._leases[endpoint] = replace(new, token=token)
                self._changed[endpoint] = self._clock.monotonic() if self._clock else 0.0
            return token

    def age(self, endpoint: str) -> float | None:
        """Seconds since the lease changed last, if it is to be told."""
        if not (self.tells_age and self._clock and endpoint in self._leases):
            return None
        return self._clock.monotonic() - self._changed[endpoint]

    def endpoints(self) -> list[str]:
        """The endpoints that have a lease; one that is damaged is among them."""
        return sorted(self._leases)

    def make_room(self) -> bool:
        """Give up what was kept when a lease began: once."""
        kept, self.room_kept = self.room_kept, False
        return kept

    def damage(self, endpoint: str) -> None:
        """Make the endpoint's lease one that cannot be read."""
        self._leases[endpoint] = None

    def remove(self, endpoint: str) -> None:
        """Leave no lease of the endpoint, damaged or not, as a person may."""
        self._leases.pop(endpoint, None)


class MemoryDecisions:
    """`components.platform.Decisions`: whoever calls is `caller`."""

    def __init__(self, clock: Clock) -> None:
        self.caller = "somebody"
        """Whom the platform takes the caller for."""
        self._clock = clock
        self._kept: dict[str, dict[int, Decision]] = {}
        self._lock = threading.Lock()

    def read(self, release_id: str) -> list[Decision]:
        """The decisions of a release, in their order."""
        with self._lock:
            return [each for _, each in sorted(self._kept.get(release_id, {}).items())]

    def add(self, release_id: str, number: int, says: Says, reason: str) -> Decision | None:
        """Keep a decision of the caller, if the release has none of that number."""
        with self._lock:
            kept = self._kept.setdefault(release_id, {})
            if number in kept:
                return None
            at = self._clock.time()
            kept[number] = Decision(release_id, number, says, self.caller, at, reason)
            return kept[number]

    def clear(self, release_id: str) -> None:
        """Remove what was decided of a release."""
        with self._lock:
            self._kept.pop(release_id, None)


class MemoryGateway:
    """`components.platform.Gateway`: keys that are the same each time."""

    def __init__(self) -> None:
        self._made = 0
        self._clients: dict[str, tuple[str, Role]] = {}
        """Key and role by name."""
        self.add(PLATFORM_CLIENT)

    @property
    def url(self) -> str:
        """An address; nobody listens there."""
        return "memory://gateway"

    def clients(self) -> dict[str, Role]:
        """The clients that have a key, by name, and the role of each."""
        return {name: role for name, (_, role) in sorted(self._clients.items())}

    def key(self, client: str) -> str:
        """The client's key."""
        refuse_unknown(client, self._clients)
        return self._clients[client][0]

    def add(self, client: str, role: Role = "client") -> None:
        """Make a key for a new client."""
        refuse_known(client, self._clients)
        refuse_client_name(client)
        self._clients[client] = (self._new(client), role_of(client, role))

    def rotate(self, client: str) -> None:
        """Replace the client's key."""
        self.key(client)
        self._clients[client] = (self._new(client), self._clients[client][1])

    def revoke(self, client: str) -> None:
        """Take the client's key away."""
        self._clients.pop(client, None)

    def client_of(self, key: str) -> str | None:
        """Whose key it is."""
        return next((name for name, (its, _) in self._clients.items() if its == key), None)

    def _new(self, client: str) -> str:
        self._made += 1
        return hashlib.sha256(f"{client}/{self._made}".encode()).hexdigest()
