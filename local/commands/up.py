"""`sluice up`."""

import time

import click

from components.printing import say


@click.command()
@click.option(
    "--grafana/--no-grafana",
    default=None,
    help="Have a Grafana with the boards from now on, or none; it must be on PATH.",
)
@click.option(
    "--watch/--no-watch",
    default=None,
    help="Begin a release whenever the alias 'candidate' is set, from now on, or not.",
)
def command(grafana: bool | None, watch: bool | None) -> None:
    """Start the platform, or heal it, and wait until every server answers.

    State is kept in .sluice/ of the repository, or in $SLUICE_HOME. Running it again is harmless.

    Example: sluice up
    """
    from local import lifecycle, watcher
    from local.home import find_home
    from local.servers import (
        alertmanager_server,
        envoy_server,
        grafana_server,
        mlflow_server,
        prometheus_server,
    )

    home = find_home()
    if grafana is not None:
        grafana_server.choose(home, on=grafana)
    if watch is not None:
        watcher.choose(home, on=watch)
    began = time.monotonic()
    kept = lifecycle.up(home, say)
    say(f"the platform in {home.path} is up after {time.monotonic() - began:.1f} s")
    say(f"  gateway     {envoy_server.url(kept)}  (client keys: {home.keys})")
    say(f"  MLflow      {mlflow_server.url(kept)}")
    say(f"  Prometheus  {prometheus_server.url(kept)}")
    if grafana_server.wanted(home):
        say(f"  Grafana     {grafana_server.url(kept)}")
    if watcher.wanted(home):
        say("  releases    begin when somebody sets the alias 'candidate'")
    if alertmanager_server.installed():
        say(f"  alerts      {alertmanager_server.url(kept)}  (who is told: sluice notify)")
    else:
        say("  alerts      nobody is told: Alertmanager is not installed; run 'make setup'")
