"""The node: one process tree in namespaces of its own, started, entered and ended from outside."""

import socket
import subprocess
import sys
from pathlib import Path

from cluster.embedded import cgroups
from cluster.embedded.home import Home
from cluster.embedded.programs import SUPERVISOR_SOCKET

_NAMESPACES = ("--cgroup", "--mount", "--net", "--pid", "--uts", "--ipc")

_ENTER = (
    'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit; shift; done; shift; exec "$@"'
)
"""Puts the shell into each group that it is given, then becomes the command."""


def start(home: Home, door: socket.socket) -> None:
    """Start the node in the background; it goes on when this process ends.

    Args:
        home: its folder, with every setting written.
        door: listens on this machine's loopback for the API server. A socket stays in the
            network namespace in which it was made, so this is the one way into the node's.
    """
    groups = map(str, cgroups.make(home.node))
    inner = [sys.executable, "-m", "cluster.embedded.inner", str(home.path), str(door.fileno())]
    command = [
        *("/bin/sh", "-c", _ENTER, "sh", *groups, "--"),
        *("unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", *inner),
    ]
    with (home.logs / "node.log").open("wb") as log:
        subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(door.fileno(),),
        )


def first_process(home: Home) -> int | None:
    """The process that is 1 in the node, by its number here; None when the node does not run."""
    for pid in cgroups.members(home.node):
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        numbers = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
        # Here and in the node; a pod's first process has a third number.
        if numbers.split()[2:] == ["1"]:
            return pid
    return None


def inside(pid: int) -> list[str]:
    """The command line before one that is to run in the node; its folder becomes ``/``."""
    return ["nsenter", "--target", str(pid), *_NAMESPACES, "--"]


def supervisor_socket(pid: int) -> Path:
    """The supervisor's door, as a path of this machine."""
    return Path(f"/proc/{pid}/root") / SUPERVISOR_SOCKET.lstrip("/")


def stop(home: Home) -> bool:
    """End the node and remove what the machine had of it; False when there was none."""
    there = bool(cgroups.groups_of(home.node))
    cgroups.remove(home.node)
    return there
