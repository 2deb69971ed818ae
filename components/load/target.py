"""Where traffic goes: the gateway, and a client's key to it."""

import json
import os
from pathlib import Path

from components.errors import InputError, PlatformError


def gateway_url() -> str:
    """The base URL of the platform's gateway.

    Raises:
        PlatformError: the platform names none.
    """
    url = os.environ.get("SLUICE_GATEWAY")
    if not url:
        raise PlatformError("the platform names no gateway: set SLUICE_GATEWAY to its base URL")
    return url.rstrip("/")


def client_key(path: Path, client: str) -> str:
    """The key of ``client`` from a file of keys by name.

    Raises:
        InputError: the file cannot be read, or holds no such client.
    """
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no client keys can be read: {error}") from error
    if not isinstance(keys, dict) or client not in keys:
        raise InputError(f"{path}: no key of client {client!r}: name one of {', '.join(keys)}")
    return str(keys[client])
