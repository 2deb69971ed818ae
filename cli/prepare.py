"""`sluice prepare`."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from components.printing import say

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY / "data" / "banking77"
CACHE = REPOSITORY / ".cache" / "models"


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA,
    help="Folder with Banking77's train.csv and test.csv.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=CACHE,
    help="Folder for what is slow to make; may be deleted at any time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
def command(data: Path, cache: Path, as_json: bool) -> None:
    """Make and register the example models: banking77-intent 1 to 4, tumour-diagnosis 1 and 2.

    Running it again makes nothing new.

    Example: sluice prepare
    """
    # The examples are not installed: they stand beside the data, in the repository.
    sys.path.insert(0, str(REPOSITORY))
    from components.platform import connect
    from examples.prepare import prepare

    platform = connect()
    began = time.monotonic()

    def tell(line: str) -> None:
        say(f"{time.monotonic() - began:5.1f} s  {line}", err=as_json)

    versions = prepare(platform, cache, data, tell)
    if as_json:
        say(json.dumps([asdict(version) for version in versions]))
        return
    for version in versions:
        accuracy, rows = version.metrics["held_out_accuracy"], version.metrics["held_out_rows"]
        say(
            f"{version.model} {version.version} ({version.name}): held-out accuracy "
            f"{accuracy:.4f} on {rows:.0f} rows{'' if version.new else ', was there already'}"
        )
