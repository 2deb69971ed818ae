"""The clients' keys in a Secret (`components.platform.Gateway`).

Its data are what Envoy Gateway reads: a key by its client's name. Roles stand in an annotation, and
who may name a version in the policy of the routes by which that is done (`cluster.pins`).
"""

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster.api import Api, Conflict
from cluster.kinds import SECRET, Object
from cluster.names import annotation, labels, said
from components.errors import InputError, PlatformError
from components.gateway import (
    PLATFORM_CLIENT,
    Role,
    refuse_client_name,
    refuse_known,
    refuse_unknown,
    role_of,
)

SECRET_NAME = "sluice-keys"  # noqa: S105 (an object's name)
_ROLES = "roles"
_TRIES = 10


@dataclass
class Clients:
    """The clients of a team: keys, and the roles that are not `client`."""

    keys: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def role(self, name: str) -> Role:
        """The role of a client that has a key."""
        return role_of(name, self.roles.get(name, "client"))


@dataclass(frozen=True)
class SecretGateway:
    """The gateway's address, and the keys of one namespace.

    Args:
        api: the API server.
        namespace: the team's.
        url: the base URL of inference requests.
        changed: called with the clients when they have been changed.
    """

    api: Api
    namespace: str
    url: str
    changed: Callable[[Clients], None] = lambda _: None

    def clients(self) -> dict[str, Role]:
        """The clients that have a key, by name, and the role of each."""
        known = self.read()
        return {name: known.role(name) for name in sorted(known.keys)}

    def key(self, client: str) -> str:
        """The client's key: a secret.

        Raises:
            InputError: the client has none.
        """
        known = self.read()
        refuse_unknown(client, known.keys)
        return known.keys[client]

    def read(self) -> Clients:
        """The clients as the Secret has them.

        Raises:
            PlatformError: there is no Secret: nobody has installed the team's namespace.
        """
        return _clients(self._found())

    def _found(self) -> Object:
        found = self.api.get(SECRET, self.namespace, SECRET_NAME)
        if found is None:
            raise PlatformError(
                f"namespace {self.namespace} has no Secret {SECRET_NAME}: 'sluice up' makes it"
            )
        return found

    def install(self) -> None:
        """Make the Secret, with the platform's own key, if there is none."""
        if self.api.get(SECRET, self.namespace, SECRET_NAME) is None:
            made = _secret(SECRET.object({"name": SECRET_NAME}), Clients())
            try:
                self.api.create(SECRET, self.namespace, made)
            except Conflict:
                return

    def add(self, client: str, role: Role = "client") -> None:
        """Make a key for a new client.

        Raises:
            InputError: it has one, its name cannot be a client's, or the role is the platform's.
        """
        refuse_client_name(client)
        its = role_of(client, role)

        def change(known: Clients) -> None:
            refuse_known(client, known.keys)
            known.keys[client] = _new_key()
            if its == "operator":
                known.roles[client] = its

        self._change(change)

    def rotate(self, client: str) -> None:
        """Replace the client's key; the role stays.

        Raises:
            InputError: the client has none.
        """

        def change(known: Clients) -> None:
            refuse_unknown(client, known.keys)
            known.keys[client] = _new_key()

        self._change(change)

    def revoke(self, client: str) -> None:
        """Take the client's key away."""

        def change(known: Clients) -> None:
            known.keys.pop(client, None)
            known.roles.pop(client, None)

        self._change(change)

    def _change(self, change: Callable[[Clients], None]) -> None:
        """Change the clients by compare-and-swap; who may pin is known before a key works."""
        for _ in range(_TRIES):
            found = self._found()
            known = _clients(found)
            change(known)
            with _conflicts() as again:
                self.changed(known)
                self.api.replace(SECRET, self.namespace, _secret(found, known))
            if not again:
                return
        raise PlatformError(f"Secret {SECRET_NAME} is changed by somebody else all the time")


@contextmanager
def _conflicts() -> Iterator[list[Conflict]]:
    """What was changed by another process meanwhile."""
    met: list[Conflict] = []
    try:
        yield met
    except Conflict as conflict:
        met.append(conflict)


def _clients(found: Object) -> Clients:
    data: dict[str, str] = found.get("data") or {}
    try:
        roles = json.loads(said(found, _ROLES) or "{}")
        keys = {name: base64.b64decode(value).decode() for name, value in data.items()}
        return Clients(keys, {str(name): str(role) for name, role in roles.items()})
    except (ValueError, AttributeError) as error:
        raise InputError(f"Secret {SECRET_NAME} is damaged: {error}: delete it") from error


def _secret(found: Object, known: Clients) -> Object:
    """The Secret as it is to be; what others wrote into its metadata stays."""
    metadata = found["metadata"]
    keys = {PLATFORM_CLIENT: _new_key()} | known.keys
    annotations = metadata.get("annotations") or {}
    return SECRET.object(
        {
            **metadata,
            "labels": (metadata.get("labels") or {}) | labels("keys"),
            "annotations": annotations
            | {annotation(_ROLES): json.dumps(known.roles, sort_keys=True)},
        },
        type="Opaque",
        data={name: base64.b64encode(key.encode()).decode() for name, key in keys.items()},
    )


def _new_key() -> str:
    return secrets.token_urlsafe(32)
