"""`sluice up`."""

import time

import click


@click.command()
def command() -> None:
    """Start the platform, or heal it, and wait until every server answers.

    State is kept in .sluice/ of the repository, or in $SLUICE_HOME. Running it again is harmless.

    Example: sluice up
    """
    from local import envoy, lifecycle, mlflow, prometheus
    from local.home import find_home

    home = find_home()
    began = time.monotonic()
    kept = lifecycle.up(home, click.echo)
    click.echo(f"the platform in {home.path} is up after {time.monotonic() - began:.1f} s")
    click.echo(f"  gateway     {envoy.url(kept)}  (client keys: {home.keys})")
    click.echo(f"  MLflow      {mlflow.url(kept)}")
    click.echo(f"  Prometheus  {prometheus.url(kept)}")
