"""What each account may do, whole, and that its code needs no more."""

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from obstore.store import MemoryStore

from cluster import team as teams
from cluster.api import Api
from cluster.decisions import KubernetesDecisions
from cluster.endpoints import ConfiguredEndpoints
from cluster.events import Told
from cluster.keys import SecretGateway
from cluster.kinds import (
    CONFIG_MAP,
    INFERENCE_SERVICE,
    LEASE,
    POD,
    SECRET,
    Kind,
)
from cluster.leases import KubernetesLeases
from cluster.proxies import Proxies
from cluster.scaling import KedaScaling
from cluster.serving import KServing, arms
from cluster.settings import SYSTEM, Autoscaling, Gateway, Predictor
from cluster.teams import teams as listed
from cluster.traffic import RoutedTraffic
from components import gateway
from components.errors import PlatformError, Unreachable
from components.platform import Lease, Moment, RouteLimits, StoredVersion, SystemClock
from components.platform.spans import ObjectSpans
from tests.manifests.conftest import OTHER
from tests.support.accounts import as_account, as_user, rights
from tests.support.endpoints import endpoint

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TEAM, RUNS, PROXIES = "demo", "demo-runs", "envoy-gateway-system"
GATEWAY = Gateway(url="https://models.example")
LIMITS = RouteLimits(50, 30.0)
AUTOSCALING = Autoscaling(prometheus="http://prometheus.example", interceptor="keda")
STORED = StoredVersion("demo", "2", "a" * 64, f"s3://sluice/versions/{'a' * 64}")

STEP, REAPER, RELAY = (RUNS, "sluice-step"), (SYSTEM, "sluice-reaper"), (SYSTEM, "sluice-relay")
INSTALLER, PREDICTOR = (TEAM, "sluice-installer"), (TEAM, "sluice-predictor")
SENSOR, RECONCILE = (SYSTEM, "sluice-sensor"), (RUNS, "sluice-reconcile")
PROMETHEUS = (SYSTEM, "sluice-prometheus")
ACCOUNTS = (STEP, REAPER, RELAY, INSTALLER, PREDICTOR, SENSOR, RECONCILE, PROMETHEUS)
NAMESPACES = (TEAM, RUNS, SYSTEM, PROXIES, OTHER, "kube-system")

RELEASE = {
    "pods": "list",
    "secrets/sluice-keys": "get",
    "events": "create",
    "services": "get list delete",
    "httproutes": "get create patch delete",
    "decisions": "list delete",
    "endpointslices": "list",
    "inferenceservices": "get list create delete",
    "deployments": "list",
    "scaledobjects": "get list create patch",
    "interceptorroutes": "create patch",
    "backendtrafficpolicies": "create patch delete",
}
MAY: dict[tuple[tuple[str, str], str], dict[str, str]] = {
    (STEP, TEAM): RELEASE
    | {
        "configmaps": "get",
        "resourcequotas": "list",
        "leases": "get list create update",
    },
    (STEP, RUNS): {"workflowtaskresults": "create patch"},
    (STEP, PROXIES): {"pods": "list"},
    (REAPER, TEAM): RELEASE | {"pods": "list delete", "leases": "get list update"},
    (REAPER, PROXIES): {"pods": "list"},
    (RELAY, TEAM): {"configmaps": "get list", "leases": "get list"},
    (INSTALLER, TEAM): {
        "secrets": "create",
        "secrets/sluice-keys": "get",
        "securitypolicies": "create patch",
        "httproutefilters": "create patch",
    },
    (SENSOR, RUNS): {"workflows": "create"},
    (RECONCILE, RUNS): {
        "workflows": "get list create patch",
        "workflowtaskresults": "create patch",
    },
    (RECONCILE, TEAM): {"configmaps": "get list", "leases": "get list"},
}
"""By account and namespace: the verbs for each resource. In all other places: nothing."""
EVERYWHERE: dict[tuple[str, str], dict[str, str]] = {
    STEP: {"httproutes": "list"},
    REAPER: {"namespaces": "list", "httproutes": "list"},
    RELAY: {"namespaces": "list"},
    PROMETHEUS: {"pods": "get list watch"},
}


