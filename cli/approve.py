"""`sluice approve`: let a release have all of the traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from components.platform import Platform


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
    from components.errors import InputError
    from components.platform import connect
    from components.release import deciding

    platform = connect()
    named = _decision.meant(platform, release)
    if by := deciding.approved_by(platform, named):
        # Whoever approved it may not have been able to see that a run goes on.
        raise InputError(f"release {named} was approved by {by}: {_goes_on(platform, named)}")
    decision = deciding.approve(platform, named, reason)
    _decision.show(decision, as_json, run=_goes_on(platform, named))


def _goes_on(platform: Platform, release_id: str) -> str:
    """Who goes on with the release, in words."""
    from components.errors import SluiceError
    from components.plugins import engine_of
    from components.release import deciding

    try:
        return deciding.carry_on(platform, engine_of()(), release_id)
    except SluiceError as error:
        return (
            f"whether a run goes on with it is not known ({error}): 'sluice approve {release_id}'"
            " by who may begin runs looks again; without a run the reaper gives the traffic back"
        )
