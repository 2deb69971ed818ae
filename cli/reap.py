"""`sluice reap`: the dead-man's switch, by hand or as a server."""

import time
from pathlib import Path

import click

from cli import _passes
from cli._numbers import Finite
from components.printing import say


@click.command()
@click.option(
    "--every", type=Finite(0.1, 3600), help="Seconds between passes; one watch only if absent."
)
@_passes.LOG
def command(every: float | None, log_file: Path | None) -> None:
    """Give production its traffic back where a release's lease is silent, and end the release.

    A lease is silent when its holder was not heard of for the lease's length. Without --every the
    leases are watched for the length of the longest one, once.

    Example: sluice reap --every 5
    """
    from components.platform import connect
    from components.release.losers import LOSERS_GO_S
    from components.release.reaper import Reaper

    if every is not None:
        _passes.repeat(lambda: Reaper(connect()).run, every, log_file, "sluice.reaper")
    reaper = Reaper(connect())
    _say(reaper.run())
    time.sleep(reaper.longest_lease())
    _say(reaper.run())
    end = time.monotonic() + LOSERS_GO_S
    while reaper.leaves and time.monotonic() < end:
        time.sleep(1)
        _say(reaper.run())


def _say(lines: list[str]) -> None:
    for line in lines:
        say(line)
