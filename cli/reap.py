"""`sluice reap`: the dead-man's switch, by hand or as a server."""

import logging
import logging.handlers
import time
from pathlib import Path

import click

from cli._numbers import Finite
from components.printing import say


@click.command()
@click.option(
    "--every", type=Finite(0.1, 3600), help="Seconds between passes; one watch only if absent."
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(path_type=Path),
    help="Write there, not to whoever started this: it may end first.",
)
def command(every: float | None, log_file: Path | None) -> None:
    """Give production its traffic back where a release's lease is silent, and end the release.

    A lease is silent when its holder was not heard of for the lease's length. Without --every the
    leases are watched for the length of the longest one, once.

    Example: sluice reap --every 5
    """
    from components.errors import SluiceError
    from components.platform import connect
    from components.release.reaper import Reaper

    log = _log_to(log_file) if log_file else None
    tell = log.info if log else say
    reaper: Reaper | None = None
    while True:
        try:
            reaper = reaper or Reaper(connect())
            for line in reaper.run():
                tell(line)
            if every is None:
                time.sleep(reaper.longest_lease())
                for line in reaper.run():
                    tell(line)
        except Exception as error:
            if every is None:
                raise
            # Whatever it meets, it must be there for the next release: nobody may restart it.
            tell(f"next pass tries again: {error}")
            if log and not isinstance(error, SluiceError | OSError):
                log.exception("this was not foreseen")
        if every is None:
            return
        time.sleep(every)


def _log_to(file: Path) -> logging.Logger:
    """Every line of the process to ``file``; one that cannot be written there is lost."""
    handler = logging.handlers.RotatingFileHandler(file, maxBytes=10**7, backupCount=2, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log = logging.getLogger("sluice.reaper")
    log.setLevel(logging.INFO)
    return log
