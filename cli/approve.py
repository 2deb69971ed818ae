"""`sluice approve`: let a release have all of the traffic."""

import click


@click.command()
@click.argument("release")
@click.option("--reason", default="", help="Goes into the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(release: str, reason: str, as_json: bool) -> None:
    """Let a release that waits for approval have all of the traffic.

    RELEASE is an id, or the endpoint. The record says who approved it: whom the API server takes
    you for, on one machine the operating system's user. Where nobody runs the release any more, a
    new run goes on with it.

    Example: sluice approve rel-banking77-v2-1 --reason "seen by two of us"
    """
    from cli import _decision
    from components.errors import SluiceError
    from components.platform import connect
    from components.plugins import engine_of
    from components.release import deciding

    platform = connect()
    decision = deciding.approve(platform, _decision.meant(platform, release), reason)
    try:
        goes_on = deciding.carry_on(platform, engine_of()(), decision.release_id)
    except SluiceError as error:
        goes_on = f"whether a run goes on with it is not known: {error}"
    _decision.show(decision, as_json, run=goes_on)
