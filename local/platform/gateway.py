"""Where users ask, and by which keys (`components.platform.Gateway`)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from components.disk import locked
from components.gateway import Role, refuse_client_name, refuse_known, refuse_unknown, role_of
from local import credentials
from local.credentials import Client
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

    def clients(self) -> dict[str, Role]:
        """The clients that have a key, by name, and the role of each.

        Raises:
            InputError: the file of keys is damaged.
        """
        return {
            name: client.role for name, client in sorted(credentials.clients(self.home).items())
        }

    def key(self, client: str) -> str:
        """The client's key: a secret.

        Raises:
            InputError: the client has none, or the file of keys is damaged.
        """
        return _known(credentials.clients(self.home), client).key

    def add(self, client: str, role: Role = "client") -> None:
        """Make a key for a new client; it is accepted when this returns.

        Raises:
            InputError: it has one, its name cannot be a client's, or the role is the platform's.
            Unreachable: the key was made, but the gateway does not run.
        """
        refuse_client_name(client)
        its = role_of(client, role)
        with self._edited() as known:
            refuse_known(client, known)
            known[client] = Client(credentials.new_key(), its)

    def rotate(self, client: str) -> None:
        """Replace the client's key; the old one is refused when this returns, the role stays.

        Raises:
            InputError: the client has none.
            Unreachable: the key was replaced, but the gateway does not run.
        """
        with self._edited() as known:
            known[client] = replace(_known(known, client), key=credentials.new_key())

    def revoke(self, client: str) -> None:
        """Take the client's key away; it is refused when this returns.

        Raises:
            Unreachable: the key was taken away, but the gateway does not run.
        """
        with self._edited() as known:
            known.pop(client, None)

    @contextmanager
    def _edited(self) -> Iterator[dict[str, Client]]:
        """The clients, to be changed by one process at a time; then they are put in force."""
        with locked(self.home.path / "keys.lock"):
            known = credentials.clients(self.home)
            yield known
            credentials.write_clients(self.home, known)
            credentials.apply_client_keys(self.home)
        discovery.publish(self.home)
        admin.wait_for_routes(self.home)


def _known(known: Mapping[str, Client], client: str) -> Client:
    refuse_unknown(client, known)
    return known[client]
