"""The node's control groups: one below this process's own in each hierarchy."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from components.errors import PlatformError
from components.platform import wait_for

ROOT = Path("/sys/fs/cgroup")

NEEDED = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
"""Controllers of version 1 that the kubelet and runc want."""

_GONE_S = 30.0


@dataclass(frozen=True)
class Hierarchy:
    """One tree of groups, as ``/proc/self/cgroup`` has it."""

    controllers: str
    """``memory``, ``cpu,cpuacct``, ``name=systemd``; empty: version 2."""
    own: str
    """The path of this process's group in it."""

    @property
    def mount(self) -> Path:
        """Where the machine has it."""
        if self.controllers:
            return ROOT / self.controllers.removeprefix("name=")
        unified = ROOT / "unified"
        return unified if unified.is_dir() else ROOT

    @property
    def group(self) -> Path:
        """This process's group."""
        return self.mount / self.own.lstrip("/")


def hierarchies(text: str) -> list[Hierarchy]:
    """What ``/proc/<pid>/cgroup`` says."""
    return [
        Hierarchy(controllers, own)
        for _, controllers, own in (line.split(":", 2) for line in text.splitlines())
    ]


def own() -> list[Hierarchy]:
    """This process's."""
    return hierarchies(Path("/proc/self/cgroup").read_text(encoding="utf-8"))


def missing(found: list[Hierarchy]) -> list[str]:
    """The controllers of version 1 that are needed and not there."""
    there = {name for each in found for name in each.controllers.split(",")}
    return [name for name in NEEDED if name not in there]


def make(node: str) -> list[Path]:
    """Make the node's group in each hierarchy, ready to be entered."""
    groups = []
    for hierarchy in own():
        group = hierarchy.group / node
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # A new group of version 1 has no processor and no memory, so nobody can enter it.
            if (group / name).exists() and hierarchy.controllers:
                (group / name).write_text((group.parent / name).read_text())
        groups.append(group)
    return groups


def groups_of(node: str) -> list[Path]:
    """The node's groups, wherever who started it stood."""
    return [Path(folder, node) for folder, names, _ in os.walk(ROOT) if node in names]


def members(node: str) -> set[int]:
    """Every process of the node, as this process sees it."""
    return {pid for group in groups_of(node) for pid in _members(group)}


def _members(group: Path) -> Iterator[int]:
    for folder in _below(group):
        with suppress(OSError):  # a pod's group has gone meanwhile
            yield from map(int, (folder / "cgroup.procs").read_text().split())


def _below(group: Path) -> list[Path]:
    """The group and those below it; one that goes meanwhile is left out, as `os.walk` does."""
    return [Path(folder) for folder, _, _ in os.walk(group)]


def remove(node: str) -> None:
    """End every process of the node at once, and remove its groups.

    Raises:
        PlatformError: something does not end.
    """

    def gone() -> bool:
        for pid in members(node):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not members(node) and all(map(_remove, groups_of(node)))

    def late() -> str:
        listed = ", ".join(map(str, sorted(members(node)))) or "none, but its groups stay"
        return f"processes of the cluster that do not end: {listed}"

    try:
        wait_for(gone, _GONE_S, 0.02, late)
    except OSError as error:
        raise PlatformError(f"the cluster's control groups stay: {error}") from error


def _remove(group: Path) -> bool:
    """Remove a group and those below it; False when one is still in use."""
    for folder in sorted(_below(group), reverse=True):
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            if error.errno != errno.ENOENT:
                raise
    return True
