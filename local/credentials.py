"""Keys and passwords: made at the first start, kept in files of mode 0600, never printed."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import gateway
from components.disk import read_json, replace, replace_json
from components.errors import InputError
from local.home import Home

CLIENTS = ("demo", gateway.PLATFORM_CLIENT)
"""The clients that have a key from the start."""


@dataclass(frozen=True)
class Client:
    """One client of the gateway."""

    key: str
    role: gateway.Role = "client"


def make(home: Home) -> None:
    """Create what is missing; what exists is kept."""
    known = clients(home)
    missing = {
        name: Client(new_key(), gateway.role_of(name, "client"))
        for name in CLIENTS
        if name not in known
    }
    if missing or not home.keys.exists():
        write_clients(home, known | missing)
    if not (home.private / "postgres").exists():
        replace(home.private / "postgres", secrets.token_urlsafe(32))
    if not (home.private / "s3.json").exists():
        replace_json(
            home.private / "s3.json",
            {"access_key": secrets.token_hex(10), "secret_key": secrets.token_urlsafe(32)},
        )


def new_key() -> str:
    """A client's key that nobody can guess."""
    return secrets.token_urlsafe(32)


def clients(home: Home) -> dict[str, Client]:
    """The clients of the gateway by name.

    Raises:
        InputError: the file is no JSON object of different keys by clients' names.
    """
    return _clients(home.keys)


def _clients(path: Path) -> dict[str, Client]:
    content = read_json(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f'{path}: expected {{"client": "key", ...}}')
    try:
        found = {name: _client(name, written) for name, written in content.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if len({client.key for client in found.values()}) < len(found):
        raise InputError(f"{path}: two clients have the same key")
    return found


def _client(name: str, written: Any) -> Client:
    """A client as the file has it: its key, or key and role where it is no ordinary one."""
    gateway.refuse_client_name(name)
    match written:
        case str(key):
            role = "client"
        case {"key": str(key), "role": str(role)} if len(written) == len(("key", "role")):
            pass
        case _:
            key = role = ""
    if not key:
        raise InputError(f'expected {{"{name}": "key"}} or {{"{name}": {{"key": .., "role": ..}}}}')
    return Client(key, gateway.role_of(name, role))


def write_clients(home: Home, known: Mapping[str, Client]) -> None:
    """Replace the clients; `apply_client_keys` takes them over."""
    replace_json(home.keys, _written(known))


def _written(known: Mapping[str, Client]) -> dict[str, Any]:
    return {
        name: {"key": client.key, "role": client.role} if client.role == "operator" else client.key
        for name, client in known.items()
    }


def apply_client_keys(home: Home) -> None:
    """Take the clients' keys over for the gateway.

    The gateway reads this copy, so that a slip in the file that people edit never stands between a
    release and its rollback.

    Raises:
        InputError: see `clients`.
    """
    replace_json(_applied(home), _written(clients(home)))


def applied_clients(home: Home) -> dict[str, Client]:
    """The clients whose keys the gateway shall accept.

    Raises:
        InputError: neither the copy nor the file that people edit can be read.
    """
    try:
        return _clients(_applied(home))
    except InputError:
        return clients(home)


def _applied(home: Home) -> Path:
    return home.private / "gateway-keys.json"


def postgres_password(home: Home) -> str:
    """The password of the database user ``sluice``."""
    return (home.private / "postgres").read_text(encoding="utf-8")


def s3_keys(home: Home) -> tuple[str, str]:
    """The access key and the secret key of the S3 user ``sluice``."""
    keys = read_json(home.private / "s3.json")
    return keys["access_key"], keys["secret_key"]
