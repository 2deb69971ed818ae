"""`sluice reap`: the dead-man's switch, by hand or as a server."""

import time

import click


@click.command()
@click.option("--every", type=float, help="Seconds between passes; one pass only if absent.")
def command(every: float | None) -> None:
    """Finish releases whose lease has expired: complete or roll back, by their record.

    Example: sluice reap --every 5
    """
    from components.errors import SluiceError
    from components.platform import connect
    from components.release import reaper

    while True:
        try:
            platform = connect()
            for line in reaper.reap(platform, time.time()):
                click.echo(line)
            for line in reaper.mirror(platform):
                click.echo(line)
        except SluiceError as error:
            if every is None:
                raise
            click.echo(f"next pass tries again: {error}", err=True)
        if every is None:
            return
        time.sleep(every)
