"""A workflow runs in a closed namespace, and a webhook becomes one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from cluster.embedded import containers, lifecycle, node
from cluster.embedded.controllers import argo_events, argo_workflows
from cluster.embedded.controllers.part import Materials
from cluster.embedded.kubectl import Kubectl, Object
from tests.support.embedded import Embedded
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TEAM = "argo-trial"
ARGO = "argoproj.io/v1alpha1"
STEP, SENSOR = "sluice-step", "sluice-sensor"
CLOSED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
LITTLE = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}}


def made(version: str, kind: str, name: str, **content: Any) -> Object:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": TEAM},
        **content,
    }


def account(name: str, **rule: list[str]) -> list[Object]:
    """An account that may do this, and nothing else."""
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": name, "namespace": TEAM}
    return [
        made("v1", "ServiceAccount", name),
        made(f"{group}/v1", "Role", name, rules=[{"apiGroups": ["argoproj.io"], **rule}]),
        made(
            f"{group}/v1",
            "RoleBinding",
            name,
            roleRef={"apiGroup": group, "kind": "Role", "name": name},
            subjects=[subject],
        ),
    ]


def step(name: str, program: str, **parameters: Any) -> Object:
    return {
        "name": name,
        "container": {
            "image": containers.name("predictor"),
            "imagePullPolicy": "Never",
            "command": ["python3", "-c", program],
            "resources": LITTLE,
            "securityContext": CLOSED,
            "volumeMounts": [{"name": "said", "mountPath": "/said"}],
        },
        "volumes": [{"name": "said", "emptyDir": {}}],
        **parameters,
    }


SAYS = "import pathlib; pathlib.Path('/said/word').write_text('{{workflow.parameters.word}}')"
HEARS = "import sys; sys.exit('{{inputs.parameters.word}}' != 'blue')"


def template() -> Object:
    """Two steps; the second one ends well if it hears the word that the first one says."""
    hand = {"name": "word", "value": "{{tasks.say.outputs.parameters.word}}"}
    tasks = [
        {"name": "say", "template": "say"},
        {
            "name": "hear",
            "template": "hear",
            "dependencies": ["say"],
            "arguments": {"parameters": [hand]},
        },
    ]
    written = {"parameters": [{"name": "word", "valueFrom": {"path": "/said/word"}}]}
    spec = {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "word", "value": "red"}]},
        "templates": [
            {"name": "main", "dag": {"tasks": tasks}},
            step("say", SAYS, outputs=written),
            step("hear", HEARS, inputs={"parameters": [{"name": "word"}]}),
        ],
    }
    return made(ARGO, "WorkflowTemplate", "trial", spec=spec)


def workflow(name: str, word: str) -> Object:
    arguments = {"parameters": [{"name": "word", "value": word}]}
    spec = {"workflowTemplateRef": {"name": "trial"}, "arguments": arguments}
    return made(ARGO, "Workflow", name, spec=spec)


@pytest.fixture(scope="module")
def ask(embedded: Embedded) -> Iterator[Kubectl]:
    """The administrator, with a restricted namespace that goes with the room."""
    kubectl = lifecycle.kubectl(embedded.home)
    enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": TEAM, "labels": enforced},
            },
            *account(STEP, resources=["workflowtaskresults"], verbs=["create", "patch"]),
            *account(SENSOR, resources=["workflows"], verbs=["create"]),
            template(),
        ]
    )
    yield kubectl
    kubectl.run("delete", "namespace", TEAM, "--wait=false")


def phase(ask: Kubectl, name: str) -> str:
    flags = ("--namespace", TEAM, "--ignore-not-found", "--output", "jsonpath={.status.phase}")
    return ask.run("get", "workflow", name, *flags)


def test_steps_hand_on_what_they_found_in_a_restricted_namespace(ask: Kubectl) -> None:
    ask.apply([workflow("says-blue", "blue"), workflow("says-red", "red")])
    wait_until(lambda: phase(ask, "says-blue") == "Succeeded", 180)
    wait_until(lambda: phase(ask, "says-red") == "Failed", 180)


def test_who_submits_a_workflow_may_name_a_template_and_nothing_else(ask: Kubectl) -> None:
    inline = template()["spec"]
    ask.apply([made(ARGO, "Workflow", "of-its-own", spec=inline)])
    wait_until(lambda: phase(ask, "of-its-own") == "Error", 60)


def test_the_controller_is_told_to_look_each_second(ask: Kubectl) -> None:
    flags = ("--namespace", argo_workflows.NAMESPACE, "--output", "json")
    deployment = json.loads(ask.run("get", "deployment", "workflow-controller", *flags))
    (controller,) = deployment["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value") for each in controller["env"]}
    assert told.items() >= argo_workflows.ENVIRONMENT.items()


def closed_pod() -> Object:
    return {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "container": {"securityContext": CLOSED, "resources": LITTLE},
    }


def events() -> list[Object]:
    """A webhook, the bus, and who makes a workflow of what comes by it."""
    secret = {"name": "nats-client", "key": "auth"}
    address = f"nats://nats.{argo_events.NAMESPACE}.svc:4222"
    bus = {"jetstreamExotic": {"url": address, "accessSecret": secret}}
    hook = {"released": {"port": "12000", "endpoint": "/", "method": "POST"}}
    source = {
        "template": closed_pod(),
        "service": {"ports": [{"port": 12000, "targetPort": 12000}]},
        "webhook": hook,
    }
    parameters = [
        {
            "src": {"dependencyName": "posted", "dataKey": f"body.{key}"},
            "dest": to,
        }
        for key, to in (
            ("name", "metadata.name"),
            ("word", "spec.arguments.parameters.0.value"),
        )
    ]
    asked = workflow("of-the-event", "red")
    asked["metadata"]["labels"] = {"from-a-webhook": "yes"}
    made_of_it = {
        "operation": "create",
        "source": {"resource": asked},
        "parameters": parameters,
    }
    sensor = {
        "template": closed_pod() | {"serviceAccountName": SENSOR},
        "dependencies": [{"name": "posted", "eventSourceName": "hook", "eventName": "released"}],
        "triggers": [{"template": {"name": "release", "k8s": made_of_it}}],
    }
    return [
        made(ARGO, "EventBus", "default", spec=bus),
        made(ARGO, "EventSource", "hook", spec=source),
        made(ARGO, "Sensor", "released", spec=sensor),
    ]


POST = """
import sys, urllib.request
form = {"Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(sys.argv[1], sys.argv[2].encode(), form))
"""


def test_a_webhook_becomes_a_workflow(embedded: Embedded, ask: Kubectl) -> None:
    materials = Materials({}, ask, embedded.home.pki)
    ask.apply([argo_events.client(materials, TEAM), *events()])
    pid = node.first_process(embedded.home)
    assert pid
    numbers = count(1)

    def post() -> bool:
        flags = ("--namespace", TEAM, "--output", "jsonpath={.items[*].spec.clusterIP}")
        address = ask.run("get", "services", "--selector", "eventsource-name=hook", *flags)
        body = json.dumps({"name": f"of-event-{next(numbers)}", "word": "blue"})
        command = [sys.executable, "-c", POST, f"http://{address}:12000/", body]
        done = subprocess.run([*node.inside(pid), *command], capture_output=True, check=False)
        return done.returncode == 0

    def phases() -> str:
        flags = ("--namespace", TEAM, "--output", "jsonpath={.items[*].status.phase}")
        return ask.run("get", "workflows", "--selector", "from-a-webhook", *flags)

    # What comes before the sensor listens is nobody's, so it is said again.
    wait_until(lambda: post() and bool(phases()), 240)
    wait_until(lambda: "Succeeded" in phases(), 180)
