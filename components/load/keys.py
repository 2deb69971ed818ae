"""A client's key to the gateway, from a file of one's own."""

import json
from pathlib import Path

from components.errors import InputError


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
    written = keys[client]
    return str(written["key"] if isinstance(written, dict) else written)
