"""Objects of our names that are somebody else's: refused in one line, and as they were after it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from obstore.store import MemoryStore

from cluster import pins
from cluster.kinds import (
    BACKEND_TRAFFIC_POLICY,
    CONFIG_MAP,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    INTERCEPTOR_ROUTE,
    LEASE,
    SCALED_OBJECT,
    Kind,
    Object,
)
from cluster.leases import KubernetesLeases
from cluster.names import annotation
from cluster.scaling import KedaScaling
from cluster.serving import KServing
from cluster.settings import Autoscaling, Predictor
from components.errors import PlatformError, SluiceError
from components.platform import Lease, StoredVersion, SystemClock
from components.platform.spans import ObjectSpans
from tests.cluster.test_changed import LIMITS, NAME, SHOP, TO, canary, traffic_of
from tests.support.endpoints import endpoint
from tests.support.objects import NAMESPACE, Objects

FILE = endpoint(NAME, serving={"scaling": {"min": 0, "max": 4}})
STORED = StoredVersion("demo", "2", "a" * 64, f"s3://sluice/versions/{'a' * 64}")
OUR_LEASE = Lease(NAME, "fraud-v2", "step 1", 90.0, {"1": 100})

Act = Callable[[Objects], object]


def serving_of(found: Objects) -> KServing:
    api, clock = found.way, SystemClock()
    keda = Autoscaling(prometheus="http://prometheus.example:9090", interceptor="keda")
    scaling = KedaScaling(api, NAMESPACE, keda, clock)
    image = Predictor(image="localhost/predictor:1")
    log = ObjectSpans(MemoryStore())
    return KServing(api, NAMESPACE, image, traffic_of(found), scaling, log, clock)


def begins(found: Objects) -> None:
    traffic_of(found).refuse_unsplittable(NAME)


def routes_its_first(found: Objects) -> None:
    traffic_of(found).set_weights(NAME, {"2": 100}, LIMITS)


def serves(found: Objects) -> None:
    serving_of(found).create(FILE, STORED)


def takes_its_lease(found: Objects) -> None:
    KubernetesLeases(found.way, NAMESPACE).swap(NAME, None, OUR_LEASE)


def removes(found: Objects) -> None:
    """As the end of a first release does."""
    traffic_of(found).set_weights(NAME, {})


def stops(found: Objects) -> None:
    serving_of(found).delete(NAME, "2", 0.0)


def lets_go(found: Objects) -> None:
    serving_of(found).scaling.hold(NAME, {"2": 3})
    serving_of(found).scaling.let_go(NAME)


def theirs(kind: Kind, name: str, **content: Any) -> tuple[Kind, Object]:
    labels = {"app.kubernetes.io/managed-by": "argocd", "team": "shop"}
    return kind, kind.object({"name": name, "labels": labels}, **content)


ROUTE = theirs(HTTP_ROUTE, NAME, spec={"parentRefs": [{"name": "shop"}], "rules": [SHOP]})
PINS = theirs(HTTP_ROUTE, pins.name(NAME), spec={"parentRefs": [{"name": "shop"}], "rules": [SHOP]})
POLICY = theirs(BACKEND_TRAFFIC_POLICY, NAME, spec={"targetRefs": [{"name": "shop"}]})
SCALER = theirs(SCALED_OBJECT, f"{NAME}-v2", spec={"scaleTargetRef": {"name": "shop"}})
WAY = theirs(INTERCEPTOR_ROUTE, f"{NAME}-v2-grpc", spec={"rules": [{"hosts": ["shop"]}]})
PREDICTOR = theirs(INFERENCE_SERVICE, f"{NAME}-v2", spec={"predictor": {"model": {}}})
ELECTION = theirs(LEASE, NAME, spec={"holderIdentity": "shop-0", "leaseDurationSeconds": 15})
MAP = theirs(CONFIG_MAP, f"endpoint-{NAME}", data={"shop": "open"})


@pytest.mark.parametrize(
    ("found", "act"),
    [
        *((each, act) for each in (ROUTE, PINS, POLICY) for act in (begins, routes_its_first)),
        *((each, serves) for each in (SCALER, WAY, PREDICTOR)),
        (ELECTION, takes_its_lease),
    ],
    ids=lambda each: each.__name__ if callable(each) else each[0].name,
)
def test_what_is_somebody_else_s_is_refused_in_one_line_and_left_as_it_is(
    found: tuple[Kind, Object], act: Act
) -> None:
    objects, (kind, other) = Objects(), found
    objects.put(kind, other)
    before = objects.get(kind, other["metadata"]["name"])
    with pytest.raises(PlatformError) as refused:
        act(objects)
    said = str(refused.value)
    assert said.startswith(f"{kind.name} {other['metadata']['name']} is not Sluice's")
    assert "\n" not in said
    assert objects.get(kind, other["metadata"]["name"]) == before
    assert objects.names() == [(kind.plural, other["metadata"]["name"])], "nothing else was made"


@pytest.mark.parametrize("act", [removes, stops, lets_go])
def test_what_ends_a_release_leaves_it_as_it_is(act: Act) -> None:
    objects = Objects()
    others = [ROUTE, PINS, POLICY, SCALER, WAY, PREDICTOR, ELECTION, MAP]
    for kind, each in others:
        objects.put(kind, each)
    before = [objects.get(kind, each["metadata"]["name"]) for kind, each in others]
    act(objects)
    assert [objects.get(kind, each["metadata"]["name"]) for kind, each in others] == before


def test_a_policy_that_is_somebody_else_s_by_now_does_not_keep_the_way_back() -> None:
    objects, traffic = canary()
    objects.put(*POLICY)
    before = objects.get(BACKEND_TRAFFIC_POLICY, NAME)
    with pytest.raises(PlatformError, match="is not Sluice's"):
        traffic.set_weights(NAME, {"1": 50, "2": 50}, LIMITS)
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert traffic.weights(NAME)["1"] == 100
    assert objects.get(BACKEND_TRAFFIC_POLICY, NAME) == before


def test_a_route_that_is_kept_in_git_is_what_it_was_when_a_first_release_has_failed() -> None:
    objects = Objects()
    kept = HTTP_ROUTE.object(
        {"name": NAME, "labels": {"team": "shop"}},
        spec={"parentRefs": [{"name": TO.name, "namespace": TO.namespace}], "hostnames": ["a.b"]},
    )
    kept["metadata"]["managedFields"] = [
        {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:parentRefs": {}, "f:hostnames": {}}}}
    ]
    objects.put(HTTP_ROUTE, kept)
    before = objects.get(HTTP_ROUTE, NAME)
    traffic = traffic_of(objects)
    traffic.set_weights(NAME, {"2": 100}, LIMITS)
    assert traffic.weights(NAME) == {"2": 100}
    for _ in range(2):
        traffic.set_weights(NAME, {})
    after = objects.get(HTTP_ROUTE, NAME)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == {"team": "shop"}
    assert not after["metadata"].get("annotations")
    assert objects.names() == [(HTTP_ROUTE.plural, NAME)]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"type": "Accepted", "status": "False", "reason": "Conflicted"}, "Conflicted: by shop's"),
        ({"type": "Overridden", "status": "True", "reason": "Overridden"}, "Overridden: by shop's"),
    ],
)
def test_limits_that_do_not_hold_are_told_before_a_split_and_do_not_keep_the_way_back(
    condition: Object, said: str
) -> None:
    objects, traffic = canary()
    policy = objects.get(BACKEND_TRAFFIC_POLICY, NAME)
    own = {"observedGeneration": policy["metadata"]["generation"], "message": "by shop's"}
    by = {"name": TO.name, "namespace": TO.namespace}
    policy["status"] = {"ancestors": [{"ancestorRef": by, "conditions": [condition | own]}]}
    objects.put(BACKEND_TRAFFIC_POLICY, policy)
    with pytest.raises(PlatformError, match=f"BackendTrafficPolicy {NAME}: {said}"):
        traffic.set_weights(NAME, {"1": 50, "2": 50}, LIMITS)
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert traffic.weights(NAME)["1"] == 100


def test_what_others_have_added_to_our_route_stays_when_it_is_removed() -> None:
    objects, traffic = canary()
    third = {"name": "third", "port": 80, "weight": 5}
    route = objects.get(HTTP_ROUTE, NAME)
    users = route["spec"]["rules"][0]
    users["backendRefs"].append(third)
    route["spec"]["rules"].insert(0, copy.deepcopy(SHOP))
    objects.put(HTTP_ROUTE, route)
    traffic.set_weights(NAME, {})
    rules = objects.get(HTTP_ROUTE, NAME)["spec"]["rules"]
    assert rules == [SHOP, {**users, "backendRefs": [third]}]
    assert traffic.weights(NAME) == {}
    assert objects.names() == [(HTTP_ROUTE.plural, NAME)]


def test_a_route_of_ours_alone_goes() -> None:
    objects, traffic = canary()
    traffic.set_weights(NAME, {})
    assert objects.names() == []


def test_a_lease_of_ours_is_known_by_its_annotations_if_somebody_took_its_labels() -> None:
    objects = Objects()
    leases = KubernetesLeases(objects.way, NAMESPACE)
    token = leases.swap(NAME, None, OUR_LEASE)
    found = objects.get(LEASE, NAME)
    del found["metadata"]["labels"]
    objects.put(LEASE, found)
    assert leases.swap(NAME, token, None)
    assert annotation("endpoint") in objects.get(LEASE, NAME)["metadata"]["annotations"]
    assert leases.swap(NAME, None, OUR_LEASE)


@pytest.mark.parametrize(
    "gone",
    [
        ("spec", "minReplicaCount"),
        ("spec", "maxReplicaCount"),
        ("metadata", "annotations"),
        ("annotations", "arm"),
        ("annotations", "min-replicas"),
        ("annotations", "max-replicas"),
        ("annotations", "floor"),
        ("spec", ""),
    ],
)
def test_a_scaler_that_somebody_has_edited_is_read_held_and_let_go(gone: tuple[str, str]) -> None:
    objects = Objects()
    scaling = serving_of(objects).scaling
    serves(objects)
    name = f"{NAME}-v2"
    owner = objects.get(INFERENCE_SERVICE, name)
    scaling.hold(NAME, {"2": 3})
    found = objects.get(SCALED_OBJECT, name)
    where, key = gone
    if where == "annotations":
        del found["metadata"]["annotations"][annotation(key)]
    elif key:
        del found[where][key]
    else:
        found["spec"] = {"scaleTargetRef": found["spec"]["scaleTargetRef"]}
    objects.put(SCALED_OBJECT, found)
    scaling.replicas(NAME)
    scaling.hold(NAME, {"2": 4})
    scaling.let_go(NAME)
    spec = objects.get(SCALED_OBJECT, name)["spec"]
    if where != "metadata":  # it does not say whose it is: its next release makes it anew
        assert spec["minReplicaCount"] <= 1 or gone == ("annotations", "arm")
        assert spec["maxReplicaCount"] >= 4
    scaling.make(FILE, "2", owner)
    scaling.let_go(NAME)
    assert objects.get(SCALED_OBJECT, name)["spec"]["minReplicaCount"] == 0


@pytest.mark.parametrize("noted", ["", "few", "-1"])
def test_a_scaler_s_note_that_is_no_number_is_none(noted: str) -> None:
    objects = Objects()
    serves(objects)
    found = objects.get(SCALED_OBJECT, f"{NAME}-v2")
    found["metadata"]["annotations"] |= {
        annotation(key): noted for key in ("min-replicas", "max-replicas")
    }
    objects.put(SCALED_OBJECT, found)
    try:
        serving_of(objects).scaling.let_go(NAME)
    except SluiceError:
        pytest.fail("an edit of somebody's ends no release")
    spec = objects.get(SCALED_OBJECT, f"{NAME}-v2")["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 4)
