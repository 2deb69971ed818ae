"""Labelled rows in a CSV file with a header."""

import csv
import hashlib
import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.errors import InputError

MAX_BYTES = 256 * 1024 * 1024
MAX_ROWS = 1_000_000
_SEED = 20_261_123


@dataclass(frozen=True)
class Dataset:
    """Rows of a data set, without and with their label.

    ``rows`` holds each row's other columns; ``targets`` its label. ``digest`` is the SHA-256 of the
    file's bytes, whatever part of the rows is kept.
    """

    uri: str
    digest: str
    rows: tuple[Mapping[str, str], ...]
    targets: tuple[str, ...]

    def sample(self, count: int | None) -> "Dataset":
        """``count`` rows drawn with a fixed seed, in their order in the file; all when None.

        The draw depends on the number of rows only, so champion and candidate see the same.
        """
        if count is None or count >= len(self.rows):
            return self
        kept = sorted(random.Random(_SEED).sample(range(len(self.rows)), count))  # noqa: S311 (no secret)
        return Dataset(
            self.uri,
            self.digest,
            tuple(self.rows[index] for index in kept),
            tuple(self.targets[index] for index in kept),
        )

    def texts(self, column: str = "text") -> tuple[str, ...]:
        """The values of ``column``.

        Raises:
            InputError: there is no such column.
        """
        if column not in self.rows[0]:
            raise InputError(f"{self.uri}: no column {column!r}: it has {', '.join(self.rows[0])}")
        return tuple(row[column] for row in self.rows)


def read(fetch: Callable[[str, int], bytes], uri: str, target: str) -> Dataset:
    """The data set at ``uri``, whose label stands in column ``target``.

    Args:
        fetch: the bytes at an address, at most so many (`components.platform.Files.read`).
        uri: the address of a CSV file.
        target: the column of the labels.

    Raises:
        InputError: there is no such file, or it is too large, not UTF-8, not a CSV file with a
            header, or has no column ``target``.
        Unreachable: the object store did not answer.
    """
    return parse(fetch(uri, MAX_BYTES), target, uri)


def parse(content: bytes, target: str, uri: str) -> Dataset:
    """The data set in the CSV text ``content``; ``uri`` names it in errors. See `read`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{uri}: not UTF-8 text: save the file as UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    targets: list[str] = []
    try:
        names = reader.fieldnames or []
        if target not in names:
            raise InputError(f"{uri}: no column {target!r}: its header is {', '.join(names)!r}")
        if len(set(names)) != len(names) or len(names) < 2:
            raise InputError(f"{uri}: the header must name each column once and at least two")
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{uri}:{reader.line_num}: not {len(names)} columns")
            if len(rows) == MAX_ROWS:
                raise InputError(f"{uri}: more than {MAX_ROWS} rows: cut the data set")
            targets.append(row.pop(target))
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"{uri}:{reader.line_num}: not CSV: {error}") from error
    if not rows:
        raise InputError(f"{uri}: no rows below the header")
    return Dataset(uri, hashlib.sha256(content).hexdigest(), tuple(rows), tuple(targets))
