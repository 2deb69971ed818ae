"""`sluice apply`: make endpoint files known to the platform."""

import json

import click

from components.printing import say


@click.command()
@click.argument("endpoint", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(endpoint: tuple[str, ...], as_json: bool) -> None:
    """Check the files of each ENDPOINT and make them what the platform knows.

    ENDPOINT is a name below endpoints/, or the path of an endpoint's file. 'sluice release' does it
    too; a release that is under way keeps the file that it began with.

    Example: sluice apply endpoints/banking77.yaml
    """
    from cli import _endpoint
    from components.platform import connect

    platform = connect()
    for named in endpoint:
        found = _endpoint.apply(platform, named)
        said = {"endpoint": found.name, "model": found.model}
        say(json.dumps(said) if as_json else f"{found.name}: applied (model {found.model})")
