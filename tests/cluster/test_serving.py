"""What is written for predictors, on a real API server. Nobody starts them there."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from obstore.store import MemoryStore

from cluster.adopted import standing_for
from cluster.api import Api
from cluster.kinds import INFERENCE_SERVICE, POD, RESOURCE_QUOTA, SERVICE, Object
from cluster.proxies import Proxies
from cluster.scaling import KedaScaling
from cluster.serving import KServing, arms
from cluster.settings import Gateway, Predictor
from cluster.traffic import RoutedTraffic
from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform import Lease, RouteLimits, StoredVersion, SystemClock
from components.platform.spans import ObjectSpans
from components.release.starting import missing
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.kubelet import EVICTED, SERVES, report
from tests.support.worlds import quick

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

GATEWAY = Gateway(url="https://models.example")
QUOTA = "compute"


def stored(version: str, digest: str = "a") -> StoredVersion:
    return StoredVersion("demo", version, digest * 64, f"s3://sluice/versions/{digest * 64}")


@pytest.fixture
def serving(kubernetes: Api, team: str) -> KServing:
    traffic = RoutedTraffic(
        kubernetes,
        team,
        GATEWAY,
        Proxies(kubernetes, GATEWAY, lambda: "key"),
        lambda endpoint: arms(kubernetes, team, endpoint),
        lambda _: None,
    )
    settings = Predictor(image="localhost/predictor:1")
    clock = SystemClock()
    scaling = KedaScaling(kubernetes, team, None, clock)
    log = ObjectSpans(MemoryStore())
    return KServing(kubernetes, team, settings, traffic, scaling, log, clock)


@pytest.fixture
def endpoint(serving: KServing, request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    made = make_endpoint(request.node.name.replace("_", "-")[5:45].rstrip("-"))
    yield made
    serving.traffic.set_weights(made.name, {})
    for arm in serving.versions(made.name):
        serving.delete(made.name, arm)


def test_a_predictor_is_made_once_and_says_what_it_serves(
    serving: KServing, endpoint: Endpoint
) -> None:
    for _ in range(2):
        serving.create(endpoint, stored("1"))
    serving.create(endpoint, stored("1"), "1-baseline")
    assert serving.versions(endpoint.name) == ["1", "1-baseline"]
    assert serving.stored(endpoint.name, "1-baseline") == stored("1")
    assert serving.stored(endpoint.name, "2") is None
    found = serving.readiness(endpoint.name, "1")
    assert (found.state, found.why) == ("starting", "its pod is being made")
    assert "-v1-predictor.sluice-test-" in serving.url(endpoint.name, "1")


def test_who_is_created_again_is_not_touched(serving: KServing, endpoint: Endpoint) -> None:
    serving.create(endpoint, stored("1"))
    (before,) = serving.api.list(INFERENCE_SERVICE, serving.namespace, {})
    larger = endpoint.serving.model_copy(update={"price": "local/machine"})
    serving.create(endpoint.model_copy(update={"serving": larger}), stored("1"))
    assert serving.api.list(INFERENCE_SERVICE, serving.namespace, {}) == [before]
    assert [span.price for span in serving.spans(endpoint.name)] == ["", "local/machine"]
    serving.note()
    assert [span.price for span in serving.spans(endpoint.name)] == ["", "local/machine"]


def test_other_files_of_one_name_take_its_place_unless_users_are_served(
    serving: KServing, endpoint: Endpoint
) -> None:
    serving.create(endpoint, stored("1"))
    serving.create(endpoint, stored("1", "b"))
    assert serving.stored(endpoint.name, "1") == stored("1", "b")
    serving.traffic.set_weights(endpoint.name, {"1": 100}, RouteLimits(50, 30.0))
    with pytest.raises(PlatformError, match="serves users from other files"):
        serving.create(endpoint, stored("1"))
    with pytest.raises(PlatformError, match=r"still gets 100% of the traffic"):
        serving.delete(endpoint.name, "1")


def test_predictors_of_odd_names_are_told_apart(serving: KServing, endpoint: Endpoint) -> None:
    for arm in ("1-v2", "Größe 2/b", "v" * 200):
        serving.create(endpoint, stored("1"), arm)
    assert serving.versions(endpoint.name) == ["1-v2", "Größe 2/b", "v" * 200]


@pytest.mark.parametrize(
    ("hard", "said"),
    [
        ({"requests.memory": "1Gi"}, "grants 1Gi requests.memory"),
        ({"limits.ephemeral-storage": "4Gi"}, "grants 4Gi limits.ephemeral-storage"),
        ({"ephemeral-storage": "2Gi"}, "grants 2Gi ephemeral-storage"),
        ({"requests.ephemeral-storage": "64Gi", "limits.memory": "2Gi", "pods": "1"}, ""),
    ],
)
def test_what_no_quota_can_ever_grant_is_told_before_a_pod_is_made(
    serving: KServing, endpoint: Endpoint, hard: dict[str, str], said: str
) -> None:
    sized = replace(stored("1"), size=2**30)
    made = RESOURCE_QUOTA.object({"name": QUOTA}, spec={"hard": hard})
    serving.api.create(RESOURCE_QUOTA, serving.namespace, made)
    why = serving.unfit(endpoint, sized)
    serving.api.delete(RESOURCE_QUOTA, serving.namespace, QUOTA)
    assert said in why
    assert bool(why) == bool(said)
    # One that counts some pods only may count none of ours.
    scoped = RESOURCE_QUOTA.object(
        {"name": QUOTA}, spec={"hard": {"requests.memory": "1"}, "scopes": ["NotTerminating"]}
    )
    serving.api.create(RESOURCE_QUOTA, serving.namespace, scoped)
    assert serving.unfit(endpoint, sized) == ""
    serving.api.delete(RESOURCE_QUOTA, serving.namespace, QUOTA)


def test_evicted_pods_are_no_predictors_and_are_cleared_away_once_another_one_serves(
    serving: KServing, endpoint: Endpoint
) -> None:
    def pod(name: str, status: Object) -> None:
        report(serving.api, serving.namespace, name, status, endpoint=endpoint, stored=stored("1"))

    said = f"Evicted: {EVICTED['message']}"
    serving.create(endpoint, stored("1"))
    pod("evicted-1", EVICTED)
    assert serving.running(endpoint.name) == []
    serving.note()
    found = serving.readiness(endpoint.name, "1")
    assert (found.state, found.why) == (
        "starting",
        f"its pod is being made, after 1 that ended: {said}",
    )
    pod("evicted-2", EVICTED)
    found = serving.readiness(endpoint.name, "1")
    assert (found.state, found.why) == ("failed", f"2 of its pods have ended: {said}")
    pod("serves", SERVES)
    serving.note()
    left = serving.api.list(POD, serving.namespace, {})
    assert [each["metadata"]["name"] for each in left] == ["serves"]
    assert [each.ready for each in serving.running(endpoint.name)] == [True]
    serving.api.delete(POD, serving.namespace, "serves")


@pytest.fixture
def adopted(serving: KServing, endpoint: Endpoint) -> Iterator[str]:
    """An InferenceService of a team's that is version 7; its name."""
    model = {"modelFormat": {"name": "onnx"}}
    name = f"own-{endpoint.name}"
    made = INFERENCE_SERVICE.object({"name": name}, spec={"predictor": {"model": model}})
    serving.api.create(INFERENCE_SERVICE, serving.namespace, made)
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    like = SERVICE.object(
        {"name": f"{name}-predictor"}, spec={"selector": {"app": name}, "ports": ports}
    )
    standing = standing_for(endpoint, "7", stored("7"), made, like)
    serving.api.create(SERVICE, serving.namespace, standing)
    yield name
    serving.api.delete(INFERENCE_SERVICE, serving.namespace, name)


