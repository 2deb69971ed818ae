"""`sluice cluster`: a Kubernetes of one node."""

import json
import sys
import time
from dataclasses import asdict

import click

from components.printing import say


@click.group()
def command() -> None:
    """Run a Kubernetes of one node on this machine, with the real controllers.

    Linux, as root. It is built from Go modules the first time, which takes most of an hour.
    State is kept in .sluice-cluster/ of the repository, or in $SLUICE_CLUSTER_HOME.

    Example: sluice cluster up
    """


@command.command()
def up() -> None:
    """Start the cluster, or heal it, and wait until all of it is available.

    Each phase is a line with its seconds. Running it again is harmless.

    Example: sluice cluster up
    """
    from cluster.embedded import lifecycle
    from cluster.embedded.home import find_home

    home = find_home()
    began = time.monotonic()
    lifecycle.up(home, say)
    say(f"the cluster in {home.path} is up after {time.monotonic() - began:.1f} s")
    say(f"  export KUBECONFIG={home.kubeconfig}")


@command.command()
def down() -> None:
    """End the cluster and everything in it; nothing of it stays in the machine.

    Built programs and imported images stay on the disk.

    Example: sluice cluster down
    """
    from cluster.embedded import lifecycle
    from cluster.embedded.home import find_home

    home = find_home()
    there = lifecycle.down(home)
    say(f"the cluster in {home.path} {'is' if there else 'was'} down")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show the health of the node's programs and of every deployment.

    Exit code 1 when anything is not as it should be.

    Example: sluice cluster status --json
    """
    from cluster.embedded import lifecycle
    from cluster.embedded.home import find_home

    home = find_home()
    found = lifecycle.status(home)
    healthy = bool(found) and all(each.ok for each in found)
    if as_json:
        parts = [asdict(each) for each in found]
        say(json.dumps({"home": str(home.path), "healthy": healthy, "parts": parts}))
    elif found:
        width = max(len(each.name) for each in found)
        for each in found:
            say(f"{each.name:<{width}}  {each.state}")
        say(f"logs: {home.logs}/<name>.log")
    else:
        say(f"no cluster in {home.path}: run 'sluice cluster up'")
    sys.exit(0 if healthy else 1)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Find what this machine lacks for a cluster, and say how to get it.

    Exit code 1 when something is to be mended.

    Example: sluice cluster doctor
    """
    from cluster.embedded import doctor as examining
    from cluster.embedded.home import find_home
    from components.findings import show

    sys.exit(0 if show(examining.examine(find_home()), as_json=as_json) else 1)


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...]) -> None:
    """Run a program where the cluster's addresses and names are reached.

    It runs in the cluster's network, with $KUBECONFIG of its administrator; files and processes
    stay this machine's. The exit code is the program's.

    Example: sluice cluster run curl http://mlflow.sluice-system:5000/version
    """
    from cluster.embedded import inside
    from cluster.embedded.home import find_home

    sys.exit(inside.run(find_home(), command))


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def kubeconfig(as_json: bool) -> None:
    """Print the path of the administrator's kubeconfig, for $KUBECONFIG.

    Example: export KUBECONFIG=$(sluice cluster kubeconfig)
    """
    from cluster.embedded.home import find_home
    from components.errors import PlatformError

    path = find_home().kubeconfig
    if not path.exists():
        raise PlatformError("the cluster does not run: run 'sluice cluster up'")
    say(json.dumps({"kubeconfig": str(path)}) if as_json else str(path))
