"""`sluice reap`: the dead-man's switch, by hand or as a server."""

import time

import click

from components.printing import say


@click.command()
@click.option("--every", type=float, help="Seconds between passes; one watch only if absent.")
def command(every: float | None) -> None:
    """Give production its traffic back where a release's lease is silent, and end the release.

    A lease is silent when its holder was not heard of for the lease's length. Without --every the
    leases are watched for the length of the longest one, once.

    Example: sluice reap --every 5
    """
    from components.errors import SluiceError
    from components.platform import connect
    from components.release.reaper import Reaper

    reaper: Reaper | None = None
    while True:
        try:
            reaper = reaper or Reaper(connect())
            for line in reaper.run():
                say(line)
            if every is None:
                time.sleep(reaper.longest_lease())
                for line in reaper.run():
                    say(line)
        except SluiceError as error:
            if every is None:
                raise
            say(f"next pass tries again: {error}", err=True)
        if every is None:
            return
        time.sleep(every)
