"""Argo's form says what the steps and KFP's form say, and is safe where Argo is not by itself."""

import inspect
import json
import re
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from components import step_cli
from components.__main__ import STEPS
from pipelines import compiler
from pipelines.hera.templates import NOTHING

Object = dict[str, Any]
ARGO = compiler.COMPILED / "argo"


@cache
def spec(watched: int) -> Object:
    """The committed template."""
    found: Object = compiler.structure(ARGO / f"release-{watched}.yaml")["spec"]
    return found


def templates(watched: int = 2) -> dict[str, Object]:
    return {each["name"]: each for each in spec(watched)["templates"]}


def steps(watched: int = 2) -> dict[str, Object]:
    return {name: each for name, each in templates(watched).items() if "container" in each}


def tasks(watched: int, part: str = "release") -> dict[str, Object]:
    """The tasks of the release, or of its exit handler."""
    template = templates(watched)[part]
    groups = [template["dag"]["tasks"]] if "dag" in template else template["steps"]
    return {each["name"]: each for group in groups for each in group}


OF_A_RELEASE = [name for name in STEPS if name != "due"]
"""Argo's clock begins passes over all endpoints (`pipelines.reconcile`), which ask what is due."""


def test_every_step_of_a_release_has_a_template() -> None:
    assert steps().keys() == set(OF_A_RELEASE)


@pytest.mark.parametrize("name", OF_A_RELEASE)
def test_a_template_has_the_step_s_names_defaults_and_results(name: str) -> None:
    signature = inspect.signature(STEPS[name], eval_str=True)
    template = steps()[name]
    given = {each["name"]: each.get("default") for each in template["inputs"]["parameters"]}
    assert given == {
        key: None if parameter.default is inspect.Parameter.empty else parameter.default
        for key, parameter in signature.parameters.items()
    }
    result: type[BaseModel] = signature.return_annotation
    written = {each["name"]: each["valueFrom"] for each in template["outputs"]["parameters"]}
    assert written == {
        field: {"path": f"/tmp/outputs/{field}", "default": NOTHING}  # noqa: S108
        for field in result.model_fields
    }


@pytest.mark.parametrize("name", OF_A_RELEASE)
def test_a_template_s_command_is_one_that_the_steps_understand(name: str) -> None:
    container = steps()[name]["container"]
    assert container["command"] == ["python3", "-m", "components"]
    values = {"stage": "2"}
    line = [
        re.sub(r"{{inputs\.parameters\.(\w+)}}", lambda m: values.get(m[1], f"--{m[1]}"), each)
        for each in container["args"]
    ]
    read = vars(step_cli.parser("test", STEPS).parse_args(line))
    assert read.pop("step") == name
    assert str(read.pop("outputs")) == "/tmp/outputs"  # noqa: S108
    # A value that looks like an option stays a value.
    assert read == {key: 2 if key == "stage" else f"--{key}" for key in read}


@pytest.mark.parametrize("watched", compiler.TEMPLATES)
def test_every_reference_leads_somewhere(watched: int) -> None:
    """Neither Hera nor the API server looks: a wrong one is a workflow that hangs or fails."""
    for part in ("release", "exit"):
        known = tasks(watched, part)
        for task in known.values():
            template = steps(watched)[task["template"]]
            given = {each["name"] for each in task["arguments"]["parameters"]}
            asked = template["inputs"]["parameters"]
            assert {each["name"] for each in asked if "default" not in each} <= given
            assert given <= {each["name"] for each in asked}
            before = _before(task, known)
            for name, result in re.findall(
                r"{{tasks\.([\w-]+)\.outputs\.parameters\.(\w+)}}", json.dumps(task)
            ):
                assert name in before
                outputs = steps(watched)[known[name]["template"]]["outputs"]["parameters"]
                assert result in {each["name"] for each in outputs}
    parameters = {each["name"] for each in spec(watched)["arguments"]["parameters"]}
    text = json.dumps(spec(watched))
    assert set(re.findall(r"{{workflow\.parameters\.(\w+)}}", text)) <= parameters
    assert spec(watched)["entrypoint"] == "release"
    assert spec(watched)["onExit"] == "exit"


def _before(task: Object, known: dict[str, Object]) -> set[str]:
    """The tasks that have ended when this one begins."""
    if "depends" not in task:
        return set()
    name = task["depends"].removesuffix(".Succeeded")
    return {name} | _before(known[name], known)


@pytest.mark.parametrize("watched", compiler.TEMPLATES)
def test_only_what_succeeded_leads_on_and_only_promote_promotes(watched: int) -> None:
    known = tasks(watched)
    assert NOTHING not in {"PROMOTE", "canary", "direct"}
    assert all(each.get("depends", ".Succeeded").endswith(".Succeeded") for each in known.values())
    for stage in range(1, watched + 1):
        verdict = f"'{{{{tasks.watch-{stage}.outputs.parameters.verdict}}}}'"
        following = known[f"shift-{stage + 1}" if stage < watched else "promote"]
        # Of a result that is unwritten the steps decide, by the record.
        assert following["when"] == f"{verdict} == 'PROMOTE' || {verdict} == '{NOTHING}'"
        back = known[f"rollback-{stage}"]["when"]
        assert back == f"{verdict} != 'PROMOTE' && {verdict} != '{NOTHING}'"


