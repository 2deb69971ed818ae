"""The KFP form says what the steps say, and the committed forms are what the source compiles to."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from components.__main__ import STEPS
from pipelines import compiler
from pipelines.engines import local_runner
from pipelines.kfp import ops

KFP_TYPES: dict[Any, str] = {str: "String", int: "Integer", float: "Float", bool: "Boolean"}

SHOWN = {
    "fetch": {"model": "system.Model@0.0.1"},
    "evaluate": {"metrics": "system.Metrics@0.0.1"},
    "watch": {"metrics": "system.Metrics@0.0.1"},
    "finalize": {"report": "system.HTML@0.0.1"},
}
"""What KFP's own pages show of a step, besides its result."""


@pytest.mark.parametrize("name", STEPS)
def test_a_component_has_the_step_s_names_types_and_defaults(name: str) -> None:
    spec = getattr(ops, name).component.component_spec
    signature = inspect.signature(STEPS[name], eval_str=True)
    inputs = {
        key: (given.type, given.optional, given.default)
        for key, given in (spec.inputs or {}).items()
    }
    assert inputs == {
        key: (
            KFP_TYPES[parameter.annotation],
            parameter.default is not inspect.Parameter.empty,
            None if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for key, parameter in signature.parameters.items()
    }
    result: type[BaseModel] = signature.return_annotation
    outputs = {key: given.type for key, given in spec.outputs.items()}
    shown = {key: kind for key, kind in outputs.items() if kind not in KFP_TYPES.values()}
    assert shown == SHOWN.get(name, {})
    assert [(key, kind) for key, kind in outputs.items() if key not in shown] == [
        (key, KFP_TYPES[field.annotation]) for key, field in result.model_fields.items()
    ]


def test_every_step_has_a_component() -> None:
    assert {name for name, op in vars(ops).items() if isinstance(op, ops.Op)} == set(STEPS)


def _tasks(content: dict[str, Any]) -> list[dict[str, Any]]:
    dags = [content["root"], *content["components"].values()]
    return [task for dag in dags for task in dag.get("dag", {}).get("tasks", {}).values()]


def test_no_step_is_answered_from_a_cache() -> None:
    seen = set()
    for task in _tasks(compiler.structure(compiler.committed(2, compiler.CLOCK))):
        step = task["componentRef"]["name"].removeprefix("comp-").rstrip("-0123456789")
        if step in STEPS:
            seen.add(step)
            assert not task.get("cachingOptions", {}).get("enableCache", False)
    assert seen == set(STEPS)


def test_every_watched_step_has_a_way_back() -> None:
    content = compiler.structure(compiler.committed(3))
    rollbacks = [t for t in _tasks(content) if t["taskInfo"]["name"].startswith("rollback")]
    assert len(rollbacks) == 3 + 1


def test_the_clock_s_form_releases_what_is_due_and_is_given_its_endpoint_alone() -> None:
    content = compiler.structure(compiler.committed(2, compiler.CLOCK))
    assert content["root"]["inputDefinitions"]["parameters"].keys() == {"endpoint"}
    tasks = content["root"]["dag"]["tasks"]
    assert tasks["due"]["inputs"]["parameters"] == {
        "endpoint": {"componentInputParameter": "endpoint"},
        "watched": {"runtimeValue": {"constant": 2.0}},
    }
    (wanted,) = (each for name, each in tasks.items() if name != "due")
    assert wanted["triggerPolicy"]["condition"].endswith("due-begin'] == 'yes'")
    (run,) = content["components"][wanted["componentRef"]["name"]]["dag"]["tasks"].values()
    assert {key: how["componentInputParameter"] for key, how in _given(run).items()} == {
        "endpoint": "pipelinechannel--endpoint",
        "release_id": "pipelinechannel--due-release_id",
        "version": "pipelinechannel--due-version",
    }
    whole = compiler.structure(compiler.committed(2))["root"]["dag"]["tasks"]
    inner = content["components"][run["componentRef"]["name"]]["dag"]["tasks"]
    assert inner["finalize"]["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert inner.keys() == whole.keys() == {"finalize", "exit-handler-1"}


def _given(task: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = task["inputs"]["parameters"]
    return found


STUBS = """\
from pathlib import Path
from types import SimpleNamespace

def __getattr__(name):
    def step(**inputs):
        with Path({log!r}).open("a") as log:
            log.write(name + str(inputs.get("stage", "")) + "\\n")
        return SimpleNamespace(
            candidate="2", champion="1", kind="canary", strategy="canary", reason="",
            versions="1,2", percent=10, applied_s=0.0, verdict="PROMOTE", outcome="promoted",
        )
    return step
"""
SHOWN_STUBS = """\
from pathlib import Path

def model(release_id):
    return {{"uri": f"models:/m/{{release_id}}"}}

def evaluated(release_id):
    return {{"evaluation.accuracy": 0.9}}

def watched(release_id):
    return {{"candidate.p95_ms": 34.0}}

def write_page(release_id, path):
    assert Path(path).parent.is_dir(), path
    with Path({log!r}).open("a") as log:
        log.write("page ")
"""


@pytest.mark.slow
def test_a_release_of_more_steps_than_are_committed_runs_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real engine and the real form, compiled when asked for; only the steps are stubs."""
    watched = max(compiler.WATCHED_STEPS) + 2
    package = compiler.package(watched, tmp_path)
    assert list(tmp_path.iterdir()) == [package]
    for name, stubs in (("release/steps.py", STUBS), ("report/shown.py", SHOWN_STUBS)):
        module = tmp_path / "stubs" / "components" / name
        module.parent.mkdir(parents=True)
        module.write_text(stubs.format(log=str(tmp_path / "log")))
        for folder in (module.parent, module.parent.parent):
            (folder / "__init__.py").touch()
    monkeypatch.chdir(tmp_path / "stubs")  # where the steps' processes look first...
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # ...unless a command was run in this one

    local_runner.run(package, {"endpoint": "e", "version": "2", "release_id": "r"})

    ran = (tmp_path / "log").read_text().split()
    stages = [f"{step}{stage + 1}" for stage in range(watched) for step in ("shift", "watch")]
    assert ran == ["fetch", "evaluate", "deploy", *stages, "promote", "finalize", "page"]
