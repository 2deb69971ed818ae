"""Predictors whose process runs on without answering: ended, so that the supervisor starts anew."""

import time

import psutil

from components.disk import last_lines
from local import predictors
from local.home import Home
from local.loopback import probe
from local.predictors import Backend, program_name
from local.servers import supervision

_PROBES = 3
"""One that is only busy answers one of them."""
_PATIENCE_S = 5.0
"""How long it may finish what it has accepted."""


def unwell(backend: Backend) -> str | None:
    """What is wrong with a predictor that should be ready; None if it is."""
    address = f"http://127.0.0.1:{backend.http_port}"
    return probe(f"{address}/v2/models/{backend.endpoint}/ready")


def ready_line(backend: Backend) -> str:
    """How the line ends that a predictor logs once its model is warm."""
    return f" ready: {backend.endpoint} version {backend.version}"


def end_if_lost(home: Home, backend: Backend) -> bool:
    """End the predictor's process if that was ready and is not any more; whether it was ended.

    Raises:
        Unreachable: the supervisor does not run.
    """
    name = program_name(backend.endpoint, backend.version)
    for process in supervision.processes(home):
        if process.name == name and process.pid and _was_ready(backend, process):
            if not all(unwell(backend) for _ in range(_PROBES)):
                return False
            supervision.kill([psutil.Process(process.pid)], _PATIENCE_S)
            return True
    return False


def restart_lost(home: Home) -> list[str]:
    """End every predictor that is lost, see `end_if_lost`; the names of their programs."""
    found = [each for each in predictors.backends(home) if end_if_lost(home, each)]
    return [program_name(each.endpoint, each.version) for each in found]


def _was_ready(backend: Backend, process: supervision.Process) -> bool:
    """Whether the process that runs now has been ready; one that still loads has not."""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(process.started))
    said = (line for line in last_lines(process.log) if line.endswith(ready_line(backend)))
    return any(line[: len(since)] >= since for line in said)
