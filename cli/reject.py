"""`sluice reject`: end a release instead of approving it."""

import click


@click.command()
@click.argument("release")
@click.option("--reason", default="", help="Goes into the record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(release: str, reason: str, as_json: bool) -> None:
    """End a release of an endpoint that asks for approval: the champion gets its traffic back.

    RELEASE is an id, or the endpoint. Traffic comes first. The record says who rejected it: whom
    the API server takes you for, on one machine the operating system's user.

    Example: sluice reject rel-banking77-v2-1 --reason "wrong labels reported"
    """
    from cli import _decision
    from components.platform import connect
    from components.release import deciding

    platform = connect()
    found = deciding.reject(platform, _decision.meant(platform, release), reason)
    if found.done:
        shares = ", ".join(f"version {v} {w}%" for v, w in found.done.weights.items())
        _decision.show(found.decision, as_json, in_force=f"in force: {shares or 'no route'}")
        return
    left = f"the release's own run, or the reaper, gives the traffic back: {found.why}"
    _decision.show(found.decision, as_json, in_force=left)
