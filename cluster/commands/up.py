"""`sluice up` where the platform is a cluster."""

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Check what the installation in the cluster needs; start nothing.

    The cluster is that of the kubeconfig. Exit code 1 when something is to be mended.

    Example: sluice up --json
    """
    from cluster import installation
    from cluster.access import find_access
    from cluster.connect import namespace_of
    from components.findings import show

    access = find_access()
    found = installation.examine(access, namespace_of(access))
    sys.exit(0 if show(found, as_json=as_json) else 1)
