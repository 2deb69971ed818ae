"""Keys and passwords: made at the first start, kept in files of mode 0600, never printed."""

import secrets
from collections.abc import Mapping

from components import gateway
from components.errors import InputError
from local.files import read_json, replace, replace_json
from local.home import Home

CLIENTS = ("demo", "sluice")
"""The clients that have a key from the start."""


def make(home: Home) -> None:
    """Create what is missing; what exists is kept."""
    keys = client_keys(home)
    missing = {name: new_key() for name in CLIENTS if name not in keys}
    if missing or not home.keys.exists():
        write_client_keys(home, keys | missing)
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


def client_keys(home: Home) -> dict[str, str]:
    """The API key of each client of the gateway.

    Raises:
        InputError: the file is no JSON object of non-empty, different strings by clients' names.
    """
    keys = read_json(home.keys)
    if keys is None:
        return {}
    if not isinstance(keys, dict) or not all(isinstance(k, str) and k for k in keys.values()):
        raise InputError(f'{home.keys}: expected {{"client": "key", ...}}')
    if len(set(keys.values())) < len(keys):
        raise InputError(f"{home.keys}: two clients have the same key")
    try:
        for name in keys:
            gateway.refuse_client_name(name)
    except InputError as error:
        raise InputError(f"{home.keys}: {error}") from error
    return keys


def write_client_keys(home: Home, keys: Mapping[str, str]) -> None:
    """Replace the clients' keys; `apply_client_keys` takes them over."""
    replace_json(home.keys, dict(keys))


def apply_client_keys(home: Home) -> None:
    """Take the clients' keys over for the gateway.

    The gateway reads this copy, so that a slip in the file that people edit never stands between a
    release and its rollback.

    Raises:
        InputError: see `client_keys`.
    """
    replace_json(home.private / "gateway-keys.json", client_keys(home))


def applied_client_keys(home: Home) -> dict[str, str]:
    """The keys that the gateway shall accept."""
    return dict(read_json(home.private / "gateway-keys.json") or {})


def postgres_password(home: Home) -> str:
    """The password of the database user ``sluice``."""
    return (home.private / "postgres").read_text(encoding="utf-8")


def s3_keys(home: Home) -> tuple[str, str]:
    """The access key and the secret key of the S3 user ``sluice``."""
    keys = read_json(home.private / "s3.json")
    return keys["access_key"], keys["secret_key"]
