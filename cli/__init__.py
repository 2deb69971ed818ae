"""The `sluice` command: a table of commands, each imported when it is called."""

import importlib
import sys

import click

from components.errors import SluiceError

COMMANDS = {
    "up": "start the platform and wait until it answers",
    "down": "stop the platform and every predictor",
    "status": "show each server's health, URL, memory and log",
    "doctor": "find what is missing or broken on this machine",
    "validate": "check endpoint files",
    "prepare": "make and register the example models",
    "register": "register an MLflow model of your own",
    "release": "release a model version to production",
    "rollback": "send all traffic back to the champion",
    "releases": "list releases",
    "show": "show one release in the terminal",
    "report": "write one release as a self-contained HTML page",
    "replay": "verify a decision record and judge it again",
    "judge": "judge polls from a file or from Prometheus",
    "simulate": "run traffic and a fault through this rule and its peers'",
    "traffic": "send open-loop traffic to an endpoint",
    "pipelines": "compile the pipelines",
    "reap": "finish releases whose lease has expired",
}


class _Commands(click.Group):
    """Commands listed without importing them, so that `--help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pipelines.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluice")
def sluice() -> None:
    """Take a model version from the registry to production, or back, with a record of why.

    Exit codes: 0 promoted or done, 1 error, 2 usage, 3 rolled back, 4 held.

    Example: sluice release banking77 --version 2
    """


def main() -> None:
    """Entry point: errors of ours become one line and exit code 1."""
    try:
        sluice()
    except (SluiceError, OSError) as error:  # OSError: a full disk, a folder that may not be read
        click.echo(f"sluice: {error}", err=True)
        sys.exit(1)
