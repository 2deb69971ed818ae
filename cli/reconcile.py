"""`sluice reconcile`: begin what the registry wants released, by hand or as a server."""

from pathlib import Path

import click

from cli import _passes
from cli._numbers import Finite
from components.printing import say


@click.command()
@click.option("--every", type=Finite(0.1, 3600), help="Seconds between passes; one if absent.")
@_passes.LOG
def command(every: float | None, log_file: Path | None) -> None:
    """Begin a release for each alias 'candidate' of which no release knows.

    A release that ends takes the alias from its version, so that the same version
    is released again only when the alias is set again.

    Example: sluice reconcile --every 5
    """
    from components.platform import connect
    from components.plugins import engine_of
    from pipelines.reconcile import Reconciler

    def begin() -> Reconciler:
        return Reconciler(connect(), engine_of()())

    if every is not None:
        _passes.repeat(lambda: begin().run, every, log_file, "sluice.reconcile")
    for line in begin().run():
        say(line)
