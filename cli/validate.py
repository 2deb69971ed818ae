"""`sluice validate`: check endpoint files."""

import sys
from pathlib import Path

import click

from components import endpoint, plugins
from components.errors import InputError
from components.printing import say


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON schema for editors and stop.")
def command(files: tuple[Path, ...], schema: bool) -> None:
    """Check endpoint FILES (default: all of endpoints/).

    With SLUICE_PLATFORM=cluster, also that Argo can run their releases.

    Example: sluice validate endpoints/banking77.yaml
    """
    if schema:
        from components import schemas

        say(schemas.text("endpoint"), nl=False)
        return
    import time

    from components.cost import prices

    wrong = 0
    for file in files or sorted(Path("endpoints").glob("*.yaml")):
        try:
            found = endpoint.load(file)
            endpoint.refuse_undecidable(found)
            endpoint.refuse_unmeasurable(found)
            plugins.refuse_unreleasable(found)
            if warning := prices.refuse_unpriced(found, prices.load(), time.time()):
                say(f"{file}: {warning}", err=True)
            say(f"{file}: ok: {found.name} serves {found.model}")
        except InputError as error:
            wrong += 1
            say(str(error), err=True)
    sys.exit(1 if wrong else 0)
