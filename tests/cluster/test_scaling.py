"""Autoscalers of predictors, on a real API server. Nobody scales anything there."""

from collections.abc import Iterator
from typing import Any

import pytest
from obstore.store import MemoryStore

from cluster import routes
from cluster.adopted import standing_for
from cluster.api import Api
from cluster.kinds import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    INTERCEPTOR_ROUTE,
    SCALED_OBJECT,
    SERVICE,
    Object,
)
from cluster.names import PART, annotation, labels
from cluster.proxies import Proxies
from cluster.scaling import KedaScaling
from cluster.serving import KServing, arms, ways
from cluster.settings import Autoscaling, Gateway, Predictor
from cluster.traffic import RoutedTraffic
from components.endpoint import Endpoint
from components.platform import Replicas, RouteLimits, StoredVersion, SystemClock
from components.platform.spans import ObjectSpans
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.present import present

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

GATEWAY = Gateway(url="https://models.example")
KEDA = Autoscaling(prometheus="http://prometheus.example:9090", interceptor="keda")
LIMITS = RouteLimits(50, 30.0)


def stored(version: str) -> StoredVersion:
    return StoredVersion("demo", version, "a" * 64, f"s3://sluice/versions/{'a' * 64}")


def serving_by(kubernetes: Api, team: str, settings: Autoscaling | None) -> KServing:
    clock = SystemClock()
    traffic = RoutedTraffic(
        kubernetes,
        team,
        GATEWAY,
        Proxies(kubernetes, GATEWAY, lambda: "key"),
        lambda endpoint: arms(kubernetes, team, endpoint),
        lambda _: None,
        lambda endpoint: ways(kubernetes, team, endpoint),
        enters=0.1,
    )
    scaling = KedaScaling(kubernetes, team, settings, clock)
    image = Predictor(image="localhost/predictor:1")
    return KServing(kubernetes, team, image, traffic, scaling, ObjectSpans(MemoryStore()), clock)


@pytest.fixture
def serving(kubernetes: Api, team: str) -> KServing:
    return serving_by(kubernetes, team, KEDA)


