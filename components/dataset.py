"""Labelled rows in a CSV file with a header."""

import csv
import hashlib
import io
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from components.errors import InputError

MAX_BYTES = 256 * 1024 * 1024
MAX_ROWS = 1_000_000
_SEED = 20_261_123

_SPACE_BEFORE_QUOTE = re.compile(r'(?:^|,) +"(?=[^",\r\n])', re.MULTILINE)
"""`"a", "b"`, as people and spreadsheets write it: the second quote opens a quoted cell as well.

Within a quoted cell a quote is doubled, or closes the cell before a comma or the line's end."""


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
            header, has no column ``target``, or a row without a label.
        Unreachable: the object store did not answer.
    """
    return parse(fetch(uri, MAX_BYTES), target, uri)


def parse(content: bytes, target: str, uri: str) -> Dataset:
    """The data set in the CSV text ``content``; ``uri`` names it in errors. See `read`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{uri}: not UTF-8 text: save the file as UTF-8") from error
    lines = _rows(text, uri)
    _, names = next(lines, (1, []))
    if target not in names:
        raise InputError(f"{uri}: no column {target!r}: its header is {', '.join(names)!r}")
    if len(set(names)) != len(names) or len(names) < 2:
        raise InputError(f"{uri}: the header must name each column once and at least two")
    rows: list[dict[str, str]] = []
    targets: list[str] = []
    unlabelled: list[int] = []
    for line, cells in lines:
        if len(cells) != len(names):
            raise InputError(f"{uri}:{line}: not {len(names)} columns but {len(cells)}")
        if len(rows) == MAX_ROWS:
            raise InputError(f"{uri}: more than {MAX_ROWS} rows: cut the data set")
        row = dict(zip(names, cells, strict=True))
        if not row[target].strip():
            unlabelled.append(line)
        targets.append(row.pop(target))
        rows.append(row)
    if unlabelled:
        raise InputError(
            f"{uri}:{unlabelled[0]}: no label in column {target!r}, in {len(unlabelled)} of "
            f"{len(rows)} rows: write their labels, or take these rows out"
        )
    if not rows:
        raise InputError(f"{uri}: no rows below the header")
    return Dataset(uri, hashlib.sha256(content).hexdigest(), tuple(rows), tuple(targets))


def _rows(text: str, uri: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, and the line on which it begins.

    Raises:
        InputError: it is not CSV; names the line on which the row at fault begins.
    """
    # The library's own limit, one for the process, is for files of unknown size.
    csv.field_size_limit(MAX_BYTES)
    spaced = _SPACE_BEFORE_QUOTE.search(text) is not None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=spaced)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{uri}:{line}: not CSV: {error}") from error
        if cells is None:
            return
        if cells:
            yield line, cells
