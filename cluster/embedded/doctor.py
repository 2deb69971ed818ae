"""What this machine lacks for a cluster, and how to get it: told before anything is built."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from cluster.embedded import build, cgroups, settings
from cluster.embedded.families import FAMILIES
from cluster.embedded.home import Home, cache
from components.errors import PlatformError
from components.findings import Finding

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
    "ip": "iproute2",
    "mount": "mount",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
}
"""The Debian package of each program that the node runs, or its images are made with."""

PLUGINS = ("bridge", "host-local", "portmap", "loopback")

LEAST_MEMORY_MB = 4096
BUILD_MB = 16384
"""Of disk, for Go's caches, the programs and our images; from nothing it becomes twice as much."""
RUN_MB = 8192
"""Of disk, for images in the node and pods' volumes."""

_TRIAL = (
    "ip link add sluice0 type bridge && ip link add sluice1 type veth peer name sluice2"
    " && nft add table ip sluice"
)
"""What needs the kernel's bridge, veth and nf_tables: in a namespace that ends with the trial."""


def examine(home: Home) -> list[Finding]:
    """Look at everything that the cluster stands on; changes nothing."""
    found: list[Finding] = []
    for look in (_machine, _packages):
        found += look()
        if any(finding.fix for finding in found):
            return found  # nothing else could be looked at
    return [*found, _groups(), _kernel(), _memory(), _disk(home), *_programs()]


def refuse(home: Home) -> None:
    """Check that a cluster can be built and run here.

    Raises:
        PlatformError: it cannot; says the first thing that is missing, and how to get it.
    """
    for finding in examine(home):
        if finding.fix:
            raise PlatformError(f"{finding.what}: {finding.found}: {finding.fix}")


def _machine() -> Iterator[Finding]:
    system = platform.system()
    fix = "" if system == "Linux" else "run it on Linux, or set KUBECONFIG to a cluster of yours"
    yield Finding("system", system, fix)
    root = os.geteuid() == 0
    yield Finding("user", "root" if root else "not root", "" if root else "run it as root")


def _packages() -> Iterator[Finding]:
    lacking = {
        package: program for program, package in PACKAGES.items() if not shutil.which(program)
    }
    plugins = [name for name in PLUGINS if not Path(settings.CNI_PROGRAMS, name).exists()]
    if plugins:
        lacking["containernetworking-plugins"] = f"{settings.CNI_PROGRAMS}/{plugins[0]}"
    install = f"apt-get install --no-install-recommends {' '.join(sorted(lacking))}"
    for package, program in sorted(lacking.items()):
        yield Finding(package, f"{program} is missing", install)
    if not lacking:
        yield Finding("packages", "all there")


def _groups() -> Finding:
    missing = cgroups.missing(cgroups.own())
    if missing:
        fix = "start the machine with systemd.unified_cgroup_hierarchy=0"
        return Finding("control groups", f"version 1 lacks {', '.join(missing)}", fix)
    return Finding("control groups", "version 1")


def _kernel() -> Finding:
    trial = [shutil.which("unshare") or "unshare", "--net", "/bin/sh", "-c", _TRIAL]
    done = subprocess.run(trial, capture_output=True, text=True, check=False)
    overlay = "\toverlay" in Path("/proc/filesystems").read_text(encoding="utf-8")
    if done.returncode or not overlay:
        said = done.stderr.strip().splitlines() or ["no overlayfs"]
        return Finding("kernel", said[-1], "load overlay, bridge, veth and nf_tables (modprobe)")
    return Finding("kernel", "overlayfs, bridge, veth, nf_tables")


def _memory() -> Finding:
    free = psutil.virtual_memory().available // 2**20
    fix = "" if free >= LEAST_MEMORY_MB else f"make room: {LEAST_MEMORY_MB} MB are needed"
    return Finding("memory", f"{free} MB available", fix)


def _disk(home: Home) -> Finding:
    """Room for what is not there yet, where it will lie."""
    least = RUN_MB if all_built() else BUILD_MB
    for wanted, folder in ((RUN_MB, home.path), (least, cache())):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free // 2**20
        if free < wanted:
            return Finding("disk", f"{free} MB free under {there}", f"make room for {wanted} MB")
    return Finding("disk", "enough")


def all_built() -> bool:
    """Whether every family of programs is built."""
    return all(build.built(family, cache()) for family in FAMILIES)


def _programs() -> Iterator[Finding]:
    for family in FAMILIES:
        there = build.built(family, cache())
        yield Finding(family.name, f"built: {there}" if there else "not built yet")
    if not all_built():
        go = shutil.which("go")
        fix = "" if go else "install Go 1.26, see go.dev/doc/install"
        yield Finding("Go", go or "missing", fix)