def listing(table: dict[str, str]) -> set[tuple[str, str]]:
    return {(verb, resource) for resource, verbs in table.items() for verb in verbs.split()}


@pytest.fixture(scope="module")
def of_everybody(installed: Api) -> set[tuple[str, str]]:
    """What whoever is known to the API server may, such as to ask what it may."""
    with closing(as_account(installed, OTHER, "nobody")) as nobody:
        found = rights(nobody, OTHER)
    assert not {verb for verb, _ in found} - {"create"}, found
    return found


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda each: each[1])
def test_an_account_may_what_the_table_says_and_nothing_else(
    installed: Api, of_everybody: set[tuple[str, str]], account: tuple[str, str]
) -> None:
    with closing(as_account(installed, *account)) as asking:
        for namespace in NAMESPACES:
            wanted = listing(EVERYWHERE.get(account, {})) | listing(
                MAY.get((account, namespace), {})
            )
            if namespace == SYSTEM:
                wanted.add(("get", "configmaps/sluice"))
            assert rights(asking, namespace) - of_everybody == wanted, namespace


@pytest.fixture
def serving(installed: Api) -> Iterator[KServing]:
    """A step's own way to predictors and traffic."""
    with closing(as_account(installed, *STEP)) as api:
        yield made_serving(api)


def made_serving(api: Api) -> KServing:
    traffic = RoutedTraffic(
        api,
        TEAM,
        GATEWAY,
        Proxies(api, GATEWAY, lambda: "key"),
        lambda name: arms(api, TEAM, name),
        KubernetesLeases(api, TEAM).read,
    )
    settings = Predictor(image="localhost/predictor:1")
    clock = SystemClock()
    scaling = KedaScaling(api, TEAM, AUTOSCALING, clock)
    return KServing(api, TEAM, settings, traffic, scaling, ObjectSpans(MemoryStore()), clock)


def find_proxies(serving: KServing) -> None:
    with suppress(Unreachable):  # a server without any node has none
        serving.traffic.proxies.addresses()


def tell(api: Api, name: str, at: float) -> None:
    labels = {gateway.ENDPOINT_LABEL: name, "outcome": "promoted"}
    Told(api, TEAM)(Moment(at=at, labels=labels, annotations={"summary": "it is over"}))


def test_the_installer_makes_a_team_s_keys_and_cannot_take_them_away(installed: Api) -> None:
    with closing(as_account(installed, *INSTALLER)) as api:
        for _ in range(2):
            teams.install(api, TEAM)
        assert SecretGateway(api, TEAM, "").key(gateway.PLATFORM_CLIENT)
        for namespace, name in ((TEAM, "sluice-store"), (OTHER, "sluice-keys")):
            refused(api, "get", SECRET, namespace, name)
        refused(api, "delete", SECRET, TEAM, "sluice-keys")


def test_a_step_releases(installed: Api, serving: KServing) -> None:
    name, api = "stepped", serving.api
    sleeps = endpoint(name, serving={"scaling": {"min": 0, "max": 4}})
    ConfiguredEndpoints(installed, TEAM).apply(sleeps.model_dump_json(), "a test")
    made = ConfiguredEndpoints(api, TEAM).load(name)
    leases = KubernetesLeases(api, TEAM, serving.traffic.mark)
    lease = Lease(name, "r", "step", 60.0, {})
    token = leases.swap(name, None, lease)
    assert token
    assert serving.room(made).enough
    serving.create(made, STORED)
    assert serving.readiness(name, "2").state in {"starting", "failed"}
    serving.scaling.hold(name, {"2": 3})
    # Only a controller makes its Deployment.
    assert set(serving.scaling.replicas(name)) <= {"2"}
    serving.scaling.restore(made, "2", 3)
    serving.scaling.let_go(name)
    assert serving.traffic.unfit(name) == ""
    serving.traffic.set_weights(name, {"2": 100}, LIMITS)
    assert serving.traffic.weights(name) == {"2": 100}
    find_proxies(serving)
    tell(api, name, 1.0)
    KubernetesDecisions(api, TEAM).clear(name)
    serving.traffic.set_weights(name, {})
    serving.delete(name, "2")
    assert leases.swap(name, token, None)
    assert name not in leases.endpoints()


