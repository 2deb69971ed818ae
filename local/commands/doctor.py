"""`sluice doctor`."""

import sys

import click

from components.findings import show


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Find what is missing or broken on this machine, and say how to fix it.

    Exit code 1 when something is to be mended.

    Example: sluice doctor
    """
    from local import doctor
    from local.home import find_home

    sys.exit(0 if show(doctor.examine(find_home()), as_json=as_json) else 1)
