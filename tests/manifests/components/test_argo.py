"""What whoever may make workflows may make: releases of the templates, named, and nothing else."""

import copy
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api import Api, Invalid
from cluster.argo import ArgoEngine
from cluster.kinds import NAMESPACE, WORKFLOW, Kind, Object
from cluster.workflows import workflow
from components.errors import PlatformError
from components.platform.memory import World
from pipelines import compiler
from tests.support.accounts import as_user, rendered
from tests.support.endpoints import endpoint
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

POLICY = Path(__file__).parents[3] / "manifests/components/argo/policy.yaml"
ADMISSION = "admissionregistration.k8s.io/v1"
KINDS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
ROLE = Kind("rbac.authorization.k8s.io/v1", "Role", "roles")
BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
TEMPLATE = Kind("argoproj.io/v1alpha1", "WorkflowTemplate", "workflowtemplates")
SENSOR = "system:serviceaccount:sluice-system:sluice-sensor"
CONTROLLER = "system:serviceaccount:argo:argo"
INSTALLER, PERSON = "installer", "alice"


@dataclass(frozen=True)
class Runs:
    """A namespace of runs in which the policy holds."""

    namespace: str
    administrator: Api
    sensor: Api
    controller: Api
    installer: Api

    def refused(self, made: Object) -> str:
        """Why the sensor may not make it."""
        with pytest.raises(PlatformError) as error:
            self.sensor.create(WORKFLOW, self.namespace, made)
        return str(error.value)


@pytest.fixture(scope="module")
def runs(kubernetes: Api) -> Iterator[Runs]:
    name = f"policy-{uuid.uuid4().hex[:8]}-runs"
    labels = {"sluice.release/role": "runs"}
    kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": name, "labels": labels}))
    for each in yaml.safe_load_all(POLICY.read_text()):
        kubernetes.apply(Kind(ADMISSION, each["kind"], KINDS[each["kind"]]), "", each)
    may: dict[str, list[str]] = {"workflows": ["create", "get", "patch", "update", "delete"]}
    _grant(kubernetes, name, SENSOR, may)
    _grant(kubernetes, name, CONTROLLER, may)
    _grant(kubernetes, name, INSTALLER, may | {"workflowtemplates": ["create", "update", "patch"]})
    users = [as_user(kubernetes, user) for user in (SENSOR, CONTROLLER, INSTALLER)]
    found = Runs(name, kubernetes, *users)
    wait_until(lambda: _in_force(found), 60, "the policy")
    yield found
    for each in users:
        each.close()
    kubernetes.delete(NAMESPACE, "", name)


def _grant(api: Api, namespace: str, user: str, may: dict[str, list[str]]) -> None:
    name = user.rpartition(":")[2]
    rules = [
        {"apiGroups": ["argoproj.io"], "resources": [kind], "verbs": verbs}
        for kind, verbs in may.items()
    ]
    api.create(ROLE, namespace, ROLE.object({"name": name}, rules=rules))
    _bind(api, namespace, name, user)


def _bind(api: Api, namespace: str, name: str, user: str) -> None:
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    made = BINDING.object({"name": name}, roleRef=role, subjects=[subject])
    api.create(BINDING, namespace, made)


def test_a_person_who_may_release_makes_workflows_and_stops_them_by_the_same_policy(
    runs: Runs,
) -> None:
    [role] = [
        each
        for each in rendered("embedded")
        if each["metadata"]["name"] == "sluice:releaser" and each["kind"] == "ClusterRole"
    ]
    made = ROLE.object({"name": PERSON}, rules=role["rules"])
    runs.administrator.create(ROLE, runs.namespace, made)
    _bind(runs.administrator, runs.namespace, PERSON, PERSON)
    with closing(as_user(runs.administrator, PERSON)) as person:
        engine = ArgoEngine(person, runs.namespace.removesuffix("-runs"), World().platform)
        person.create(WORKFLOW, runs.namespace, release("rel-by-alice-v2-1"))
        [run] = [each for each in engine.running() if each.name == "rel-by-alice-v2-1"]
        engine.stop(run)
        assert engine.alive(run)
        with pytest.raises(Invalid, match="nothing else"):
            person.create(
                WORKFLOW,
                runs.namespace,
                changed(lambda spec: spec.update(serviceAccountName="sluice-reconcile")),
            )
    runs.administrator.delete(WORKFLOW, runs.namespace, "rel-by-alice-v2-1")


def _in_force(runs: Runs) -> bool:
    """Both the role and the policy: the sensor is refused by the policy, not by RBAC."""
    bad = changed(lambda spec: spec.update(serviceAccountName="router"))
    try:
        runs.sensor.create(WORKFLOW, runs.namespace, bad)
    except Invalid:
        return True
    except PlatformError:
        return False
    runs.administrator.delete(WORKFLOW, runs.namespace, bad["metadata"]["name"])
    return False


