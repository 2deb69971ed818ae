"""Passes of a server that must be there for the next one: it goes on, whatever a pass meets."""

import logging
import logging.handlers
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from components.errors import SluiceError
from components.printing import say

LOG = click.option(
    "--log",
    "log_file",
    type=click.Path(path_type=Path),
    help="Write there, not to whoever started this: it may end first.",
)
"""The option of a command that makes passes."""


def repeat(
    begin: Callable[[], Callable[[], list[str]]], every: float, log_file: Path | None, name: str
) -> NoReturn:
    """Make a pass every ``every`` seconds, for ever; what each one says is printed or logged.

    Args:
        begin: connects, and returns what makes a pass.
        every: seconds between passes.
        log_file: where the lines go instead.
        name: of the log.
    """
    log = _log_to(log_file, name) if log_file else None
    tell = log.info if log else say
    make_pass: Callable[[], list[str]] | None = None
    while True:
        try:
            make_pass = make_pass or begin()
            for line in make_pass():
                tell(line)
        except Exception as error:
            tell(f"next pass tries again: {error}")
            if log and not isinstance(error, SluiceError | OSError):
                log.exception("this was not foreseen")
        time.sleep(every)


def _log_to(file: Path, name: str) -> logging.Logger:
    """Every line of the process to ``file``; one that cannot be written there is lost."""
    handler = logging.handlers.RotatingFileHandler(file, maxBytes=10**7, backupCount=2, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log = logging.getLogger(name)
    log.setLevel(logging.INFO)
    return log
