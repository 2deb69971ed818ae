"""Reading files of others: no larger than expected, and a fault is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import fstat
from pathlib import Path
from typing import BinaryIO

from components.errors import InputError


@contextmanager
def open_limited(
    path: Path,
    limit: int,
    *,
    name: str | None = None,
    too_large: str = "no such file is",
    missing: str = "",
    error: type[InputError] = InputError,
) -> Iterator[BinaryIO]:
    """Open a file for reading that is not larger than ``limit`` bytes.

    Args:
        path: the file.
        limit: in bytes.
        name: what errors call the file; its path if absent.
        too_large: what errors add about one that is too large.
        missing: what errors add about one that is missing or cannot be read.
        error: the class of the errors.

    Raises:
        InputError: the file is missing, cannot be read or is larger.
    """
    called = name or str(path)
    try:
        with path.open("rb") as file:
            if fstat(file.fileno()).st_size > limit:
                raise error(f"{called}: larger than {limit} bytes: {too_large}")
            yield file
    except OSError as fault:
        hint = f": {missing}" if missing else ""
        raise error(f"{called}: {fault.strerror}{hint}") from fault


def read_limited(
    path: Path,
    limit: int,
    *,
    name: str | None = None,
    too_large: str = "no such file is",
    missing: str = "",
    error: type[InputError] = InputError,
) -> bytes:
    """The content of a file that is not larger than ``limit`` bytes; see `open_limited`."""
    with open_limited(
        path, limit, name=name, too_large=too_large, missing=missing, error=error
    ) as file:
        return file.read()
