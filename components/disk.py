"""The file habits that a platform shares: whole or not at all, one writer at a time."""

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from components.errors import InputError, NoRoom

_LONGEST_NAME = 100
_TAIL_BYTES = 64 * 1024


def user_cache() -> Path:
    """Where this user keeps what can be made again; it may not exist yet."""
    named = os.environ.get("XDG_CACHE_HOME")
    return (Path(named) if named else Path.home() / ".cache") / "sluice"


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """Write ``text`` beside ``path`` and rename it into place, so that no reader sees half.

    Raises:
        NoRoom: the disk is full.
    """
    try:
        _replace(path, text, mode)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoRoom(f"{path} was not written: {error.strerror}: make room") from error
        raise


def _replace(path: Path, text: str, mode: int) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(beside, path)  # noqa: PTH105 (the rename is the point)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def replace_json(path: Path, content: Any) -> None:
    """Write ``content`` as JSON; see `replace`."""
    replace(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in ``path``, or None when there is no such file.

    Raises:
        InputError: it cannot be read, or is not JSON; names the line.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}: fix it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: fix it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}: fix it") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` among all processes of this machine."""
    # Whoever may open it may hold it for ever.
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(handle, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def file_name(name: str) -> str:
    """A name of any length and alphabet as a file's; ordinary names stay as they are.

    A plus sign stands where a URL has a percent sign, which the supervisor would expand. No name is
    that of a folder itself or of the one above it: who removes a file removes nothing else.
    """
    quoted = quote(name, safe="").replace("%", "+")
    if not quoted.strip("."):
        return quoted.replace(".", "+2E") or "+"
    if len(quoted) <= _LONGEST_NAME:
        return quoted
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{quoted[: _LONGEST_NAME - 20]}++{digest}"


def name_in(file_name: str) -> str:
    """The name that `file_name` wrote, as far as it kept it."""
    return unquote(file_name.replace("+", "%"))


def last_lines(log: Path, since: int = 0) -> list[str]:
    """The end of ``log``, without blank lines and without its first ``since`` bytes."""
    try:
        size = log.stat().st_size
        with log.open("rb") as file:
            # A log that is shorter than it was has been rotated.
            file.seek(max(since if since <= size else 0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
