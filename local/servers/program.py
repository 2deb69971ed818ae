"""What the supervisor needs to know of a server, and what `up` and `status` ask of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_wait_s: int = 10
    """Seconds between the stop signal and SIGKILL."""
    directory: Path | None = None
    output: str = ""
    """The log of what it prints, if that is not the program's name."""


@dataclass(frozen=True)
class Server:
    """One server of the platform.

    ``healthy`` returns what is wrong in a few words, or None when the server answers.
    """

    program: Program
    url: str
    ports: tuple[str, ...]
    """Names of its kept ports."""
    healthy: Callable[[], str | None]