@pytest.fixture
def endpoint(serving: KServing, request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    name = request.node.name.replace("_", "-")[5:40].rstrip("-")
    made = make_endpoint(name, serving={"scaling": {"min": 0, "max": 4}})
    yield made
    serving.traffic.set_weights(name, {})
    for arm in serving.versions(name):
        serving.delete(name, arm)
    for kind in (SCALED_OBJECT, INTERCEPTOR_ROUTE, DEPLOYMENT):
        for each in serving.api.list(kind, serving.namespace):
            serving.api.delete(kind, serving.namespace, each["metadata"]["name"])


def deployed(
    serving: KServing, endpoint: Endpoint, arm: str, wanted: int, ready: int, *, name: str = ""
) -> None:
    """A Deployment as KServe makes it, as far as anybody looks at it."""
    name = name or f"{endpoint.name}-{arm}"
    template: Object = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "kserve-container", "image": "none"}]},
    }
    said = {annotation("endpoint"): endpoint.name, annotation("arm"): arm}
    made = DEPLOYMENT.object(
        {
            "name": name,
            "labels": labels("predictor", endpoint=endpoint.name, arm=arm),
            "annotations": said,
        },
        spec={
            "replicas": wanted,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
        },
    )
    serving.api.apply(DEPLOYMENT, serving.namespace, made)
    path = f"{DEPLOYMENT.path(serving.namespace, name)}/status"
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
    status: dict[str, Any] = {"replicas": ready, "readyReplicas": ready}
    if ready < wanted:
        status["conditions"] = [refused | {"message": "exceeded quota: compute"}]
    answer = serving.api._client.patch(
        path,
        json={"status": status},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert answer.is_success, answer.text


def test_an_arm_has_its_own_scaler_which_is_held_and_let_go(
    serving: KServing, endpoint: Endpoint
) -> None:
    name = endpoint.name
    for version in ("1", "2"):
        serving.create(endpoint, stored(version))
        deployed(serving, endpoint, version, 1, 1)
    assert serving.scaling.replicas(name) == {
        "1": Replicas(ready=1, wanted=1, floor=1, most=4),
        "2": Replicas(ready=1, wanted=1, floor=1, most=4),
    }
    serving.scaling.hold(name, {"1": 3, "none": 2})
    serving.scaling.hold(name, {"1": 2})
    found = serving.scaling.replicas(name)
    assert (found["1"].floor, found["2"].floor) == (3, 1)
    # Somebody applies the same file again: the floor stays.
    serving.create(endpoint, stored("1"))
    assert serving.scaling.replicas(name)["1"].floor == 3
    for _ in range(2):
        serving.scaling.let_go(name)
    found = serving.scaling.replicas(name)
    assert (found["1"].floor, found["2"].floor) == (0, 0)
    # It is woken by whoever needs it.
    serving.create(endpoint, stored("1"))
    assert serving.scaling.replicas(name)["1"].floor == 1


def test_why_fewer_are_ready_is_said_in_the_cluster_s_words(
    serving: KServing, endpoint: Endpoint
) -> None:
    serving.create(endpoint, stored("1"))
    deployed(serving, endpoint, "1", 3, 1)
    found = serving.scaling.replicas(endpoint.name)["1"]
    assert (found.ready, found.wanted) == (1, 3)
    assert found.why == "FailedCreate: exceeded quota: compute"
    assert (found.refused, found.begun) == (True, False)


def test_an_adopted_predictor_has_as_many_pods_as_its_team_lets_it(
    serving: KServing, endpoint: Endpoint
) -> None:
    """A candidate that gets a share of its users needs a share of so many."""
    model = {"modelFormat": {"name": "onnx"}}
    theirs = INFERENCE_SERVICE.object({"name": "theirs"}, spec={"predictor": {"model": model}})
    like = SERVICE.object(
        {"name": "theirs-predictor"},
        spec={"selector": {"app": "theirs"}, "ports": [{"name": "http", "port": 80}]},
    )
    made = standing_for(endpoint, "7", stored("7"), theirs, like)
    serving.api.create(SERVICE, serving.namespace, made)
    deployed(serving, endpoint, "7", 3, 3, name="theirs-predictor")
    own = {"labels": {"serving.kserve.io/inferenceservice": "theirs", PART: None}}
    serving.api.merge(DEPLOYMENT, serving.namespace, "theirs-predictor", {"metadata": own})
    assert serving.scaling.replicas(endpoint.name) == {"7": Replicas(3, 3, 3, 3)}
    serving.scaling.hold(endpoint.name, {"7": 9})
    assert serving.scaling.replicas(endpoint.name) == {"7": Replicas(3, 3, 3, 3)}


def test_where_nobody_scales_the_number_is_what_there_is(
    kubernetes: Api, team: str, serving: KServing, endpoint: Endpoint
) -> None:
    fixed = serving_by(kubernetes, team, None)
    fixed.create(endpoint, stored("1"))
    deployed(fixed, endpoint, "1", 2, 2)
    fixed.scaling.hold(endpoint.name, {"1": 3})
    fixed.scaling.let_go(endpoint.name)
    assert fixed.scaling.replicas(endpoint.name) == {"1": Replicas(2, 2, 2, 2)}
    assert kubernetes.list(SCALED_OBJECT, team) == []
    # What an installation without an autoscaler has made, KServe itself keeps at its number.
    serving.create(endpoint, stored("1"))
    assert kubernetes.list(SCALED_OBJECT, team) == []


def test_a_version_that_may_sleep_is_asked_by_the_interceptor_and_its_pins_too(
    serving: KServing, endpoint: Endpoint
) -> None:
    name, traffic = endpoint.name, serving.traffic
    serving.create(endpoint, stored("1"))
    awake = endpoint.serving.model_copy(
        update={"scaling": endpoint.serving.scaling.model_copy(update={"min": 1})}
    )
    serving.create(endpoint.model_copy(update={"serving": awake}), stored("2"))
    traffic.set_weights(name, {"1": 90, "2": 10}, LIMITS)
    route = present(routes.ours(name, traffic._found(name)))
    assert {slot.arm: slot.waking and slot.waking.host for slot in route.slots} == {
        "1": f"{name}-v1.{serving.namespace}",
        "2": None,
    }
    # What is read back is what was asked for: it goes on from there.
    assert route.limits == LIMITS
    traffic.set_weights(name, {"1": 50, "2": 50})
    again = present(routes.ours(name, traffic._found(name)))
    assert ([slot.waking for slot in again.slots], again.limits) == (
        [slot.waking for slot in route.slots],
        LIMITS,
    )
    found = present(traffic._found(name))
    assert found["spec"]["rules"][0]["timeouts"]["request"] == "2m30s"
    names = {
        each["metadata"]["name"] for each in serving.api.list(INTERCEPTOR_ROUTE, serving.namespace)
    }
    assert names == {f"{name}-v1", f"{name}-v1-grpc"}
