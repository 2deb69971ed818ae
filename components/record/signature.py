"""A signature of an ended record, by a key that is kept apart from record and registry.

HMAC-SHA256 of the standard library: who checks needs the same key as who signs.
"""

import hashlib
import hmac
import os
from pathlib import Path

from components.errors import InputError
from components.files import read_limited

KEY = "SLUICE_RECORD_KEY"
"""Environment variable that names the key's file."""
MIN_BYTES, MAX_BYTES = 32, 4096
_OTHERS = 0o007


def key() -> bytes | None:
    """The key; None if none is asked for.

    Raises:
        InputError: the file cannot be read, others may read it, or it is no key.
    """
    named = os.environ.get(KEY)
    if not named:
        return None
    path = Path(named)
    if not path.is_absolute():
        raise InputError(f"{KEY} is {named!r}: name the key's file by its absolute path")
    found = read_limited(path, MAX_BYTES, name=f"{KEY}: {path}", too_large="no key is")
    if path.stat().st_mode & _OTHERS:
        raise InputError(f"{KEY}: {path}: others may read or write it: chmod 600 it")
    if len(found) < MIN_BYTES:
        raise InputError(
            f"{KEY}: {path}: a key has {MIN_BYTES} random bytes at least: make one with"
            f" 'head -c {MIN_BYTES} /dev/urandom'"
        )
    return found


def sign(by: bytes, release_id: str, anchor: str) -> str:
    """The signature of a release's anchor, in hexadecimal."""
    said = f"sluice record {release_id} {anchor}"
    return hmac.new(by, said.encode(), hashlib.sha256).hexdigest()


def is_of(by: bytes, release_id: str, anchor: str, signature: str) -> bool:
    """Whether the signature was made by this key."""
    return hmac.compare_digest(sign(by, release_id, anchor).encode(), signature.encode())
