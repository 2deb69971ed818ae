"""What counts of what gateways say of a route that several of them have."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cluster import accepted
from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, Object
from cluster.proxies import Proxies
from cluster.settings import Gateway
from cluster.traffic import RoutedTraffic
from components.errors import PlatformError
from components.platform import Lease, StoredVersion
from components.platform.memory import World
from components.release.operating import roll_back
from tests.cluster.test_changed import LIMITS, NAME, traffic_of
from tests.support.endpoints import endpoint
from tests.support.objects import NAMESPACE, Objects
from tests.support.shown import a_proxy
from tests.support.wires import serving

TO = Gateway(url="https://models.example")
GENERATION = 7
OURS: Object = {"name": TO.name, "namespace": TO.namespace}
INTERNAL: Object = {"name": "internal", "namespace": "corp"}
NOT_ALLOWED = "NotAllowedByListeners: not this team"


def parent(ref: Object, *, refuses: bool, generation: int = GENERATION) -> Object:
    """What the controller of a route's parent says of it."""
    condition: Object = {"type": "Accepted", "status": "True", "reason": "Accepted"}
    if refuses:
        condition |= {"status": "False", "reason": "NotAllowedByListeners"}
    said = {"observedGeneration": generation, "message": "not this team" if refuses else ""}
    return {"parentRef": ref, "controllerName": "example.com/x", "conditions": [condition | said]}


def refused(*parents: Object, namespace: str = NAMESPACE) -> str:
    route: Object = {"metadata": {"namespace": namespace, "generation": GENERATION}}
    return accepted.refused(route | {"status": {"parents": list(parents)}}, TO)


def test_only_the_parent_counts_that_is_the_installation_s_gateway() -> None:
    ours, theirs = parent(OURS, refuses=False), parent(INTERNAL, refuses=True)
    assert refused(ours, theirs) == refused(theirs, ours) == refused(theirs) == ""
    assert refused(parent(OURS, refuses=True), parent(INTERNAL, refuses=False)) == NOT_ALLOWED
    same_name = parent({**OURS, "namespace": "corp"}, refuses=True)
    assert refused(ours, same_name) == ""


def test_a_parent_without_a_namespace_is_in_the_route_s_own() -> None:
    bare = parent({"name": TO.name}, refuses=True)
    assert refused(bare) == ""
    assert refused(bare, namespace=TO.namespace) == NOT_ALLOWED


def test_a_refusal_of_an_earlier_generation_is_none() -> None:
    assert refused(parent(OURS, refuses=True, generation=GENERATION - 1)) == ""


def test_one_listener_that_takes_the_route_is_enough() -> None:
    """The proxies are asked what is in force at the one that users have."""
    http, https = ({**OURS, "sectionName": each} for each in ("http", "https"))
    assert refused(parent(http, refuses=True), parent(https, refuses=False)) == ""
    assert refused(parent(http, refuses=True), parent(https, refuses=True)) == NOT_ALLOWED


def test_limits_count_by_what_the_installation_s_gateway_says_of_them() -> None:
    found = Objects()
    traffic = traffic_of(found)
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    policy = found.get(BACKEND_TRAFFIC_POLICY, NAME)
    generation = policy["metadata"]["generation"]

    def told(ref: Object, *, refuses: bool) -> Object:
        said = parent(ref, refuses=refuses, generation=generation)
        return {"ancestorRef": said.pop("parentRef"), **said}

    def split(*ancestors: Object) -> None:
        found.put(BACKEND_TRAFFIC_POLICY, policy | {"status": {"ancestors": list(ancestors)}})
        traffic.set_weights(NAME, {"1": 50, "2": 50}, LIMITS)

    split(told(OURS, refuses=False), told(INTERNAL, refuses=True))
    with pytest.raises(PlatformError, match=NOT_ALLOWED):
        split(told(OURS, refuses=True), told(INTERNAL, refuses=False))


@contextmanager
def two_parents() -> Iterator[tuple[Objects, RoutedTraffic]]:
    """A canary's route of which another Gateway says at each write that it does not take it."""

    class Told(Objects):
        def _keep(self, path: str, made: Object) -> Object:
            kept = super()._keep(path, made)
            if path == HTTP_ROUTE.path(NAMESPACE, NAME):
                generation = kept["metadata"]["generation"]
                told = [(OURS, False), (INTERNAL, True)]
                parents = [parent(r, refuses=n, generation=generation) for r, n in told]
                self.objects[path]["status"] = {"parents": parents}
            return kept

    found = Told()
    with a_proxy(found, NAME, TO) as proxy:
        traffic = RoutedTraffic(
            found.way,
            NAMESPACE,
            proxy.to,
            Proxies(found.way, proxy.to, lambda: "key"),
            lambda _: ["1", "2"],
            lambda _: None,
        )
        traffic.set_weights(NAME, {"1": 100}, LIMITS)
        traffic.set_weights(NAME, {"1": 90, "2": 10})
        yield found, traffic


def test_a_split_is_in_force_beside_another_parent_that_refuses_the_route() -> None:
    with two_parents() as (_, traffic):
        traffic.wait_in_force(NAME, {"1": 90, "2": 10}, 10)


def test_an_operator_rolls_back_beside_another_parent_that_refuses_the_route() -> None:
    with two_parents() as (found, traffic):
        predictors = serving(found, NAMESPACE)
        digest = "a" * 64
        stored = StoredVersion("demo", "1", digest, f"s3://sluice/versions/{digest}")
        predictors.create(endpoint(NAME), stored)
        platform = replace(World().platform, traffic=traffic, serving=predictors)
        lease = Lease(NAME, "fraud-v2", "step 1", 90.0, {"1": 100})
        assert platform.leases.swap(NAME, None, lease)
        assert roll_back(platform, NAME, "by hand").weights == {"1": 100}
        held = platform.leases.read(NAME)
        assert held is None or held.returned
