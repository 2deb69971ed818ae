"""The one tree of errors that Sluice raises.

SluiceError
├── InputError       what the caller gave is wrong: a file, a flag, a record
│   └── ArtifactError    a model's files are missing, altered or refused
├── PlatformError    a server is missing, unhealthy or refuses
│   ├── Unreachable      it did not answer: trying again may help
│   ├── Late             what was to come did not come in time
│   └── NoRoom           its disk is full
└── LeaseHeld        another release holds the endpoint
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class SluiceError(Exception):
    """What went wrong in one line, with the fix in the same line."""


class InputError(SluiceError):
    """What the caller gave is wrong: a file, a flag, a record."""


class ArtifactError(InputError):
    """A model's files are missing, altered or of a refused kind."""


class PlatformError(SluiceError):
    """A server is missing, unhealthy or refuses."""


class Unreachable(PlatformError):
    """A server did not answer; the same call may succeed later."""


class Late(PlatformError):
    """What was to come did not come in time; it may come yet."""


class NoRoom(PlatformError):
    """A disk is full; `Leases.make_room` may have kept enough for giving traffic back."""


class LeaseHeld(SluiceError):
    """Another release holds the endpoint."""


def faults(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """The place, as keys and indices from the top, and the words of each thing that is wrong."""
    return [
        (
            fault["loc"],
            "unknown key"
            if fault["type"] == "extra_forbidden"
            else fault["msg"].removeprefix("Value error, "),
        )
        for fault in error.errors()
    ]


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, in one line: ``release.poll: what is expected``."""
    return describe(*faults(error)[0])


_LONGEST = 500
"""Characters of a key or of what is said of it: both may quote what somebody wrote."""


def describe(place: tuple[int | str, ...], said: str) -> str:
    """One of `faults` in words."""
    words = [*map(str, place), said]
    *where, said = (word if len(word) <= _LONGEST else f"{word[:_LONGEST]}..." for word in words)
    return f"{'.'.join(where)}: {said}" if where else said
