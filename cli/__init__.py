"""The `sluice` command: tables of commands, each imported when it is called.

A platform adds its own (`up`, `down`, `status`, `doctor`): see `components.plugins`.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import click

from components import plugins
from components.errors import InputError, SluiceError
from components.printing import say

COMMANDS = {
    "validate": "check endpoint files",
    "apply": "make endpoint files known to the platform",
    "prepare": "make and register the example models",
    "register": "register an MLflow model of your own",
    "release": "release a model version to production",
    "rollback": "send all traffic back to the champion",
    "approve": "let a release have all of the traffic",
    "reject": "end a release instead of approving it",
    "pause": "hold a release where it is",
    "resume": "let a paused release go on",
    "releases": "list releases",
    "show": "show one release in the terminal",
    "report": "write one release as a self-contained HTML page",
    "dashboard": "write a dashboard as a self-contained HTML page",
    "replay": "verify a decision record and judge it again",
    "judge": "judge polls from a file or from Prometheus",
    "cost": "say what serving cost, and what of it was idle",
    "simulate": "run traffic and a fault through this rule and its peers'",
    "traffic": "send open-loop traffic to an endpoint",
    "keys": "list, make, replace and take away clients' keys",
    "pipelines": "compile the pipelines, or run one on Kubeflow Pipelines",
    "rules": "make recording rules and alerts from endpoint files",
    "reap": "end releases whose lease is silent",
    "reconcile": "begin what the alias 'candidate' asks for",
}


class _Commands(click.Group):
    """Commands listed without importing them, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for _, table in _tables() for name in table]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for package in _packages():
            if cmd_name in package.COMMANDS:
                module = importlib.import_module(f"{package.__name__}.{cmd_name}")
                command: click.Command = module.command
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, table in _tables():
            with formatter.section(title):
                formatter.write_dl(list(table.items()))


def _packages() -> Iterator[ModuleType]:
    """Our own table's package, then those that are brought, each asked for only if it is needed.

    Raises:
        InputError: there is no such platform.
    """
    yield sys.modules[__name__]
    yield from plugins.tools()
    if package := _platform():
        yield package


def _platform() -> ModuleType | None:
    """The package of the chosen platform's commands, or None if it brings none.

    Raises:
        InputError: there is no such platform.
    """
    package: ModuleType | None = plugins.brought(plugins.COMMANDS)
    return package


def _tables() -> list[tuple[str, dict[str, str]]]:
    """The platform's commands and those that every platform has, each below a title."""
    try:
        package = _platform()
    except InputError as error:
        say(f"sluice: {error}", err=True)
        package = None
    brought: dict[str, str] = {}
    for each in (*plugins.tools(), *([package] if package else [])):
        brought |= each.COMMANDS
    theirs = {name: said for name, said in brought.items() if name not in COMMANDS}
    return [("Platform", theirs)] * bool(theirs) + [("Commands", COMMANDS)]


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluice")
def sluice() -> None:
    """Take a model version from the registry to production, or back, with a record of why.

    Exit codes: 0 promoted or done, 1 error, 2 usage, 3 rolled back, 4 held.

    Example: sluice release banking77 --version 2
    """


def main() -> None:
    """Entry point: errors of ours become one line and exit code 1."""
    # What a command writes is its user's alone, in a home that others may enter, too.
    os.umask(0o077)
    # No process that it starts imports from the folder where the user stands: it may be a model's.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        sluice()
    except (SluiceError, OSError) as error:  # OSError: a full disk, a folder that may not be read
        say(f"sluice: {error}", err=True)
        sys.exit(1)
