"""Where users ask, and by which keys (`components.platform.Gateway`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from components.errors import InputError
from components.gateway import refuse_client_name
from local import credentials
from local.files import locked
from local.gateway import admin, discovery
from local.home import Home
from local.servers import envoy_server, ports


@dataclass(frozen=True)
class LocalGateway:
    """Envoy's address, and the clients' keys in a file that people may edit as well."""

    home: Home

    @property
    def url(self) -> str:
        """The base URL of inference requests."""
        return envoy_server.url(ports.kept(self.home))

    def clients(self) -> list[str]:
        """The clients that have a key.

        Raises:
            InputError: the file of keys is damaged.
        """
        return sorted(credentials.client_keys(self.home))

    def key(self, client: str) -> str:
        """The client's key: a secret.

        Raises:
            InputError: the client has none, or the file of keys is damaged.
        """
        return _key(credentials.client_keys(self.home), client)

    def add(self, client: str) -> None:
        """Make a key for a new client; it is accepted when this returns.

        Raises:
            InputError: it has one, or its name cannot be a client's.
            Unreachable: the key was made, but the gateway does not run.
        """
        refuse_client_name(client)
        with self._edited() as keys:
            if client in keys:
                raise InputError(f"client {client} has a key already: rotate it to replace it")
            keys[client] = credentials.new_key()

    def rotate(self, client: str) -> None:
        """Replace the client's key; the old one is refused when this returns.

        Raises:
            InputError: the client has none.
            Unreachable: the key was replaced, but the gateway does not run.
        """
        with self._edited() as keys:
            _key(keys, client)
            keys[client] = credentials.new_key()

    def revoke(self, client: str) -> None:
        """Take the client's key away; it is refused when this returns.

        Raises:
            Unreachable: the key was taken away, but the gateway does not run.
        """
        with self._edited() as keys:
            keys.pop(client, None)

    @contextmanager
    def _edited(self) -> Iterator[dict[str, str]]:
        """The keys, to be changed by one process at a time; then they are put in force."""
        with locked(self.home.path / "keys.lock"):
            keys = credentials.client_keys(self.home)
            yield keys
            credentials.write_client_keys(self.home, keys)
            credentials.apply_client_keys(self.home)
        discovery.publish(self.home)
        admin.wait_for_routes(self.home)


def _key(keys: dict[str, str], client: str) -> str:
    if client not in keys:
        raise InputError(f"client {client!r} has no key: 'sluice keys add {client}' makes one")
    return keys[client]