def test_the_reaper_gives_traffic_back_and_cleans_up(installed: Api, serving: KServing) -> None:
    name = "reaped"
    made = endpoint(name)
    taken = KubernetesLeases(serving.api, TEAM)
    lease = Lease(name, "r", "step", 60.0, {"1": 100})
    token = taken.swap(name, None, lease)
    for version in ("1", "2"):
        serving.create(made, replace(STORED, version=version))
    serving.traffic.set_weights(name, {"1": 50, "2": 50}, LIMITS)
    with closing(as_account(installed, *REAPER)) as api:
        assert TEAM in listed(api)
        leases = KubernetesLeases(api, TEAM)
        assert name in leases.endpoints()
        mine = leases.swap(name, token, replace(lease, holder="reaper"))
        assert mine
        own = made_serving(api)
        own.traffic.set_weights(name, {"1": 100})
        assert own.traffic.weights(name) == {"1": 100}
        own.scaling.let_go(name)
        find_proxies(own)
        own.delete(name, "2")
        tell(api, name, 2.0)
        KubernetesDecisions(api, TEAM).clear(name)
        # An endpoint that had no route before its first release gets none back.
        own.traffic.set_weights(name, {})
        # Production's predictor is made anew where somebody has deleted it.
        own.delete(name, "1")
        own.create(made, replace(STORED, version="1"))
        assert leases.swap(name, mine, None)
        with pytest.raises(PlatformError, match="ask for the role"):
            leases.swap("never-before", None, replace(lease, endpoint="never-before"))
        refused(api, "get", SECRET, TEAM, "sluice-store")
        refused(api, "delete", LEASE, TEAM, name)
        refused(api, "list", POD, "kube-system")
        refused(api, "list", INFERENCE_SERVICE, OTHER)
    serving.delete(name, "1")


@pytest.fixture
def alice(installed: Api) -> Iterator[Api]:
    """A person who was given the roles of one who looks."""
    group = "rbac.authorization.k8s.io"
    binding = Kind(f"{group}/v1", "RoleBinding", "rolebindings")
    places = ((TEAM, "ClusterRole", "sluice:viewer"), (SYSTEM, "Role", "sluice-viewer"))
    for namespace, kind, role in places:
        made = binding.object(
            {"name": "alice"},
            roleRef={"apiGroup": group, "kind": kind, "name": role},
            subjects=[{"apiGroup": group, "kind": "User", "name": "alice"}],
        )
        installed.apply(binding, namespace, made)
    with closing(as_user(installed, "alice")) as api:
        yield api
    for namespace, _, _ in places:
        installed.delete(binding, namespace, "alice")


def test_a_person_who_looks_changes_nothing(alice: Api, of_everybody: set[tuple[str, str]]) -> None:
    verbs = {verb for verb, _ in rights(alice, TEAM) - of_everybody}
    assert verbs == {"get", "list"}
    assert ("get", "secrets/sluice-store-reader") in rights(alice, TEAM)
    there = rights(alice, SYSTEM)
    assert {("get", "pods/portforward"), ("create", "pods/portforward")} <= there
    assert not {resource for _, resource in there if resource.startswith("secrets")}
    ConfiguredEndpoints(alice, TEAM).names()
    for namespace in (TEAM, SYSTEM):
        refused(alice, "delete", CONFIG_MAP, namespace, "sluice")
    for name in ("sluice-keys", "sluice-store"):
        refused(alice, "get", SECRET, TEAM, name)


def refused(api: Api, verb: str, kind: Kind, namespace: str, name: str = "") -> None:
    """The API server says no."""
    asked = (kind, namespace, name) if name else (kind, namespace)
    with pytest.raises(PlatformError, match="ask for the role"):
        getattr(api, verb)(*asked)
