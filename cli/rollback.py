"""`sluice rollback`: an operator ends a release."""

import click


@click.command()
@click.argument("endpoint")
@click.option("--reason", default="an operator asked for it", help="Goes into the record.")
def command(endpoint: str, reason: str) -> None:
    """Send all traffic of ENDPOINT back to the champion and end the release under way.

    Example: sluice rollback banking77 --reason "wrong labels reported"
    """
    from components import endpoint as endpoints
    from components.errors import InputError
    from components.platform import connect
    from components.release import steps

    found = endpoints.find(endpoint)
    lease = connect().leases.read(found.name)
    if lease is None:
        raise InputError(
            f"no release of {found.name} is under way; to return to an earlier version release it:"
            f" sluice release {endpoint} --version N"
        )
    steps.rollback(lease.release_id, reason)
    ended = steps.finalize(lease.release_id)
    click.echo(f"{lease.release_id}: {ended.outcome}: {ended.reason}")
