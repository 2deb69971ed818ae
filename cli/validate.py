"""`sluice validate`: check endpoint files."""

import json
import sys
from pathlib import Path

import click

from components import endpoint
from components.errors import InputError


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON schema for editors and stop.")
def command(files: tuple[Path, ...], schema: bool) -> None:
    """Check endpoint FILES (default: all of endpoints/).

    Example: sluice validate endpoints/banking77.yaml
    """
    if schema:
        click.echo(json.dumps(endpoint.Endpoint.model_json_schema(), indent=2))
        return
    wrong = 0
    for file in files or sorted(Path("endpoints").glob("*.yaml")):
        try:
            found = endpoint.load(file)
            click.echo(f"{file}: ok: {found.name} serves {found.model}")
        except InputError as error:
            wrong += 1
            click.echo(str(error), err=True)
    sys.exit(1 if wrong else 0)