def test_a_second_release_of_an_endpoint_waits() -> None:
    # `mutex=` instead of `mutexes=` is taken by Hera and renders {}: no lock, and no error.
    assert spec(2)["synchronization"] == {
        "mutexes": [{"name": "release-{{workflow.parameters.endpoint}}"}]
    }


def test_a_lost_pod_is_replaced_and_a_failure_or_a_verdict_is_not() -> None:
    for name, template in steps().items():
        retry = template["retryStrategy"]
        if name == "finalize":
            assert retry["retryPolicy"] == "Always"
            continue
        assert retry["expression"] == (
            'lastRetry.status == "Error" || lastRetry.exitCode in ["137", "143"]'
        )
        assert "retryPolicy" not in retry  # with an expression: whatever happened


def test_the_exit_handler_is_steps_without_retries_of_its_own() -> None:
    # One with retries is marked as failed a second after the workflow's deadline, and a DAG as soon
    # as the workflow is stopped: `assessDAGPhase` of Argo 4.0.5. Both while the pod still runs.
    handler = templates()["exit"]
    assert "retryStrategy" not in handler
    assert [[each["template"] for each in group] for group in handler["steps"]] == [["finalize"]]


def test_every_pod_has_a_deadline_and_the_workflow_outlives_the_longest_watch() -> None:
    from cluster.workflows import LONGEST_S

    for template in steps().values():
        assert 0 < template["activeDeadlineSeconds"] <= 24 * 3600
    assert spec(2)["activeDeadlineSeconds"] == LONGEST_S
    watch = steps()["watch"]
    assert watch["activeDeadlineSeconds"] * watch["retryStrategy"]["limit"] > LONGEST_S


def test_whatever_ends_a_pod_lets_the_step_see_sigterm() -> None:
    stop = ["python3", "-m", "components.stop_step"]
    for template in steps().values():
        assert template["container"]["lifecycle"]["preStop"]["exec"]["command"] == stop
        annotations = template["metadata"]["annotations"]
        assert json.loads(annotations["workflows.argoproj.io/kill-cmd-main"]) == stop
        environment = {each["name"]: each.get("value") for each in template["container"]["env"]}
        assert environment[step_cli.PROCESS]
    assert json.loads(spec(2)["podSpecPatch"])["terminationGracePeriodSeconds"] >= 30


def test_pods_are_restricted() -> None:
    pod = spec(2)["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == 65532
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    for template in steps().values():
        context = template["container"]["securityContext"]
        assert context == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        volumes = {each["name"]: each for each in template["volumes"]}
        assert volumes.keys() == {"tmp", "store"}
        assert volumes["tmp"]["emptyDir"] == {}
        (store,) = [
            each for each in template["container"]["volumeMounts"] if each["name"] == "store"
        ]
        assert store["readOnly"]
        limits = template["container"]["resources"]
        assert limits["requests"].keys() == limits["limits"].keys() == {"cpu", "memory"}


def test_templates_of_a_team_name_no_team() -> None:
    for watched in compiler.TEMPLATES:
        content = compiler.structure(ARGO / f"release-{watched}.yaml")
        assert content["metadata"] == {"name": f"release-{watched}"}


@pytest.mark.parametrize("form", ["release-2", "reconcile"])
def test_no_mesh_puts_a_proxy_beside_a_step(form: str) -> None:
    """It would not end with the step, and is late for the step's first calls."""
    pod = compiler.structure(ARGO / f"{form}.yaml")["spec"]["podMetadata"]
    assert pod["labels"]["sidecar.istio.io/inject"] == "false"
    assert pod["annotations"] == {
        "sidecar.istio.io/inject": "false",
        "linkerd.io/inject": "disabled",
        "kuma.io/sidecar-injection": "disabled",
        "consul.hashicorp.com/connect-inject": "false",
    }


def test_the_clock_begins_passes_of_the_template() -> None:
    clock = compiler.structure(ARGO / "reconcile-clock.yaml")["spec"]
    assert clock["workflowSpec"] == {"workflowTemplateRef": {"name": "reconcile"}}
    assert clock["concurrencyPolicy"] == "Forbid"  # `Replace` runs no exit handler
    assert clock["startingDeadlineSeconds"] > 0  # else a pass that was missed is lost
    assert clock["timezone"] == "UTC"  # else that of the controller, and its changes of the hour
    template = compiler.structure(ARGO / "reconcile.yaml")["spec"]
    assert template["serviceAccountName"] == "sluice-reconcile"