def test_an_adopted_predictor_is_an_arm_and_stays_its_team_s(
    serving: KServing, endpoint: Endpoint, adopted: str
) -> None:
    assert serving.versions(endpoint.name) == ["7"]
    assert serving.stored(endpoint.name, "7") == stored("7")
    assert serving.readiness(endpoint.name, "7").state == "starting"
    assert serving.running(endpoint.name) == []
    assert not serving.room(endpoint).enough
    assert "-v7-predictor." in serving.url(endpoint.name, "7")
    serving.create(endpoint, stored("7"))
    assert [span.version for span in serving.spans(endpoint.name)] == ["7"]
    serving.traffic.set_weights(endpoint.name, {"7": 100}, RouteLimits(50, 30.0))
    with pytest.raises(PlatformError, match="serves users from other files"):
        serving.create(endpoint, stored("7", "b"))
    with pytest.raises(PlatformError, match=r"still gets 100% of the traffic"):
        serving.delete(endpoint.name, "7")
    serving.create(endpoint, stored("8"))
    serving.traffic.set_weights(endpoint.name, {"8": 100})
    serving.delete(endpoint.name, "7")
    assert serving.versions(endpoint.name) == ["8"]
    assert serving.api.get(INFERENCE_SERVICE, serving.namespace, adopted) is not None


