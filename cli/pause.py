"""`sluice pause`: hold a release where it is."""

import click


@click.command()
@click.argument("release")
@click.option("--reason", default="", help="Goes into the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(release: str, reason: str, as_json: bool) -> None:
    """Hold a release where it is: the candidate keeps its share, and is judged on.

    RELEASE is an id, or the endpoint. No step is taken until 'sluice resume'; a candidate that
    fails is rolled back meanwhile. The record says who paused it, as the platform knows you.

    Example: sluice pause banking77 --reason "sale until noon"
    """
    from cli import _decision
    from components.platform import connect
    from components.release import deciding

    platform = connect()
    decision = deciding.pause(platform, _decision.meant(platform, release), reason)
    _decision.show(decision, as_json)
