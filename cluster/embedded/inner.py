"""The node's first step inside its namespaces: ``python -m cluster.embedded.inner HOME DOOR``.

It makes what the kubelet takes for a machine, then becomes the supervisor. Nothing here reaches
the machine's own mounts, network or settings.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

from cluster.embedded import cgroups, network
from cluster.embedded.home import INSIDE
from cluster.embedded.settings import RESOLVER

MACHINE_WIDE = {"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"}
"""The kubelet would write these settings of the whole machine: it is shown the values it wants."""

BRIDGE = "node0"


def main() -> None:
    """Make the node and become its supervisor."""
    home, door = Path(sys.argv[1]), int(sys.argv[2])
    os.umask(0o022)  # images' folders are made by it, for users of all kinds
    socket.sethostname(network.NODE_NAME)
    _own_cgroups()
    _own_run(home)
    _shown_settings()
    _own_network()
    _open(door)
    supervisord = ("-m", "supervisor.supervisord", "-c", f"{INSIDE}/settings/supervisord.conf")
    os.execv(sys.executable, (sys.executable, *supervisord))  # noqa: S606 (it is to be process 1)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _own_cgroups() -> None:
    """Every group as ``/``: this namespace's root is the node's own group."""
    _run("umount", "--recursive", "/sys")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(cgroups.ROOT))
    for hierarchy in cgroups.own():
        if not hierarchy.controllers:
            continue  # with the tree of version 2 beside it, the kubelet would take that one
        # A combined one (cpu,cpuacct) has one mount; `none` is for one without a controller.
        named = hierarchy.controllers.startswith("name=")
        options = f"none,{hierarchy.controllers}" if named else hierarchy.controllers
        hierarchy.mount.mkdir()
        _run("mount", "-t", "cgroup", "-o", options, "cgroup", str(hierarchy.mount))


def _own_run(home: Path) -> None:
    """Sockets and what need not last in memory, and the home where every program looks for it."""
    _run("mount", "--make-rshared", "/")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    INSIDE.mkdir()
    _run("mount", "--bind", str(home), str(INSIDE))
    # A group of mounts of its own, or each pod's volumes would be mounted a second time in `home`.
    _run("mount", "--make-private", str(INSIDE))
    _run("mount", "--make-rshared", str(INSIDE))
    Path(RESOLVER).write_text(f"nameserver {network.DNS}\n", encoding="utf-8")


def _shown_settings() -> None:
    shown = Path("/run/shown")
    shown.mkdir()
    for name, value in MACHINE_WIDE.items():
        file = shown / name.replace("/", "_")
        file.write_text(f"{value}\n", encoding="utf-8")
        _run("mount", "--bind", str(file), f"/proc/sys/{name}")


def _own_network() -> None:
    address = f"{network.NODE_ADDRESS}/{network.NODE_PREFIX}"
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", BRIDGE, "type", "bridge")
    _run("ip", "address", "add", address, "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    # Services' addresses need a route before they are rewritten; this one leads nowhere.
    _run("ip", "route", "add", "default", "dev", BRIDGE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n", encoding="utf-8")


def _open(door: int) -> None:
    """Answer for the API server at the door that was made outside; see `cluster.embedded.door`."""
    subprocess.Popen(
        [sys.executable, "-m", "cluster.embedded.door", str(door)],
        pass_fds=(door,),
        stdin=subprocess.DEVNULL,
    )
    os.close(door)


if __name__ == "__main__":
    main()
