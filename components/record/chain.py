"""The chain: JSON lines, each bound to the one before by its hash.

A line is ``{"at", "body", "hash", "kind", "prev", "seq"}``. ``hash`` is the SHA-256 of the line's
bytes without the member ``hash`` itself; ``prev`` is the hash of the line before, 64 zeros for the
first. So a line that was changed, removed, added or moved breaks the chain at a place that can be
named, and a reader needs to know nothing of what the lines say.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from components.errors import InputError

FIRST = "0" * 64

_YEAR_10000 = 253_402_300_800.0
"""In seconds since the epoch: no calendar has a date for it."""

_encoder = msgspec.json.Encoder(order="sorted")


class Link(msgspec.Struct, frozen=True):
    """One line as it is chained; `body` is JSON that nobody has looked into."""

    seq: int
    kind: str
    at: Annotated[float, msgspec.Meta(ge=0, lt=_YEAR_10000)]
    """Seconds since the epoch."""
    body: msgspec.Raw
    prev: str
    hash: str


class _Content(msgspec.Struct, frozen=True):
    """What is hashed: a link without its hash, with the same names in the same order."""

    seq: int
    kind: str
    at: float
    body: msgspec.Raw
    prev: str


_decoder = msgspec.json.Decoder(Link)


def link(seq: int, kind: str, at: float, body: object, prev: str) -> tuple[Link, bytes]:
    """The link of ``body`` to the line whose hash is ``prev``, and its bytes with a newline.

    Raises:
        InputError: the body holds NaN or infinity, which JSON cannot.
    """
    if not _finite(msgspec.to_builtins(body)) or not math.isfinite(at):
        raise InputError(f"a {kind} line with NaN or infinity cannot be recorded")
    raw = msgspec.Raw(_encoder.encode(body))
    content = _encoder.encode(_Content(seq, kind, at, raw, prev))
    made = Link(seq, kind, at, raw, prev, hashlib.sha256(content).hexdigest())
    return made, _encoder.encode(made) + b"\n"


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_finite(item) for item in value)
    return True


def parse(raw: bytes, where: str) -> Link:
    """The link in one line without its newline; its hash is not checked here.

    Raises:
        InputError: it is not a line of a record; the message begins with ``where``.
    """
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where}: not a line of a decision record: {error}") from error


def hash_of(raw: bytes) -> str:
    """The hash of a line from its bytes: of what is left without the member ``hash``."""
    # Quotes inside of a string are escaped, so the last such bytes are the line's own member.
    begin = raw.rfind(b',"hash":"')
    return hashlib.sha256(raw[:begin] + raw[begin + len(b',"hash":""') + 64 :]).hexdigest()


def encode(body: object) -> bytes:
    """A body's bytes as `link` writes them."""
    return _encoder.encode(body)


def as_written(seq: int, kind: str, at: float, body: bytes, prev: str) -> str | None:
    """The hash of such a line as `link` writes it; None if it writes the body otherwise.

    JSON may say the same in other bytes, or two things at once where a key stands twice.
    """
    if _encoder.encode(msgspec.json.decode(body)) != body:
        return None
    return hashlib.sha256(
        _encoder.encode(_Content(seq, kind, at, msgspec.Raw(body), prev))
    ).hexdigest()


def verify(links: Sequence[Link], hashes: Sequence[str], source: str, after: Link | None) -> None:
    """Check that ``links`` follow ``after`` (None: begin the record) and each other.

    Args:
        links: as parsed.
        hashes: what `hash_of` makes of the bytes of each.
        source: named in errors.
        after: the link before the first.

    Raises:
        InputError: names the first line (from 1) that breaks the chain.
    """
    seq, prev = (after.seq + 1, after.hash) if after else (0, FIRST)
    for found, hashed in zip(links, hashes, strict=True):
        where = f"{source}:{seq + 1}"
        if found.seq != seq or found.prev != prev:
            raise InputError(f"{where}: the chain is broken: a line was removed, added or moved")
        if found.hash != hashed:
            raise InputError(f"{where}: the line was changed after it was written")
        seq, prev = seq + 1, found.hash
