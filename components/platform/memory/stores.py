"""Leases and clients' keys in dictionaries."""

import hashlib
import re
import threading
from dataclasses import replace

from components.errors import InputError
from components.platform.contract import Lease

_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class MemoryLeases:
    """`components.platform.Leases`: one lock makes read and write one."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease | None] = {}
        """None: damaged."""
        self._given = 0
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
            self._given += 1
            token = str(self._given)
            if new is None:
                self._leases.pop(endpoint, None)
            else:
                self._leases[endpoint] = replace(new, token=token)
            return token

    def endpoints(self) -> list[str]:
        """The endpoints that have a lease; one that is damaged is among them."""
        return sorted(self._leases)

    def damage(self, endpoint: str) -> None:
        """Make the endpoint's lease one that cannot be read."""
        self._leases[endpoint] = None


class MemoryGateway:
    """`components.platform.Gateway`: keys that are the same each time."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._made = 0

    @property
    def url(self) -> str:
        """An address; nobody listens there."""
        return "memory://gateway"

    def clients(self) -> list[str]:
        """The clients that have a key."""
        return sorted(self._keys)

    def key(self, client: str) -> str:
        """The client's key."""
        if client not in self._keys:
            raise InputError(f"client {client!r} has no key: 'sluice keys add {client}' makes one")
        return self._keys[client]

    def add(self, client: str) -> None:
        """Make a key for a new client."""
        if client in self._keys:
            raise InputError(f"client {client!r} has a key already: rotate it to replace it")
        if not _CLIENT.fullmatch(client):
            raise InputError(f"{client!r} cannot be a client's name: use letters, digits, '-', '_'")
        self._keys[client] = self._new(client)

    def rotate(self, client: str) -> None:
        """Replace the client's key."""
        self.key(client)
        self._keys[client] = self._new(client)

    def revoke(self, client: str) -> None:
        """Take the client's key away."""
        self._keys.pop(client, None)

    def client_of(self, key: str) -> str | None:
        """Whose key it is."""
        return next((client for client, its in self._keys.items() if its == key), None)

    def _new(self, client: str) -> str:
        self._made += 1
        return hashlib.sha256(f"{client}/{self._made}".encode()).hexdigest()
