"""KFP's package and Argo's YAML run the same; where they cannot, the difference is named here."""

import inspect
import json
import re
from functools import cache
from typing import Any

import pytest
import yaml

from components.__main__ import STEPS
from pipelines import compiler
from pipelines.kfp import ops
from pipelines.kfp.bound import NAMESPACE, bound

Object = dict[str, Any]
ONLY_KFP = {"due": "Argo's clock begins passes over all endpoints (`pipelines.reconcile`) instead"}

DIFFERENCES = {
    "program": "kfp.local runs Python functions alone: KFP's executor calls what Argo's command"
    " line does, with the same parameters by name",
    "SLUICE_NAMESPACE": "Argo reads the team off the workflow's namespace; for KFP it is written"
    " into the package that is submitted",
    "SLUICE_ENGINE": "each engine's own number of a run",
    "SLUICE_STEP_PROCESS": "KFP has no hook that would hand SIGTERM on",
    "stop": "KFP has no hook that would hand SIGTERM on: a step that is stopped is killed, and the"
    " release ends by its exit handler or the reaper",
    "tries": "KFP cannot tell a lost pod from a step that failed: it tries both again, a deleted"
    " pod not at all",
    "root": "KFP has no setting for a root that is read only",
    "privileges": "KFP sets them itself, for every container of a step",
}
"""What the two forms do not have in common, by fact, and why."""


