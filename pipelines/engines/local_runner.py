"""Run a compiled pipeline on this machine: `kfp.local`, made safe.

Raw `kfp.local` (2.17) can skip a branch that it cannot resolve and report success, leaves its
child running when it is terminated, and skips the exit handler then. Here the compiled form is
checked first, its warnings are errors, SIGTERM is an exception, and children do not outlive us.
"""

import copy
import logging
import re
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from components.errors import InputError, SluiceError

_PLAIN_CONDITION = re.compile(
    r"(\s|&&|\|\||[!()]|inputs\.parameter_values\['[\w-]+'\]\s*(==|!=)\s*('[\w -]*'|[\w.]+))*"
)


class PipelineFailed(SluiceError):
    """A task failed, or the engine could not be trusted to have run every task."""


class Terminated(BaseException):
    """SIGTERM, as an exception, so that `finally` blocks run."""


def lint(spec: Mapping[str, Any]) -> list[str]:
    """Constructs in compiled IR that `kfp.local` would run wrongly, one line each."""
    faults = []
    for name, executor in spec["deploymentSpec"]["executors"].items():
        command = executor.get("container", {}).get("command", [])
        if not any("kfp.dsl.executor_main" in part for part in command):
            faults.append(f"{name}: not a lightweight Python component: it cannot run locally")
    dags = [("root", spec["root"]), *spec["components"].items()]
    for name, component in dags:
        for task, body in component.get("dag", {}).get("tasks", {}).items():
            faults += [f"{name}.{task}: {fault}" for fault in _task_faults(body)]
        faults += [f"{name}: {fault}" for fault in _unpaired_conditions(component)]
    for name, parameter in spec["root"].get("inputDefinitions", {}).get("parameters", {}).items():
        if parameter.get("isOptional") and "defaultValue" not in parameter:
            faults.append(f"parameter {name}: a default of None is refused: use an empty text")
    return faults


def _task_faults(task: Mapping[str, Any]) -> list[str]:
    faults = []
    condition = task.get("triggerPolicy", {}).get("condition", "")
    if not _PLAIN_CONDITION.fullmatch(condition):
        faults.append("conditions may compare with plain words only: values are pasted into eval")
    if "iterator" in task or "parameterIterator" in task:
        faults.append("loops share two workers and patch sys.stdout: unroll the loop")
    return faults


def without_pods(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline without what a cluster's pods are given: a run here is this process's own.

    Its environment says which platform is used, it has the steps' packages, and a step that failed
    is not tried again: who is there reads why.
    """
    here: dict[str, Any] = copy.deepcopy(dict(spec))
    for executor in here["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["image"] = "python"  # kfp.local warns about all other images
        for key in ("env", "resources"):
            container.pop(key, None)
    for component in (here["root"], *here["components"].values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            task.pop("retryPolicy", None)
    return here


def _unpaired_conditions(component: Mapping[str, Any]) -> list[str]:
    """A lone `If` on a named output is skipped silently; with an `Else` it is not."""
    tasks = component.get("dag", {}).get("tasks", {})
    conditions = [
        t["triggerPolicy"]["condition"]
        for t in tasks.values()
        if "triggerPolicy" in t and "condition" in t["triggerPolicy"]
    ]
    positive = [c for c in conditions if not c.startswith("!")]
    if positive and len(conditions) == len(positive):
        return ["an If without an Else is skipped silently: give it an Else"]
    return []


class _Strict(logging.Handler):
    """Collects what kfp.local warns of: it does so when it skips what it could not resolve."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if Path("kfp", "local").as_posix() in record.pathname and record.levelno < logging.ERROR:
            self.faults.append(record.getMessage())


@contextmanager
def _terminable() -> Iterator[None]:
    def terminate(signum: int, _frame: FrameType | None) -> None:
        # kfp.local waits for its child while the exception passes: end the child first.
        _end_children()
        raise Terminated(signal.Signals(signum).name)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_children() -> None:
    import psutil

    children = psutil.Process().children(recursive=True)
    for child in children:
        child.terminate()
    _, alive = psutil.wait_procs(children, timeout=10)
    for child in alive:
        child.kill()


def run(package: Path, arguments: Mapping[str, Any]) -> None:
    """Run the compiled pipeline in ``package``; return when every task has run.

    Raises:
        InputError: the compiled form holds what kfp.local would run wrongly.
        PipelineFailed: a task failed or was skipped by mistake.
        Terminated: SIGTERM arrived; the running task's process has been ended.
    """
    from kfp import components as kfp_components
    from kfp import local

    spec = next(yaml.safe_load_all(package.read_text(encoding="utf-8")))
    if faults := lint(spec):
        raise InputError(f"{package}: {'; '.join(faults)}")
    here = yaml.safe_dump(without_pods(spec), sort_keys=False)
    strict = _Strict()
    logging.getLogger().addHandler(strict)
    with tempfile.TemporaryDirectory(prefix="sluice-kfp-") as root, _terminable():
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=root, raise_on_error=True)
        try:
            kfp_components.load_component_from_text(here)(**arguments)
        except RuntimeError as error:
            raise PipelineFailed(f"{error}; the log above says why") from error
        finally:
            logging.getLogger().removeHandler(strict)
            _end_children()
    if strict.faults:
        raise PipelineFailed(f"kfp.local skipped a task by mistake: {strict.faults[0]}")
