"""What a machine has of processes, mounts, control groups, interfaces, rules and settings."""

import os
import re
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

_NODE = re.compile(r"/(sluice-[0-9a-f]{12})\b")
"""A cluster's control groups in ``/proc/<pid>/cgroup``; see `cluster.embedded.home`."""

SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward")


@dataclass(frozen=True)
class Traces:
    """Compared before and after: whatever is new was left behind."""

    processes: frozenset[str]
    """Those that name the folder, or that run in a network namespace of their own."""
    mounts: frozenset[str]
    groups: frozenset[str]
    """Control groups that are named after the folder."""
    interfaces: frozenset[str]
    rules: frozenset[str]
    settings: frozenset[str]

    def left(self, before: "Traces") -> list[str]:
        """What was not there before, each with what it is."""
        return [
            f"{field.name}: {new}"
            for field in fields(self)
            for new in sorted(getattr(self, field.name) - getattr(before, field.name))
        ]


def traces(folder: Path, name: str) -> Traces:
    """What there is now.

    Args:
        folder: of the platform.
        name: of its control groups.
    """
    nft = ["/usr/sbin/nft", "list", "ruleset"]
    rules = subprocess.run(nft, capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return Traces(
        frozenset(filter(None, (_of(each, folder, name) for each in psutil.process_iter()))),
        frozenset(line.partition(" - ")[0] for line in mounts.splitlines()),
        frozenset(f"{at}/{name}" for at, names, _ in os.walk("/sys/fs/cgroup") if name in names),
        frozenset(psutil.net_if_addrs()),
        frozenset(rules.splitlines()),
        frozenset(f"{each} {Path('/proc/sys', each).read_text().strip()}" for each in SETTINGS),
    )


def _of(process: psutil.Process, folder: Path, name: str) -> str:
    try:
        command = process.cmdline()
        groups = Path(f"/proc/{process.pid}/cgroup").read_text(encoding="utf-8")
        network = Path(f"/proc/{process.pid}/ns/net").readlink()
    except (psutil.Error, OSError):
        return ""
    apart = network != Path("/proc/self/ns/net").readlink()
    # Another cluster of this machine starts and ends its own.
    others = set(_NODE.findall(groups)) - {name}
    ours = not others and (apart or str(folder) in " ".join(command))
    return f"{process.pid} {' '.join(command)}" if ours and process.pid != os.getpid() else ""
