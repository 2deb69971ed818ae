"""`sluice show`: one release in the terminal."""

import click

from components.printing import printable, say


@click.command()
@click.argument("release")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(release: str, as_json: bool) -> None:
    """Show how RELEASE went and why: an id from 'sluice releases', or a record's file.

    Example: sluice show banking77-v2-20261118-094640-000
    """
    from cli import _record
    from components.report.timeline import timeline_of

    where, lines = _record.find(release)
    timeline = timeline_of(lines)
    ended = timeline.state.outcome is not None and not _record.is_file(release)
    checked = _record.checked(lines) if ended else None
    if as_json:
        import json

        from components.report.summary import summary

        said = {"anchor": checked.said} if checked else {}
        say(json.dumps(summary(timeline) | {"record": where} | said))
        return
    from rich.console import Console

    from components.report import terminal

    terminal.show(Console(highlight=False), timeline, where)
    if checked:
        say(printable(f"  {checked.said}"))
        for finding in checked.findings:
            say(printable(f"  {finding.text}"))