def _executor(task: Object, content: Object) -> tuple[str, Object, Object]:
    """Name of the step, container and Kubernetes' part of a task of KFP's."""
    component = task["componentRef"]["name"]
    label = content["components"][component]["executorLabel"]
    platform = content["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]
    step = component.removeprefix("comp-").rstrip("-0123456789")
    return step, content["deploymentSpec"]["executors"][label]["container"], platform


def _tasks(content: Object) -> list[Object]:
    dags = [content["root"], *content["components"].values()]
    found = [task for dag in dags for task in dag.get("dag", {}).get("tasks", {}).values()]
    return [
        each
        for each in found
        if "executorLabel" in content["components"][each["componentRef"]["name"]]
    ]


def kfp_facts(content: Object) -> dict[str, Object]:
    """What each step of KFP's form is given; the tasks of one step must not differ."""
    found: dict[str, Object] = {}
    for task in _tasks(content):
        step, container, platform = _executor(task, content)
        secrets = {
            each["envVar"]: f"{secret['secretName']}/{each['secretKey']}"
            for secret in platform["secretAsEnv"]
            if secret["optional"]
            for each in secret["keyToEnv"]
        }
        files = {
            each["mountPath"]: each["secretName"]
            for each in platform["secretAsVolume"]
            if each["optional"]
        }
        fields = {each["name"]: each["fieldPath"] for each in platform["fieldPathAsEnv"]}
        resources = container["resources"]
        facts = {
            "image": container["image"],
            "pull": platform["imagePullPolicy"],
            "program": "executor",
            **{each["name"]: each["value"] for each in container["env"]},
            **secrets,
            **fields,
            "files": files,
            "cpu": (resources["resourceCpuRequest"], resources["resourceCpuLimit"]),
            "memory": (resources["resourceMemoryRequest"], resources["resourceMemoryLimit"]),
            "deadline": int(platform["activeDeadlineSeconds"]),
            "user": int(platform["securityContext"]["runAsUser"]),
            "group": int(platform["securityContext"]["runAsGroup"]),
            "labels": platform["podMetadata"]["labels"],
            "annotations": platform["podMetadata"]["annotations"],
            "tries": ("any failure", task["retryPolicy"]["maxRetryCount"]),
        }
        assert found.setdefault(step, facts) == facts, step
    return found


def argo_facts(watched: int) -> dict[str, Object]:
    """The same of Argo's form."""
    spec = _argo(watched)
    found = {}
    for each in spec["templates"]:
        if "container" not in each:
            continue
        container = each["container"]
        environment = {
            variable["name"]: variable["value"]
            if "value" in variable
            else "{name}/{key}".format(**variable["valueFrom"]["secretKeyRef"])
            for variable in container["env"]
        }
        secrets = {
            volume["name"]: volume["secret"]["secretName"]
            for volume in each["volumes"]
            if volume.get("secret", {}).get("optional")
        }
        files = {
            mount["mountPath"]: secrets[mount["name"]]
            for mount in container["volumeMounts"]
            if mount["name"] in secrets
        }
        resources = container["resources"]
        found[each["name"]] = {
            "image": container["image"],
            "pull": container["imagePullPolicy"],
            "program": container["command"],
            **environment,
            "files": files,
            **{
                kind: (resources["requests"][kind], resources["limits"][kind])
                for kind in ("cpu", "memory")
            },
            "deadline": each["activeDeadlineSeconds"],
            "user": spec["securityContext"]["runAsUser"],
            "group": spec["securityContext"]["runAsGroup"],
            "labels": spec["podMetadata"]["labels"],
            "annotations": spec["podMetadata"]["annotations"],
            "stop": container["lifecycle"]["preStop"],
            "tries": ("what was lost", each["retryStrategy"]["limit"]),
            "root": container["securityContext"]["readOnlyRootFilesystem"],
            "privileges": container["securityContext"]["capabilities"],
        }
    return found


@cache
def _argo(watched: int) -> Object:
    form = compiler.structure(compiler.COMPILED / "argo" / f"release-{watched}.yaml")
    spec: Object = form["spec"]
    return spec


@pytest.mark.parametrize("watched", compiler.WATCHED_STEPS)
def test_a_step_is_given_the_same_on_both_but_for_what_is_named(watched: int) -> None:
    kfp, argo = kfp_facts(compiler.structure(compiler.committed(watched))), argo_facts(watched)
    run = {step for step in STEPS if watched or step not in {"shift", "watch"}} - set(ONLY_KFP)
    assert kfp.keys() == run
    assert run <= argo.keys()
    for step, facts in kfp.items():
        differ = {
            fact
            for fact in facts.keys() | argo[step].keys()
            if facts.get(fact) != argo[step].get(fact)
        }
        assert differ == set(DIFFERENCES), step


def test_what_the_clock_begins_is_given_the_same_as_a_release() -> None:
    begun = kfp_facts(compiler.structure(compiler.committed(2, compiler.CLOCK)))
    released = kfp_facts(compiler.structure(compiler.committed(2)))
    assert begun.keys() - released.keys() == set(ONLY_KFP)
    assert {step: begun[step] for step in released} == released
    assert begun["due"] == begun["fetch"]


@pytest.mark.parametrize("step", STEPS)
def test_kfp_s_component_calls_the_step_with_each_parameter_by_its_name(step: str) -> None:
    source = inspect.getsource(getattr(ops, step).component.python_func)
    given = ", ".join(f"{name}={name}" for name in inspect.signature(STEPS[step]).parameters)
    assert f"steps.{step}({given})" in source


def _of_kfp(watched: int) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Each step of KFP's form with its arguments; names of parameters stand for their values."""
    content = compiler.structure(compiler.committed(watched))
    found = set()
    for task in _tasks(content):
        step, _, _ = _executor(task, content)
        given = task.get("inputs", {}).get("parameters", {})
        found.add((step, frozenset((key, _value(key, how)) for key, how in given.items())))
    return found


def _value(name: str, how: Object) -> str:
    if constant := how.get("runtimeValue", {}).get("constant"):
        return str(int(constant))
    return name


def _of_argo(watched: int) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    parts = {each["name"]: each for each in _argo(watched)["templates"]}
    groups = [parts["release"]["dag"]["tasks"], *parts["exit"]["steps"]]
    found = set()
    for task in (each for group in groups for each in group):
        given = task["arguments"]["parameters"]
        pairs = frozenset(
            (each["name"], re.sub(r"{{workflow\.parameters\.(\w+)}}", r"\1", each["value"]))
            for each in given
        )
        found.add((task["template"], pairs))
    return found


@pytest.mark.parametrize("watched", compiler.WATCHED_STEPS)
def test_both_forms_run_the_same_steps_with_the_same_arguments(watched: int) -> None:
    assert _of_argo(watched) == _of_kfp(watched)


@pytest.mark.parametrize("watched", compiler.WATCHED_STEPS)
def test_both_forms_have_the_same_parameters(watched: int) -> None:
    kfp = compiler.structure(compiler.committed(watched))["root"]["inputDefinitions"]["parameters"]
    given = _argo(watched)["arguments"]["parameters"]
    argo = {each["name"]: each.get("value") for each in given}
    assert argo == {key: found.get("defaultValue") for key, found in kfp.items()}


def test_a_package_that_is_submitted_differs_by_its_image_and_its_team_alone() -> None:
    image = "registry.example/sluice-steps@sha256:" + "0" * 64
    form = compiler.committed(1)
    made = bound(form.read_text(), image, "fraud")
    for step, facts in _facts_of(made).items():
        before = kfp_facts(compiler.structure(form))[step]
        assert facts == before | {"image": image, NAMESPACE: "fraud"}
    there = json.dumps(list(_documents(made)))
    for executor in _documents(form.read_text())[0]["deploymentSpec"]["executors"].values():
        assert json.dumps(executor["container"]["command"]) in there


def _documents(text: str) -> list[Object]:
    return list(yaml.safe_load_all(text))


def _facts_of(text: str) -> dict[str, Object]:
    spec, platforms = _documents(text)
    return kfp_facts(spec | platforms)
