"""`sluice pipelines`: the compiled forms."""

from pathlib import Path

import click

from components.printing import say


@click.group()
def command() -> None:
    """Compile the pipelines, or check that the compiled forms are up to date.

    Example: sluice pipelines compile
    """


@command.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; fail if a form is out of date.")
def compile_(check: bool) -> None:
    """Write pipelines/compiled/*/*.yaml from the pipelines: the forms of KFP and of Argo.

    Example: sluice pipelines compile --check
    """
    import tempfile

    from components.errors import InputError
    from pipelines import compiler

    for target, write in compiler.forms():
        name = target.relative_to(compiler.COMPILED)
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target)
            say(f"{name}: written")
            continue
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder, target.name)
            write(fresh)
            if not target.exists() or compiler.structure(fresh) != compiler.structure(target):
                raise InputError(f"{target} is out of date: run 'sluice pipelines compile'")
        say(f"{name}: up to date")
