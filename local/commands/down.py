"""`sluice down`."""

import click

from components.printing import say


@click.command()
def command() -> None:
    """Stop every process of the platform; its data stays.

    Example: sluice down
    """
    from local import lifecycle
    from local.home import find_home

    home = find_home()
    lifecycle.down(home)
    say(f"the platform in {home.path} is down")
