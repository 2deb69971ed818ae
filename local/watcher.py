"""The program that begins a release when somebody sets the alias `candidate`, if it is wanted."""

import sysconfig
from pathlib import Path

from local.home import Home
from local.servers.program import Program

NAME = "watcher"
_EVERY_S = 3


def _mark(home: Home) -> Path:
    return home.path / "watch"


def choose(home: Home, *, on: bool) -> None:
    """Let the platform have it from now on, or not."""
    if on:
        home.make()
        _mark(home).touch(mode=0o600)
    else:
        _mark(home).unlink(missing_ok=True)


def wanted(home: Home) -> bool:
    """Whether the platform has it."""
    return _mark(home).exists()


def program(home: Home) -> Program:
    """The passes of `sluice reconcile`, with a log of their own."""
    sluice = Path(sysconfig.get_path("scripts"), "sluice")
    log = home.logs / f"{NAME}.log"
    return Program(
        NAME,
        (str(sluice), "reconcile", "--every", str(_EVERY_S), "--log", str(log)),
        environment={"SLUICE_HOME": str(home.path)},
        output=f"{NAME}-start",
    )
