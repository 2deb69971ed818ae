"""Programs of this machine, run where the cluster's own addresses and names are reached."""

import os
import subprocess
from collections.abc import Sequence

from cluster.embedded import network, node, pki
from cluster.embedded.home import Home
from components.disk import replace
from components.errors import PlatformError

_WITH_NAMES = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
_RESOLVER = f"""nameserver {network.DNS}
search svc.{network.DOMAIN} {network.DOMAIN}
options ndots:5
"""


def run(home: Home, command: Sequence[str]) -> int:
    """Run a program in the cluster's network, as its administrator; its exit code.

    Files, processes and user stay the machine's. No proxy of the environment is asked: there is no
    way out.

    Raises:
        PlatformError: the cluster does not run.
    """
    pid = node.first_process(home)
    if pid is None:
        raise PlatformError("the cluster does not run: run 'sluice cluster up'")
    resolver, kubeconfig = home.settings / "resolv.conf", home.settings / "kubeconfig"
    replace(resolver, _RESOLVER)
    replace(kubeconfig, _kubeconfig(home))
    enter = ("nsenter", "--target", str(pid), "--net", "--", "unshare", "--mount")
    named = ("sh", "-c", _WITH_NAMES, "sh", str(resolver))
    kept = {key: each for key, each in os.environ.items() if not key.lower().endswith("_proxy")}
    environment = kept | {"KUBECONFIG": str(kubeconfig)}
    return subprocess.run([*enter, *named, *command], env=environment, check=False).returncode


def _kubeconfig(home: Home) -> str:
    trust = {"certificate-authority": str(home.pki / "ca.crt")}
    user = {
        "client-certificate": str(home.pki / "admin.crt"),
        "client-key": str(home.pki / "admin.key"),
    }
    return pki.kubeconfig(network.API, trust, user)
