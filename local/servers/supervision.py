"""supervisord as the one parent of every process of a platform."""

import os
import shlex
import socket
import sys
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

import psutil

from components.disk import locked, replace
from components.errors import PlatformError, Unreachable
from components.platform import wait_for
from components.programs import output
from local.home import Home
from local.servers.program import Program

MARK = "SLUICE_SUPERVISED_HOME"
"""Environment variable by which every process of a platform is found again, orphans included."""

_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "USER",
    "LD_LIBRARY_PATH",
    "SLUICE_RECORD_KEY",
)


@dataclass(frozen=True)
class Process:
    """What the supervisor says of one program."""

    name: str
    state: str
    pid: int | None
    log: Path
    detail: str
    started: float
    """When it was started last, in seconds since the epoch."""
    ended: float
    """When it last ended, in seconds since the epoch; 0 if it never has."""


def _socket(home: Home) -> Path:
    return home.run / "supervisor.sock"


def _programs(home: Home) -> Path:
    return home.path / "supervisor"


def _value(text: str) -> str:
    return text.replace("%", "%%")


def _section(home: Home, program: Program) -> str:
    environment = ",".join(
        f'{name}="{_value(value)}"' for name, value in sorted(program.environment.items())
    )
    lines = [
        f"[program:{program.name}]",
        f"command={_value(shlex.join(program.command))}",
        f"environment={environment}",
        f"directory={_value(str(program.directory or home.path))}",
        "autostart=true",
        "autorestart=true",
        "startsecs=1",
        "startretries=20",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_wait_s}",
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_value(str(home.logs / f'{program.output or program.name}.log'))}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=2",
    ]
    return "\n".join(lines) + "\n"


def write_program(home: Home, program: Program) -> None:
    """Write the program's section; `update` makes the supervisor follow it."""
    _programs(home).mkdir(mode=0o700, exist_ok=True)
    replace(_programs(home) / f"{program.name}.conf", _section(home, program))


def remove_program(home: Home, name: str) -> None:
    """Remove the program's section; harmless when there is none."""
    (_programs(home) / f"{name}.conf").unlink(missing_ok=True)


def start(home: Home) -> None:
    """Start supervisord in the background; it starts every program that has a section.

    Raises:
        PlatformError: it did not come up.
    """
    config = home.path / "supervisord.conf"
    replace(
        config,
        f"""[supervisord]
logfile={_value(str(home.logs / "supervisord.log"))}
logfile_maxbytes=10MB
logfile_backups=1
pidfile={_value(str(home.run / "supervisord.pid"))}
directory={_value(str(home.path))}
umask=077
nocleanup=true

[unix_http_server]
file={_value(str(_socket(home)))}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files = {_programs(home).name}/*.conf
""",
    )
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    output(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
        "supervisord did not start",
        env=environment | {MARK: str(home.path)},
        cwd=home.path,
    )
    log = home.logs / "supervisord.log"
    wait_for(lambda: running(home), 10, 0.05, lambda: f"supervisord does not answer: see {log}")


class _Connection(xmlrpc.client.ServerProxy):
    def __init__(self, home: Home) -> None:
        from supervisor.xmlrpc import SupervisorTransport

        super().__init__(
            "http://127.0.0.1",
            transport=SupervisorTransport(serverurl=f"unix://{_socket(home)}"),
        )


def _call(home: Home, method: str, *arguments: Any) -> Any:
    """Call one method of the supervisor.

    Raises:
        Unreachable: it does not run.
        PlatformError: it refused.
    """
    from supervisor.xmlrpc import Faults

    try:
        with _Connection(home) as server:
            return getattr(server.supervisor, method)(*arguments)
    except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
        raise Unreachable("the platform is not up: run 'sluice up'") from error
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == Faults.SHUTDOWN_STATE:
            raise Unreachable("the platform is stopping: run 'sluice up'") from fault
        raise PlatformError(f"supervisor: {method} {arguments}: {fault.faultString}") from fault


def running(home: Home) -> bool:
    """True when the supervisor answers."""
    if not _socket(home).exists():
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(_socket(home)))
        except OSError:
            return False
    try:
        return bool(_call(home, "getState")["statename"] == "RUNNING")
    except Unreachable:
        return False


def update(home: Home) -> None:
    """Make the supervisor follow the sections: start new programs, stop removed, restart changed.

    Raises:
        Unreachable: the supervisor does not run.
    """
    with locked(home.path / "supervisor.lock"):
        [[added, changed, removed]] = _call(home, "reloadConfig")
        for name in (*changed, *removed):
            _call(home, "stopProcessGroup", name)
            _call(home, "removeProcessGroup", name)
        for name in (*added, *changed):
            _call(home, "addProcessGroup", name)


def start_stopped(home: Home, *names: str) -> None:
    """Start those of ``names`` (default: every program) that do not run, given-up ones included.

    Raises:
        PlatformError: a program cannot be started at all.
    """
    for process in processes(home):
        wanted = not names or process.name in names
        if wanted and process.state in {"STOPPED", "EXITED", "FATAL"}:
            try:
                _call(home, "startProcess", process.name, False)
            except PlatformError as error:
                if "ALREADY_STARTED" not in str(error):
                    raise


def stop(home: Home, name: str) -> None:
    """Stop one program and wait for its end; it stays stopped until `start_stopped`."""
    _call(home, "stopProcess", name)


def signal(home: Home, name: str, number: str) -> None:
    """Send a signal (``HUP``) to one program that runs.

    Raises:
        PlatformError: it does not run.
    """
    _call(home, "signalProcess", name, number)


def processes(home: Home) -> list[Process]:
    """Every program and its state.

    Raises:
        Unreachable: the supervisor does not run.
    """
    answer = cast(list[dict[str, Any]], _call(home, "getAllProcessInfo"))
    return [
        Process(
            name=info["name"],
            state=info["statename"],
            pid=info["pid"] or None,
            log=Path(info["stdout_logfile"]),
            detail=info["spawnerr"] or info["description"],
            started=float(info["start"]),
            ended=float(info["stop"]),
        )
        for info in answer
    ]


def shut_down(home: Home, patience_s: float) -> None:
    """Ask the supervisor to stop every program and itself, and wait for its end."""
    pid = _call(home, "getPID")
    _call(home, "shutdown")
    try:
        psutil.Process(pid).wait(patience_s)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return


def survivors(home: Home) -> list[psutil.Process]:
    """Every process of this platform that lives, whoever is its parent now."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(MARK) == str(home.path)
            if marked and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(processes: Iterable[psutil.Process], patience_s: float = 5.0) -> None:
    """End ``processes``: SIGTERM, and SIGKILL for those alive after ``patience_s``."""
    listed = list(processes)
    for process in listed:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(listed, timeout=patience_s)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=patience_s)