def release(name: str = "rel-demo-v2-1") -> Object:
    return workflow("rel-demo-v2-1", endpoint("demo"), "2", name)


def changed(change: Any) -> Object:
    made = copy.deepcopy(release())
    change(made["spec"])
    return made


def given(spec: Object, value: str) -> None:
    spec["arguments"]["parameters"][0]["value"] = value


def test_a_release_is_made_stopped_and_not_changed_otherwise(runs: Runs) -> None:
    runs.sensor.create(WORKFLOW, runs.namespace, release())
    status: Object = {"phase": "Running", "nodes": {"a": {"id": "a", "name": "a", "type": "Pod"}}}
    runs.controller.merge(WORKFLOW, runs.namespace, "rel-demo-v2-1", {"status": status})
    for patch in (
        {"spec": {"serviceAccountName": "router"}},
        {"spec": {"podSpecPatch": "{}"}},
        {"spec": {"arguments": None}},
        {"spec": {"workflowTemplateRef": {"name": "release-5"}}},
        {"spec": {"shutdown": "{{=1+1}}"}},
        {"status": {"phase": "Succeeded"}},
        {"status": None},
    ):
        with pytest.raises(Invalid, match="can be stopped, and not changed otherwise"):
            runs.sensor.merge(WORKFLOW, runs.namespace, "rel-demo-v2-1", patch)
    runs.sensor.merge(WORKFLOW, runs.namespace, "rel-demo-v2-1", {"spec": {"shutdown": "Stop"}})
    found = runs.sensor.get(WORKFLOW, runs.namespace, "rel-demo-v2-1")
    assert found
    assert found["spec"]["shutdown"] == "Stop"
    assert found["status"] == status
    runs.administrator.delete(WORKFLOW, runs.namespace, "rel-demo-v2-1")


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec.update(serviceAccountName="router"),
        lambda spec: spec.update(podSpecPatch='{"containers": []}'),
        lambda spec: spec.update(entrypoint="mine"),
        lambda spec: spec.update(templates=[{"name": "mine", "suspend": {}}]),
        lambda spec: spec.update(onExit="mine"),
        lambda spec: spec.update(hooks={"exit": {"template": "mine"}}),
        lambda spec: spec.update(synchronization={"mutexes": [{"name": "mine"}]}),
        lambda spec: spec.update(suspend=True),
        lambda spec: spec["arguments"].update(artifacts=[{"name": "a", "raw": {"data": "x"}}]),
    ],
)
def test_a_workflow_says_nothing_but_its_template_and_names(runs: Runs, change: Any) -> None:
    said = runs.refused(changed(change))
    assert "nothing else" in said or "arguments are names" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec.pop("workflowTemplateRef"),
        lambda spec: spec["workflowTemplateRef"].update(name="reconcile"),
        lambda spec: spec["workflowTemplateRef"].update(name="release-12"),
        lambda spec: spec["workflowTemplateRef"].update(clusterScope=True),
    ],
)
def test_a_workflow_is_of_a_release_s_template_in_its_namespace(runs: Runs, change: Any) -> None:
    assert "one of release-0 to release-5" in runs.refused(changed(change))


@pytest.mark.parametrize(
    "value",
    [
        "{{workflow.name}}",
        "{{=1+1}}",
        "$(HOME)",
        "--help",
        "a b",
        "a\nb",
        "",
        "x" * 64,
        "../x",
    ],
)
def test_a_value_that_argo_or_the_kubelet_would_evaluate_is_refused(runs: Runs, value: str) -> None:
    assert "arguments are names" in runs.refused(changed(lambda spec: given(spec, value)))


def test_a_value_from_somewhere_else_is_refused(runs: Runs) -> None:
    def change(spec: Object) -> None:
        spec["arguments"]["parameters"][0] = {
            "name": "endpoint",
            "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}},
        }

    assert "arguments are names" in runs.refused(changed(change))


def test_nobody_but_the_controller_says_how_a_workflow_goes(runs: Runs) -> None:
    made = release() | {"status": {"phase": "Succeeded"}}
    assert "the controller alone" in runs.refused(made)


def test_who_installs_templates_may_make_any_and_nobody_else_one(runs: Runs) -> None:
    template = compiler.structure(compiler.COMPILED / "argo" / "release-1.yaml")
    _grant(runs.administrator, runs.namespace, "outsider", {"workflowtemplates": ["create"]})
    with (
        closing(as_user(runs.administrator, "outsider")) as outsider,
        pytest.raises(PlatformError, match="installed from pipelines/compiled/argo"),
    ):
        outsider.create(TEMPLATE, runs.namespace, template)
    runs.installer.create(TEMPLATE, runs.namespace, template)
