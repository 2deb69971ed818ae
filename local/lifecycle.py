"""Starting, healing, looking at and stopping a platform."""

import os
import re
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from components.disk import last_lines, locked
from components.errors import InputError, PlatformError
from components.platform import wait_for
from components.platform.objects import ObjectEndpoints
from local import credentials, predictors, rules, watcher
from local.gateway import admin, discovery
from local.home import Home
from local.loopback import probe
from local.platform import lost, provisioned
from local.predictors import program_name
from local.servers import (
    alertmanager_server,
    envoy_server,
    exporter_server,
    grafana_server,
    mlflow_server,
    ports,
    postgres,
    prometheus_server,
    seaweed,
    supervision,
)
from local.servers.program import Program, Server

LEAST_FREE_MB = 1024
"""Free disk space below which nothing is started; `$SLUICE_MIN_FREE_MB` says another."""

Say = Callable[[str], None]


def servers(home: Home, kept: dict[str, int]) -> list[Server]:
    """Every server of the platform."""
    makers = (
        postgres.server,
        seaweed.server,
        mlflow_server.server,
        envoy_server.server,
        exporter_server.server,
        prometheus_server.server,
        *([alertmanager_server.server] if alertmanager_server.installed() else []),
        *([grafana_server.server] if grafana_server.wanted(home) else []),
    )
    return [make(home, kept) for make in makers]


def reaper(home: Home) -> Program:
    """The program that finishes releases whose lease has expired.

    It has a log of its own, so that it goes on when the supervisor, which reads what the other
    programs print, is killed.
    """
    sluice = Path(sysconfig.get_path("scripts"), "sluice")
    return Program(
        "reaper",
        (str(sluice), "reap", "--every", "5", "--log", str(home.logs / "reaper.log")),
        environment={"SLUICE_HOME": str(home.path)},
        output="reaper-start",
    )


def refuse_full_disk(folder: Path) -> None:
    """Check the disk that holds ``folder``.

    Raises:
        PlatformError: less is free than the platform needs.
        InputError: ``$SLUICE_MIN_FREE_MB`` is no number.
    """
    asked = os.environ.get("SLUICE_MIN_FREE_MB", str(LEAST_FREE_MB))
    if not re.fullmatch("[0-9]{1,12}", asked):
        raise InputError(f"SLUICE_MIN_FREE_MB={asked}: write a whole number of megabytes")
    least = int(asked)
    free = shutil.disk_usage(folder).free // 2**20
    if free < least:
        raise PlatformError(
            f"only {free} MB are free under {folder}, {least} are needed: make room, or set "
            "SLUICE_HOME to a folder on another disk"
        )


def up(home: Home, say: Say, patience_s: float = 120.0) -> dict[str, int]:
    """Start what does not run, heal what is broken, return when every server answers.

    Returns:
        The kept ports.

    Raises:
        PlatformError: with the reason in one line.
    """
    home.make()
    refuse_full_disk(home.path)
    for find in (postgres.binaries, seaweed.binary, envoy_server.binary, prometheus_server.binary):
        find()
    with locked(home.path / "up.lock"):
        kept = ports.keep(home, ["grafana"] if grafana_server.wanted(home) else [])
        credentials.make(home)
        credentials.apply_client_keys(home)
        postgres.write_passfile(home, kept["postgres"])
        seaweed.write_credentials(home, kept["s3"])
        wanted = servers(home, kept)
        spans = provisioned.of(home, kept["s3"])
        if not supervision.running(home):
            spans.comes_up()
        _start(home, kept, wanted)
        _wait(home, wanted, say, patience_s)
        discovery.publish(home)
        admin.wait_for_routes(home)
        discovery.prune(home)
        for name in lost.restart_lost(home):
            say(f"{name} did not answer any more: it is started again")
        seaweed.make_buckets(home, kept["s3"])
        for bucket in seaweed.BUCKETS:
            seaweed.wait_until_kept(seaweed.store(home, kept["s3"], bucket), patience_s)
        store = seaweed.store(home, kept["s3"], seaweed.BUCKET)
        endpoints = ObjectEndpoints(store)
        rules.write_all(home, endpoints, say)
        with suppress(PlatformError):
            supervision.signal(home, "alertmanager", "HUP")
        spans.is_up()
    return kept


