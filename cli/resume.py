"""`sluice resume`: let a paused release go on."""

import click


@click.command()
@click.argument("release")
@click.option("--reason", default="", help="Goes into the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(release: str, reason: str, as_json: bool) -> None:
    """Let a paused release take its steps again.

    RELEASE is an id, or the endpoint. It goes on by its next poll.

    Example: sluice resume banking77
    """
    from cli import _decision
    from components.platform import connect
    from components.release import deciding

    platform = connect()
    decision = deciding.resume(platform, _decision.meant(platform, release), reason)
    _decision.show(decision, as_json)
