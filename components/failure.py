"""Why a step failed, as data for its engine: a release without a record has no other place for it.

A step's error is an exception; the engine, in another process or on another machine, sees an exit
code. So the step leaves the error in the file that ``$SLUICE_FAILURE`` names. In a pod that is the
container's termination message, which Kubernetes shows and Argo and KFP hand on.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from components.errors import SluiceError

VARIABLE = "SLUICE_FAILURE"
"""Environment variable of the steps' processes; set by the engine."""


@dataclass(frozen=True)
class Failure:
    """An error, without its traceback."""

    error: str
    """Its class's name."""
    message: str


def of(error: BaseException) -> Failure:
    """What an engine needs to know of ``error``."""
    return Failure(type(error).__name__, str(error))


def leave(error: BaseException) -> None:
    """Leave ``error`` for the engine, if it wants to know; an earlier one is the cause, and stays.

    A file that cannot be written is let be: the error itself is on its way.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return
    try:
        with Path(named).open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                file.write(json.dumps(asdict(of(error))))
    except OSError:
        return


@contextmanager
def left() -> Iterator[None]:
    """Leave for the engine what of ours is raised in the block."""
    try:
        yield
    except SluiceError as error:
        leave(error)
        raise


def read(path: Path) -> Failure | None:
    """The failure that a step left in ``path``; None if none did, or only half of it."""
    try:
        return Failure(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