def test_one_that_its_team_took_away_is_replaced_by_a_predictor_of_ours(
    serving: KServing, endpoint: Endpoint, adopted: str
) -> None:
    platform = replace(quick().world.platform, serving=serving)
    lease = Lease(endpoint.name, "r", "somebody", 60.0, {"7": 100})
    assert missing(platform, lease) == []
    serving.api.delete(INFERENCE_SERVICE, serving.namespace, adopted)
    assert serving.readiness(endpoint.name, "7").state == "absent"
    assert missing(platform, lease) == ["7"]
    serving.create(endpoint, stored("7"))
    [made] = serving.api.list(INFERENCE_SERVICE, serving.namespace, {})
    assert made["metadata"]["name"] == f"{endpoint.name}-v7"
    assert serving.versions(endpoint.name) == ["7"]


def test_what_somebody_else_made_by_a_predictor_s_name_stays(
    serving: KServing, endpoint: Endpoint
) -> None:
    spec = {"predictor": {"model": {"modelFormat": {"name": "onnx"}}}}
    theirs = INFERENCE_SERVICE.object({"name": f"{endpoint.name}-v2"}, spec=spec)
    made = serving.api.create(INFERENCE_SERVICE, serving.namespace, theirs)
    assert "is not Sluice's" in serving.unfit(endpoint, stored("2"))
    with pytest.raises(PlatformError, match="is not Sluice's"):
        serving.create(endpoint, stored("2"))
    serving.delete(endpoint.name, "2")
    assert serving.readiness(endpoint.name, "2").state == "absent"
    name = made["metadata"]["name"]
    assert serving.api.get(INFERENCE_SERVICE, serving.namespace, name) == made
    serving.api.delete(INFERENCE_SERVICE, serving.namespace, name)


def test_a_quota_that_is_used_up_leaves_no_room(serving: KServing, endpoint: Endpoint) -> None:
    assert serving.room(endpoint).enough
    quota = RESOURCE_QUOTA.object({"name": QUOTA}, spec={"hard": {"requests.cpu": "1500m"}})
    api, namespace = serving.api, serving.namespace
    api.create(RESOURCE_QUOTA, namespace, quota)
    status = {"status": {"hard": {"requests.cpu": "1500m"}, "used": {"requests.cpu": "600m"}}}
    path = f"{RESOURCE_QUOTA.path(namespace, QUOTA)}/status"
    api._ask("PATCH", path, content=status, media="application/merge-patch+json")
    room = serving.room(endpoint)
    api.delete(RESOURCE_QUOTA, namespace, QUOTA)
    assert not room.enough
    assert room.why == "quota compute: 600m of 1500m requests.cpu are taken, 1 more are asked for"
