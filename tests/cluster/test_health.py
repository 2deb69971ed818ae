"""Endpoints as their routes show them, and servers by what is ready, on a real API server."""

from dataclasses import replace

import pytest

from cluster import health
from cluster.api import Api, Conflict
from cluster.endpoints import ConfiguredEndpoints
from cluster.health import Shown
from cluster.kinds import DEPLOYMENT, NAMESPACE, Object
from cluster.leases import KubernetesLeases
from cluster.settings import SYSTEM
from components.platform import Lease
from tests.support.endpoints import endpoint

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def server(name: str) -> Object:
    container = {"name": name, "image": "localhost/none:1"}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
    return DEPLOYMENT.object({"name": name}, spec=spec)


def test_what_is_not_there_yet_is_no_health(kubernetes: Api, team: str) -> None:
    ConfiguredEndpoints(kubernetes, team).apply(endpoint("waiting").model_dump_json(), "a test")
    found = health.status(kubernetes.access, team)
    assert Shown("waiting", "Unreleased") in found.endpoints
    assert not found.healthy


def test_what_a_release_waits_for_is_told(kubernetes: Api, team: str) -> None:
    ConfiguredEndpoints(kubernetes, team).apply(endpoint("held").model_dump_json(), "a test")
    told: list[str] = []
    leases = KubernetesLeases(kubernetes, team, told.append)
    lease = Lease("held", "held-v2", "step", 60.0, {})
    token = leases.swap("held", None, lease)
    for waits in ("it waits for approval", "it waits for approval; paused by alice"):
        token = leases.swap("held", token, replace(lease, waits=waits))
        assert (
            Shown("held", "Unreleased", waits=waits)
            in health.status(kubernetes.access, team).endpoints
        )
    leases.swap("held", token, replace(lease, renewals=9))
    # Its route is told when it begins, when it begins to wait, and when it waits no longer.
    assert told == ["held"] * 3


def test_a_server_without_its_pods_is_told(kubernetes: Api) -> None:
    try:
        kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": SYSTEM}))
        made = NAMESPACE, ""
    except Conflict:  # of an installation, which is left as it is
        made = DEPLOYMENT, SYSTEM
    kubernetes.create(DEPLOYMENT, SYSTEM, server("trial"))
    try:
        (found,) = (each for each in health.servers(kubernetes) if each.name == "trial")
        assert found.state.startswith("0 of 2 ready: ")
    finally:
        kind, namespace = made
        kubernetes.delete(kind, namespace, SYSTEM if kind is NAMESPACE else "trial")
