"""Each controller of a real cluster does its work."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from cluster.embedded import lifecycle, node
from cluster.embedded.controllers import envoy_gateway
from cluster.embedded.kubectl import Kubectl
from cluster.settings import SYSTEM
from tests.support.embedded import Embedded
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def ask(embedded: Embedded) -> Iterator[Kubectl]:
    """The administrator, with a namespace `trial` that goes with the room."""
    kubectl = lifecycle.kubectl(embedded.home)
    kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "trial"}}])
    yield kubectl
    kubectl.run("delete", "httproute", "trial", "--namespace", SYSTEM)
    kubectl.run("delete", "namespace", "trial", "--wait=false")


def made(kind: str, name: str, spec: dict[str, Any], version: str = "v1") -> dict[str, Any]:
    meta = {"name": name, "namespace": "trial"}
    return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}


GATEWAY_API = "gateway.networking.k8s.io/v1"

GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"


def get(embedded: Embedded, address: str) -> str:
    """What an address of the cluster's answers, asked from the node; empty when it refuses."""
    pid = node.first_process(embedded.home)
    assert pid
    command = [*node.inside(pid), sys.executable, "-c", GET, f"http://{address}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def address_of(ask: Kubectl, namespace: str, labels: str) -> str:
    flags = ("--namespace", namespace, "--selector", labels, "--output", "json")
    (service,) = json.loads(ask.run("get", "services", *flags))["items"]
    return str(service["spec"]["clusterIP"])


def test_a_request_goes_through_a_gateway_and_proxies_are_scraped(
    embedded: Embedded, ask: Kubectl
) -> None:
    listener = {
        "name": "http",
        "port": 80,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    gateway = {"gatewayClassName": envoy_gateway.GATEWAY_CLASS, "listeners": [listener]}
    route = made(
        "HTTPRoute",
        "trial",
        {
            "parentRefs": [{"name": "trial", "namespace": "trial"}],
            "rules": [{"backendRefs": [{"name": "prometheus", "port": 9090}]}],
        },
        GATEWAY_API,
    )
    route["metadata"]["namespace"] = SYSTEM
    ask.apply([made("Gateway", "trial", gateway, GATEWAY_API), route])
    ask.wait("gateway/trial", "Programmed", 120, "trial")
    proxy = address_of(
        ask, envoy_gateway.NAMESPACE, "gateway.envoyproxy.io/owning-gateway-name=trial"
    )
    wait_until(lambda: "is Healthy" in get(embedded, f"{proxy}/-/healthy"))
    # Of the installation's own Gateway; what it counts is the contract's matter.
    query = "up{job='gateway'}"
    server = ask.run(
        *("get", "service", "prometheus", "--namespace", SYSTEM),
        *("--output", "jsonpath={.spec.clusterIP}"),
    )

    def counted() -> bool:
        answer = get(embedded, f"{server}:9090/api/v1/query?query={quote(query)}")
        return any(float(each["value"][1]) > 0 for each in json.loads(answer)["data"]["result"])

    wait_until(counted)


def test_an_inference_service_becomes_ready_without_a_route(ask: Kubectl) -> None:
    flags = ("--namespace", SYSTEM, "--output", "json")
    server = json.loads(ask.run("get", "statefulset", "prometheus", *flags))
    image = server["spec"]["template"]["spec"]["containers"][0]["image"]
    # It is there anyway, and answers on one port: so it stands for a predictor.
    container = {
        "name": "kserve-container",
        "image": image,
        "command": ["/prometheus"],
        "args": ["--config.file=/dev/null", "--storage.tsdb.path=/tmp/data"],
        "ports": [{"containerPort": 9090, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "1", "memory": "256Mi"},
        },
    }
    found = made(
        "InferenceService",
        "stand-in",
        {"predictor": {"minReplicas": 1, "containers": [container]}},
        "serving.kserve.io/v1beta1",
    )
    found["metadata"]["labels"] = {"networking.kserve.io/visibility": "cluster-local"}
    found["metadata"]["annotations"] = {"serving.kserve.io/autoscalerClass": "external"}
    ask.apply([found])
    ask.wait("inferenceservice/stand-in", "Ready", 120, "trial")
    assert "stand-in" not in ask.run("get", "httproutes", "--all-namespaces")
