"""The decision record: JSON lines, each bound to the one before by its hash.

A line is ``{"at", "body", "hash", "kind", "prev", "seq"}``. ``hash`` is the SHA-256 of the line's
canonical JSON (sorted keys, no spaces, UTF-8) without ``hash`` itself; ``prev`` is the hash of the
line before, 64 zeros for the first. So a line that was changed, removed, added or moved breaks the
chain at a place that can be named.
"""

import fcntl
import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from components.errors import InputError, PlatformError

FIRST = "0" * 64
MAX_BYTES = 512 * 1024**2
"""A record of 30 days of polls, 15 s apart, is about a third of this."""

_encoder = msgspec.json.Encoder(order="sorted")


class Line(msgspec.Struct, frozen=True):
    """One line: what happened (``kind``, ``body``) and when (``at``, seconds since the epoch)."""

    seq: int
    kind: str
    at: float
    body: dict[str, Any]
    prev: str
    hash: str


class _Content(msgspec.Struct, frozen=True):
    seq: int
    kind: str
    at: float
    body: dict[str, Any]
    prev: str


_decoder = msgspec.json.Decoder(Line)


def _hash(seq: int, kind: str, at: float, body: dict[str, Any], prev: str) -> str:
    content = _encoder.encode(_Content(seq, kind, at, body, prev))
    return hashlib.sha256(content).hexdigest()


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_finite(item) for item in value)
    return True


def append(path: Path, kind: str, body: dict[str, Any], at: float) -> Line:
    """Add a line to the record at ``path``; it is on the disk when this returns.

    Safe with several writers. What a killed writer left half-written is cut off first.

    Raises:
        InputError: the body holds NaN or infinity, which JSON cannot, or the record is damaged.
        PlatformError: the disk did not take the line.
    """
    if not _finite(body) or not math.isfinite(at):
        raise InputError(f"a {kind} line with NaN or infinity cannot be recorded")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        last, end = _tail(descriptor, path)
        os.ftruncate(descriptor, end)
        seq, prev = (last.seq + 1, last.hash) if last else (0, FIRST)
        # The body as it will be read again: tuples become lists, keys text.
        body = msgspec.json.decode(_encoder.encode(body))
        line = Line(seq, kind, at, body, prev, _hash(seq, kind, at, body, prev))
        content = _encoder.encode(line) + b"\n"
        written = 0
        while written < len(content):  # a disk that is nearly full takes a part
            written += os.pwrite(descriptor, content[written:], end + written)
        os.fsync(descriptor)
    except OSError as error:
        raise PlatformError(
            f"{path}: cannot be written: {error.strerror}: free the disk"
        ) from error
    finally:
        os.close(descriptor)
    return line


def _tail(descriptor: int, path: Path) -> tuple[Line | None, int]:
    """The last whole line and the offset after it."""
    size = os.fstat(descriptor).st_size
    span = 1 << 16
    while True:
        start = max(0, size - span)
        block = os.pread(descriptor, size - start, start)
        end = block.rfind(b"\n") + 1
        begin = block.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if start == 0 or (end and begin):
            break
        span *= 4
    if not end:
        return None, start
    return _parse(block[begin : end - 1], f"{path}: last line"), start + end


def ends(path: Path) -> tuple[Line, Line] | None:
    """The first and the last whole line, unverified: cheap for records of any length.

    Returns:
        None if there is no whole line yet.

    Raises:
        InputError: the file is missing or one of the two is no line of a record.
    """
    try:
        with path.open("rb") as file:
            first = file.readline()
            last, _ = _tail(file.fileno(), path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    return (_parse(first.rstrip(b"\n"), f"{path}:1"), last) if last else None


def _parse(raw: bytes, where: str) -> Line:
    try:
        line = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where}: no line of a decision record: {error}") from error
    if _encoder.encode(line) != raw:
        raise InputError(f"{where}: not in canonical form: it was written by something else")
    return line


def verify(lines: Sequence[Line], source: str) -> None:
    """Check the chain of ``lines``.

    Raises:
        InputError: names the first line (from 1) that breaks it.
    """
    hashes = [_hash(line.seq, line.kind, line.at, line.body, line.prev) for line in lines]
    _verify(lines, hashes, source)


def _verify(lines: Sequence[Line], hashes: Sequence[str], source: str) -> None:
    prev = FIRST
    for number, (line, found) in enumerate(zip(lines, hashes, strict=True)):
        where = f"{source}:{number + 1}"
        if line.seq != number or line.prev != prev:
            raise InputError(f"{where}: the chain is broken: a line was removed, added or moved")
        if line.hash != found:
            raise InputError(f"{where}: the line was changed after it was written")
        prev = line.hash


def _hash_of(raw: bytes) -> str:
    """The hash of a line in canonical form, from its bytes: what is left without ``hash``."""
    # Quotes inside of a string are escaped, so the last such bytes are the line's own member.
    begin = raw.rfind(b',"hash":"')
    return hashlib.sha256(raw[:begin] + raw[begin + len(b',"hash":""') + 64 :]).hexdigest()


def read(path: Path, *, whole: bool = False) -> list[Line]:
    """Every line of the record, verified; a half-written last line is left out.

    Args:
        path: the record.
        whole: refuse a half-written last line as well; nobody writes a finished record.

    Raises:
        InputError: the file is missing, too large or tampered with; names the first bad line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES} bytes: no release's record is")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    finished, _, torn = content.rpartition(b"\n")
    raws = finished.split(b"\n") if finished else []
    lines = [_parse(raw, f"{path}:{number + 1}") for number, raw in enumerate(raws)]
    _verify(lines, [_hash_of(raw) for raw in raws], str(path))
    if torn and whole:
        raise InputError(f"{path}:{len(lines) + 1}: the last line is torn or was changed")
    return lines