def _start(home: Home, kept: dict[str, int], wanted: list[Server]) -> None:
    alive = supervision.running(home)
    if not alive:
        supervision.kill(supervision.survivors(home))
    up_now = {p.name for p in supervision.processes(home) if p.pid} if alive else set()
    down = [server for server in wanted if server.program.name not in up_now]
    needed = {name: kept[name] for server in down for name in server.ports}
    ports.refuse_taken(home, needed | _ports_of_predictors(home, up_now))
    postgres.prepare(home)
    if envoy_server.prepare(home, kept) and "gateway" in up_now:
        supervision.stop(home, "gateway")
    if prometheus_server.prepare(home, kept) and "prometheus" in up_now:
        supervision.stop(home, "prometheus")
    alertmanager_server.prepare(home)
    if grafana_server.wanted(home):
        grafana_server.prepare(home, kept)
    else:
        supervision.remove_program(home, "grafana")
    prometheus_server.write_targets(home, predictors.backends(home))
    _publish(home, "gateway" in up_now)
    for server in wanted:
        supervision.write_program(home, server.program)
    supervision.write_program(home, reaper(home))
    if watcher.wanted(home):
        supervision.write_program(home, watcher.program(home))
    else:
        supervision.remove_program(home, watcher.NAME)
    if alive:
        supervision.update(home)
        supervision.start_stopped(home)
    else:
        supervision.start(home)


def _publish(home: Home, up_now: bool) -> None:
    """Write what the gateway shall do; one that runs and does not follow is started again."""
    try:
        discovery.publish(home)
    except PlatformError:
        if not up_now:
            raise
        supervision.stop(home, "gateway")
        discovery.publish(home)


def _ports_of_predictors(home: Home, up_now: set[str]) -> dict[str, int]:
    """The ports of the predictors that do not run."""
    ports_by_name: dict[str, int] = {}
    for backend, _ in predictors.known(home):
        name = program_name(backend.endpoint, backend.version)
        if name not in up_now:
            ports_by_name |= {name: backend.http_port, f"{name} (gRPC)": backend.grpc_port}
    return ports_by_name


def _wait(home: Home, wanted: Iterable[Server], say: Say, patience_s: float) -> None:
    began = time.monotonic()
    awaited = {server.program.name: server for server in wanted}
    said = ""

    def all_answer() -> bool:
        nonlocal said
        for name, server in list(awaited.items()):
            if server.healthy() is None:
                del awaited[name]
                say(f"{name} answers after {time.monotonic() - began:.1f} s")
        waiting = ", ".join(awaited)
        if waiting and waiting != said:
            say(f"waiting for {waiting}")
            said = waiting
        return not awaited

    def late() -> str:
        name, server = next(iter(awaited.items()))
        log = home.logs / f"{name}.log"
        last = last_lines(log)[-1:] or ["it is empty"]
        return (
            f"{name} {server.healthy() or 'was too slow'} after {patience_s:.0f} s; "
            f"the last line of {log}: {last[0]}"
        )

    wait_for(all_answer, patience_s, 0.1, late)


def down(home: Home, patience_s: float = 60.0) -> int:
    """Stop every process of the platform; return how many had to be killed.

    Raises:
        PlatformError: a process does not end.
    """
    if not home.path.exists():
        return 0
    if supervision.running(home):
        provisioned.of(home, ports.kept(home)["s3"]).goes_down()
        supervision.shut_down(home, patience_s)
    left = supervision.survivors(home)
    supervision.kill(left)
    still = supervision.survivors(home)
    if still:
        listed = ", ".join(f"{process.name()} ({process.pid})" for process in still)
        raise PlatformError(f"these processes do not end: {listed}")
    seaweed.remove_sockets(ports.kept(home))
    if not home.run.is_relative_to(home.path):
        shutil.rmtree(home.run, ignore_errors=True)
    return len(left)


@dataclass(frozen=True)
class Health:
    """One line of `sluice status`."""

    name: str
    state: str
    """``ok``, ``stopped``, or what is wrong."""
    url: str
    memory_mb: float | None
    log: Path


def status(home: Home) -> list[Health]:
    """The health of every server and predictor, now."""
    kept = ports.kept(home)
    if not kept:
        return []
    alive = supervision.running(home)
    running = {p.name: p for p in supervision.processes(home)} if alive else {}
    lines = []
    for server in servers(home, kept):
        name = server.program.name
        process = running.get(name)
        state = "stopped" if not process or not process.pid else server.healthy() or "ok"
        lines.append(_health(home, name, state, server.url, process))
    for backend, _ in predictors.known(home):
        name = program_name(backend.endpoint, backend.version)
        address = f"http://127.0.0.1:{backend.http_port}"
        process = running.get(name)
        said = probe(f"{address}/v2/models/{backend.endpoint}/ready")
        state = "stopped" if not process or not process.pid else said or "ok"
        lines.append(_health(home, name, state, address, process))
    for name in ("reaper", watcher.NAME):
        if process := running.get(name):
            state = "ok" if process.state == "RUNNING" else process.detail
            lines.append(_health(home, name, state, "", process))
    return lines


def _health(
    home: Home, name: str, state: str, url: str, process: supervision.Process | None
) -> Health:
    memory = None
    if process and process.pid:
        try:
            parent = psutil.Process(process.pid)
            family = [parent, *parent.children(recursive=True)]
            memory = sum(member.memory_info().rss for member in family) / 2**20
        except psutil.Error:
            memory = None
    return Health(name, state, url, memory, home.logs / f"{name}.log")
