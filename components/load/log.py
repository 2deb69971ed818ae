"""A log of requests as JSON lines, so that shares over any window can be counted afterwards."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TextIO

from components.errors import InputError
from components.load.sender import Outcome


class Log:
    """Writes outcomes to a file, one line each; lines are complete when they appear."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "Log":
        try:
            self._file = self._path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def write(self, outcome: Outcome) -> None:
        """Add one line."""
        assert self._file is not None  # noqa: S101 (used outside of `with`)
        self._file.write(json.dumps(asdict(outcome)) + "\n")


def read(path: Path) -> Iterator[Outcome]:
    """The outcomes in the file ``path``; a torn last line is left out.

    Raises:
        InputError: a line is not what `Log` writes.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith("\n"):
                return
            try:
                yield Outcome(**json.loads(line))
            except (TypeError, ValueError) as error:
                raise InputError(f"{path}:{number}: not a line of a traffic log") from error
