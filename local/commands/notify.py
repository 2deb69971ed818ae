"""`sluice notify`: who is told of alerts."""

import json
from pathlib import Path

import click

from components.printing import say


@click.group()
def command() -> None:
    """Say who is told of alerts, and try it.

    Example: sluice notify apply receivers.yaml
    """


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only say what is wrong with the file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def apply(file: Path, check: bool, as_json: bool) -> None:
    """Check the receivers in FILE and put them in force.

    FILE says who gets pages, tickets and events: by a webhook, a Slack-compatible webhook, or
    e-mail. Passwords and tokens stand in files of their own.

    Example: sluice notify apply receivers.yaml
    """
    from components.notify import load
    from local.home import find_home
    from local.platform.connect import connect
    from local.servers import alertmanager_server, ports

    found, text = load(file)
    home = find_home()
    if check:
        home.make()
        alertmanager_server.check(home, found)
    else:
        connect()
        alertmanager_server.apply(home, ports.kept(home), found, text)
    counts = {name: len(found.of(name)) for name in ("page", "ticket", "event")}
    if as_json:
        say(json.dumps({"receivers": counts, "in_force": not check}))
        return
    listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
    say(f"{file}: ok: receivers of {listed}{'' if check else '; in force'}")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def test(as_json: bool) -> None:
    """Send one each of page, ticket and event, to see where they arrive.

    Example: sluice notify test
    """
    import time

    from components.notify import trial
    from local.platform.connect import connect
    from local.servers import alertmanager_server

    alertmanager_server.binary()  # says what to install
    platform = connect()
    for moment in trial(time.time()):
        platform.moments.post(moment)
        severity = moment.labels["severity"]
        said = f"{severity}: Alertmanager has it; it arrives in 10 seconds, if somebody gets it"
        say(json.dumps({"sent": severity}) if as_json else said)
