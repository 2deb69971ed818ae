"""The clients of a gateway: the part of the contract that is about keys."""

from typing import Protocol

from components.gateway import Role


class Gateway(Protocol):
    """Where users ask, and by which keys.

    Header names and what each role may do stand in `components.gateway`. The client
    `components.gateway.PLATFORM_CLIENT` is there from the start.
    """

    @property
    def url(self) -> str:
        """The base URL of inference requests."""

    def clients(self) -> dict[str, Role]:
        """The clients that have a key, by name, and the role of each."""

    def key(self, client: str) -> str:
        """The client's key: a secret.

        Raises:
            InputError: the client has none.
        """

    def add(self, client: str, role: Role = "client") -> None:
        """Make a key for a new client.

        Raises:
            InputError: it has one, its name cannot be a client's, or the role is the platform's.
        """

    def rotate(self, client: str) -> None:
        """Replace the client's key; the old one is refused from then on, the role stays."""

    def revoke(self, client: str) -> None:
        """Take the client's key away."""
