"""`sluice report`: one release as a self-contained HTML page."""

import json
from pathlib import Path

import click

from components.printing import say


@click.command()
@click.argument("release")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Default: report.html beside the record's file, else RELEASE.html here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the path as one JSON object.")
def command(release: str, out: Path | None, as_json: bool) -> None:
    """Write RELEASE as one HTML page: an id from 'sluice releases', or a record's file.

    The page needs no network: it can be mailed, archived and opened anywhere.

    Example: sluice report banking77-v2-20261118-094640-000 --out report.html
    """
    from cli import _record
    from components.errors import InputError
    from components.report.page import render
    from components.report.timeline import timeline_of

    where, lines = _record.find(release)
    if out is None:
        beside = Path(where).with_name("report.html")
        out = beside if Path(where).is_file() else Path(f"{release}.html")
    page = render(timeline_of(lines), where)
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}: choose another file by --out") from error
    say(json.dumps({"report": str(out)}) if as_json else str(out))
