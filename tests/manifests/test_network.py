"""Who may speak with whom, by the rendered policies: the embedded node's network enforces none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.kinds import Object
from tests.support.accounts import rendered

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

KUBERNETES_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    """One of a namespace, by its labels; of no namespace: outside of the cluster."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)


def app(name: str) -> Pod:
    return Pod("sluice-system", {"app": name})


MLFLOW, POSTGRES, S3, PROMETHEUS = map(app, ("mlflow", "postgres", "s3", "prometheus"))
REAPER, RELAY = map(app, ("reaper", "relay"))
SOURCE = Pod("sluice-system", {"eventsource-name": "releases"})
SENSOR = Pod("sluice-system", {"sensor-name": "releases"})
PREDICTOR = Pod("demo", {"serving.kserve.io/inferenceservice": "churn-v1"})
INSTALLER = Pod("demo", {"app": "sluice-install"})
STEP = Pod("demo-runs", {"app.kubernetes.io/name": "sluice-step"})
OTHER_STEP, STRANGER = Pod("risk-runs"), Pod("default")
PROXY, NATS, DNS = Pod("envoy-gateway-system"), Pod("argo-events"), Pod("kube-system")
KEDA = Pod("keda", {"app": "keda-operator"})
INTERCEPTOR = Pod("keda", {"app.kubernetes.io/instance": "interceptor"})
API_SERVER = Pod("")
OURS = (
    *(MLFLOW, POSTGRES, S3, PROMETHEUS, REAPER, RELAY, SOURCE, SENSOR),
    *(PREDICTOR, INSTALLER, STEP),
)

ASKING = (RELAY, SENSOR, REAPER, PROMETHEUS, INSTALLER, STEP)
"""Who asks the API server: by its Service's port, and, where rules hold after the Service's address
has been replaced, by its own."""

MAY: tuple[tuple[Pod, Pod, int], ...] = (
    (MLFLOW, POSTGRES, 5432),
    (MLFLOW, S3, 8333),
    (MLFLOW, RELAY, 8080),
    (RELAY, MLFLOW, 5000),
    (RELAY, S3, 8333),
    (RELAY, SOURCE, 12000),
    *((each, API_SERVER, port) for each in ASKING for port in (443, 6443)),
    (SOURCE, NATS, 4222),
    (SENSOR, NATS, 4222),
    (REAPER, MLFLOW, 5000),
    (REAPER, S3, 8333),
    (REAPER, PROMETHEUS, 9090),
    *((each, PROXY, port) for each in (REAPER, STEP) for port in (10080, 10443)),
    (PROMETHEUS, PROXY, 19001),
    (PROMETHEUS, PREDICTOR, 8080),
    (PROXY, PREDICTOR, 8080),
    (PROXY, PREDICTOR, 8081),
    (INTERCEPTOR, PREDICTOR, 8080),
    (INTERCEPTOR, PREDICTOR, 8081),
    (KEDA, PROMETHEUS, 9090),
    (PREDICTOR, S3, 8333),
    (STEP, MLFLOW, 5000),
    (STEP, S3, 8333),
    (STEP, PROMETHEUS, 9090),
    (STEP, PREDICTOR, 8080),
    *((each, DNS, 53) for each in OURS),
)
PORTS = (53, 443, 4222, 5000, 5432, 6443, 8080, 8081, 8333, 9090, 10080, 10443, 12000, 19001)
NEVER_OUT = (MLFLOW, POSTGRES, S3, PREDICTOR, SOURCE)
"""Who asks nobody outside of the cluster, the API server included."""


def policies(namespace: str) -> list[Object]:
    found = (each for each in rendered("embedded") if each["kind"] == "NetworkPolicy")
    return [each["spec"] for each in found if each["metadata"]["namespace"] == namespace]


def namespace_labels(name: str) -> dict[str, str]:
    own = {KUBERNETES_NAME: name}
    if name == "risk-runs":  # another team's
        own |= {"sluice.release/team": "risk", "sluice.release/role": "runs"}
    for each in rendered("embedded"):
        if (each["kind"], each["metadata"]["name"]) == ("Namespace", name):
            own |= each["metadata"]["labels"]
    return own


def selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    exact = selector.get("matchLabels", {}).items()
    if any(labels.get(key) != value for key, value in exact):
        return False
    for each in selector.get("matchExpressions", []):
        value = labels.get(each["key"])
        if each["operator"] == "In" and value not in each["values"]:
            return False
        if each["operator"] == "Exists" and value is None:
            return False
    return True


def reached(peers: Iterable[Object], own: str, pod: Pod) -> bool:
    """Whether a pod is among the peers of a policy of the namespace ``own``."""
    for peer in peers:
        spaces, pods = peer.get("namespaceSelector"), peer.get("podSelector", {})
        there = (
            selected(spaces, namespace_labels(pod.namespace)) if spaces else pod.namespace == own
        )
        if pod.namespace and there and selected(pods, pod.labels):
            return True
    return False


def passes(way: str, pod: Pod, peer: Pod, port: int) -> bool:
    """Whether a pod's policies let the connection through, in (``ingress``) or out."""
    mine = [
        each
        for each in policies(pod.namespace)
        if way.capitalize() in each["policyTypes"] and selected(each["podSelector"], pod.labels)
    ]
    end = "from" if way == "ingress" else "to"
    return not mine or any(
        (end not in rule or reached(rule[end], pod.namespace, peer))
        and ("ports" not in rule or port in {each["port"] for each in rule["ports"]})
        for policy in mine
        for rule in policy.get(way) or []
    )


def may(source: Pod, to: Pod, port: int) -> bool:
    return passes("egress", source, to, port) and passes("ingress", to, source, port)


@pytest.mark.parametrize(("source", "to", "port"), MAY)
def test_what_is_needed_is_allowed(source: Pod, to: Pod, port: int) -> None:
    assert may(source, to, port)


def test_nothing_else_reaches_a_pod_of_ours() -> None:
    wanted = {(repr(source), repr(to), port) for source, to, port in MAY}
    others = (OTHER_STEP, STRANGER, PROXY, NATS, KEDA, INTERCEPTOR)
    open_ones = [
        (source, to, port)
        for to in OURS
        for source in (*OURS, *others)
        for port in PORTS
        if may(source, to, port) and (repr(source), repr(to), port) not in wanted
    ]
    # Another team's steps have the same servers, and its own predictors.
    teams = {
        (repr(OTHER_STEP), repr(to), port)
        for to, port in ((MLFLOW, 5000), (S3, 8333), (PROMETHEUS, 9090))
    }
    surplus = [each for each in open_ones if (repr(each[0]), repr(each[1]), each[2]) not in teams]
    assert surplus == []


@pytest.mark.parametrize("pod", NEVER_OUT)
def test_what_needs_nobody_outside_reaches_nobody(pod: Pod) -> None:
    assert not any(passes("egress", pod, API_SERVER, port) for port in (443, 6443, 80))
