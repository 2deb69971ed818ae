"""What is missing or broken on this machine, and how to fix it."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from components.errors import SluiceError
from components.findings import Finding
from local import lifecycle
from local.home import Home
from local.servers import (
    alertmanager_server,
    envoy_server,
    ports,
    postgres,
    prometheus_server,
    seaweed,
    supervision,
)


def examine(home: Home) -> list[Finding]:
    """Look at everything that the platform stands on; changes nothing."""
    return [
        _python(),
        *_programs(),
        *_root(),
        _disk(home),
        *_ports(home),
        *_private_files(home),
        *_stale(home),
    ]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    fix = "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer, then: make setup"
    return Finding("Python", version, fix)


def _programs() -> Iterator[Finding]:
    wanted: dict[str, tuple[Callable[[], Path], tuple[str, ...]]] = {
        "PostgreSQL": (lambda: postgres.binaries() / "postgres", ("--version",)),
        "SeaweedFS": (seaweed.binary, ("version",)),
        "Envoy": (envoy_server.binary, ("--version",)),
        "Prometheus": (prometheus_server.binary, ("--version",)),
        "Alertmanager": (alertmanager_server.binary, ("--version",)),
        "amtool": (lambda: alertmanager_server.binary("amtool"), ("--version",)),
        "promtool": (lambda: prometheus_server.binary("promtool"), ("--version",)),
    }
    for name, (find, arguments) in wanted.items():
        try:
            path = find()
            done = subprocess.run(
                [str(path), *arguments], capture_output=True, text=True, timeout=20, check=False
            )
        except SluiceError as error:
            yield Finding(name, "missing", str(error))
        except (OSError, subprocess.TimeoutExpired) as error:
            yield Finding(name, f"does not run: {error}", "make setup")
        else:
            lines = (done.stdout or done.stderr).strip().splitlines()
            said = lines[0].strip() if lines else f"exit code {done.returncode}"
            fix = "" if done.returncode == 0 else f"run it by hand: {path}"
            yield Finding(name, said, fix)


def _root() -> Iterator[Finding]:
    if os.geteuid() == 0:
        found = shutil.which("setpriv")
        fix = "" if found else "install util-linux, or run as an ordinary user"
        yield Finding("setpriv (PostgreSQL does not run as root)", found or "missing", fix)


def _disk(home: Home) -> Finding:
    folder = home.path
    while not folder.exists():
        folder = folder.parent
    try:
        lifecycle.refuse_full_disk(folder)
    except SluiceError as error:
        return Finding("disk", "nearly full", str(error))
    return Finding("disk", f"{shutil.disk_usage(folder).free // 2**20} MB free under {folder}")


def _ports(home: Home) -> Iterator[Finding]:
    kept = ports.kept(home)
    if supervision.running(home) or not kept:
        return
    ours = {process.pid for process in supervision.survivors(home)}
    for name, port in kept.items():
        if not ports.is_free(port) and ports.listener(port) not in ours:
            fix = f"stop it, or change the port in {home.path / 'ports.json'}"
            yield Finding(f"port {port} of {name}", f"taken by {ports.owner(port)}", fix)


def _private_files(home: Home) -> Iterator[Finding]:
    secret = [home.keys, *sorted(home.private.glob("*"))]
    for path in secret:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding(str(path), "open to other users", f"chmod 600 {path}")


def _stale(home: Home) -> Iterator[Finding]:
    """Processes without their supervisor, of this platform and of deleted ones."""
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(supervision.MARK)
        except psutil.Error:
            continue
        if not marked:
            continue
        what = f"process {process.pid} ({process.name()})"
        if not Path(marked).exists():
            yield Finding(what, f"its home {marked} is gone", f"kill {process.pid}")
        elif marked == str(home.path) and not supervision.running(home):
            yield Finding(what, "has lost its supervisor", "sluice up, or sluice down")
