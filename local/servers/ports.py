"""Ports that are free at the first start and stay the same afterwards."""

import os
import random
import socket
import time
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress

import psutil

from components.disk import locked, read_json, replace_json, user_cache
from components.errors import PlatformError
from components.platform import wait_for
from local.home import Home

CANDIDATES = range(15000, 32000)
"""Below the kernel's range for outgoing connections, which would take a kept port by chance."""

CLAIM_S = 600.0
"""How long a claimed port is nobody else's: by then its server listens, or never will."""

BURIED_S = 5.0
"""How long a process that was killed may hold its port."""

NAMES = (
    "alertmanager",
    "exporter",
    "gateway",
    "gateway_stats",
    "mlflow",
    "postgres",
    "prometheus",
    "s3",
    "s3_grpc",
    "s3_filer",
    "s3_filer_grpc",
    "s3_master",
    "s3_master_grpc",
    "s3_volume",
    "s3_volume_grpc",
)


def is_free(port: int) -> bool:
    """True when a server may listen on ``port`` of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(count: int, taken: Container[int] = ()) -> list[int]:
    """``count`` different free ports that are not in ``taken``.

    Raises:
        PlatformError: there are not as many.
    """
    chosen: list[int] = []
    for port in random.Random(os.urandom(8)).sample(CANDIDATES, len(CANDIDATES)):  # noqa: S311
        if len(chosen) == count:
            break
        if port not in taken and is_free(port):
            chosen.append(port)
    if len(chosen) < count:
        raise PlatformError(f"fewer than {count} free ports on 127.0.0.1: stop other servers")
    return chosen


def claim(count: int, taken: Iterable[int] = ()) -> list[int]:
    """`choose`, and none that was claimed just now: platforms may start at once.

    Raises:
        PlatformError: there are not as many, or the user's cache cannot be written.
    """
    folder = user_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlatformError(
            f"{folder}: {error.strerror}: set XDG_CACHE_HOME to a folder of yours"
        ) from error
    with locked(folder / "ports.lock"):
        now, claims = time.time(), folder / "ports.json"
        known = {int(port): at for port, at in (read_json(claims) or {}).items()}
        claimed = {port: at for port, at in known.items() if now - CLAIM_S < at <= now}
        chosen = choose(count, {*taken, *claimed})
        replace_json(claims, claimed | dict.fromkeys(chosen, now))
    return chosen


def kept(home: Home) -> dict[str, int]:
    """The ports of this platform; empty before its first start."""
    return dict(read_json(home.path / "ports.json") or {})


def keep(home: Home, more: Iterable[str] = ()) -> dict[str, int]:
    """The ports of this platform, and of ``more`` servers, chosen now where they were not yet."""
    ports = kept(home)
    missing = [name for name in (*NAMES, *more) if name not in ports]
    if missing:
        ports |= dict(zip(missing, claim(len(missing), ports.values()), strict=True))
        replace_json(home.path / "ports.json", ports)
    return ports


def listener(port: int) -> int | None:
    """The process that listens on ``port``, as far as this user may see."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,):
            return connection.pid
    return None


def owner(port: int) -> str:
    """Who listens on ``port``, in words."""
    pid = listener(port)
    if pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(pid).name()} (process {pid})"
    except psutil.NoSuchProcess:
        return f"process {pid}"


def _becomes_free(port: int) -> bool:
    """Whether the port is free, or soon is: the kernel takes a moment to bury who had it."""
    with suppress(PlatformError):
        held = f"port {port} is held"
        wait_for(lambda: is_free(port) or listener(port), BURIED_S, 0.1, lambda: held)
    return is_free(port)


def refuse_taken(home: Home, wanted: Mapping[str, int]) -> None:
    """Check that the kept ports in ``wanted`` (by name) are free.

    Raises:
        PlatformError: one is not; says which and who has it.
    """
    for name, port in wanted.items():
        if not _becomes_free(port):
            raise PlatformError(
                f"port {port}, kept for {name}, is taken by {owner(port)}: "
                f"stop it, or change the port in {home.path / 'ports.json'}"
            )
