"""Of all that a role of ours gives, each right is missed by the code that has the role.

A user for each right has the role without it, and does what the role is for: the API server must
refuse just that. A right that nobody misses is one too many.
"""

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property

import pytest
from obstore.store import MemoryStore

from cluster import adopted, pins, team
from cluster.api import Api
from cluster.argo import ArgoEngine
from cluster.decisions import KubernetesDecisions
from cluster.endpoints import ConfiguredEndpoints
from cluster.events import Told
from cluster.keys import SECRET_NAME, SecretGateway
from cluster.kinds import (
    BACKEND_TRAFFIC_POLICY,
    HTTP_ROUTE,
    HTTP_ROUTE_FILTER,
    INFERENCE_SERVICE,
    POD,
    SCALED_OBJECT,
    SECRET,
    SECURITY_POLICY,
    SERVICE,
    WORKFLOW,
    Object,
)
from cluster.leases import KubernetesLeases
from cluster.limits import limits_object
from cluster.names import object_name, predictor_name
from cluster.proxies import Proxies
from cluster.routes import Route
from cluster.scaling import KedaScaling
from cluster.serving import KServing, arms
from cluster.settings import Autoscaling, Gateway, Predictor
from cluster.teams import teams
from cluster.traffic import RoutedTraffic
from cluster.workflows import workflow
from components import gateway
from components.endpoint import Endpoint
from components.errors import PlatformError, Unreachable
from components.platform import Lease, Moment, RouteLimits, StoredVersion, SystemClock
from components.platform.memory import World
from components.platform.spans import ObjectSpans
from tests.support.accounts import as_user, rendered
from tests.support.accounts import rights as may
from tests.support.endpoints import endpoint
from tests.support.kubelet import EVICTED, SERVES, report
from tests.support.roles import Right, bind, rights, role, without
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TEAM, RUNS, PROXIES = "demo", "demo-runs", "envoy-gateway-system"
TO = Gateway(url="https://models.example")
AUTOSCALING = Autoscaling(prometheus="http://prometheus.example", interceptor="keda")
LIMITS = RouteLimits(50, 30.0)
STORED = StoredVersion("demo", "2", "a" * 64, f"s3://sluice/versions/{'a' * 64}")


@dataclass(frozen=True)
class Scene:
    """One endpoint, and who acts on it."""

    api: Api
    administrator: Api
    name: str

    @cached_property
    def endpoint(self) -> Endpoint:
        return endpoint(self.name, serving={"scaling": {"min": 0, "max": 4}})

    def serving(self, api: Api) -> KServing:
        traffic = RoutedTraffic(
            api,
            TEAM,
            TO,
            Proxies(api, TO, lambda: "key"),
            lambda name: arms(api, TEAM, name),
            KubernetesLeases(api, TEAM).read,
            enters=0,
        )
        settings = Predictor(image="localhost/predictor:1")
        clock = SystemClock()
        scaling = KedaScaling(api, TEAM, AUTOSCALING, clock)
        return KServing(api, TEAM, settings, traffic, scaling, ObjectSpans(MemoryStore()), clock)

    @cached_property
    def own(self) -> KServing:
        """As whoever acts sees it."""
        return self.serving(self.api)

    @cached_property
    def before(self) -> KServing:
        """As an administrator does, who arranges what is there before."""
        return self.serving(self.administrator)

    @property
    def leases(self) -> KubernetesLeases:
        return KubernetesLeases(self.api, TEAM)

    def lease(self) -> Lease:
        return Lease(self.name, "r", "step", 60.0, {})

    def held(self) -> str:
        """The token of a lease that somebody else has taken."""
        token = KubernetesLeases(self.administrator, TEAM).swap(self.name, None, self.lease())
        assert token
        return token

    def served(self, *versions: str) -> None:
        for version in versions:
            self.before.create(self.endpoint, replace(STORED, version=version))

    def adopted(self, by: Api) -> None:
        """Version 7 is an InferenceService that a team has made."""
        predictor = INFERENCE_SERVICE.object(
            {"name": f"own-{self.name}"},
            spec={"predictor": {"model": {"modelFormat": {"name": "onnx"}}}},
        )
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        like = SERVICE.object(
            {"name": f"own-{self.name}-predictor"},
            spec={"selector": {"app": "own"}, "ports": ports},
        )
        stored = replace(STORED, version="7")
        made = adopted.standing_for(self.endpoint, "7", stored, predictor, like)
        by.create(SERVICE, TEAM, made)


Duty = Callable[[Scene], object]


def reads_its_endpoint(scene: Scene) -> None:
    ConfiguredEndpoints(scene.administrator, TEAM).apply(scene.endpoint.model_dump_json(), "a test")
    ConfiguredEndpoints(scene.api, TEAM).load(scene.name)


def lists_endpoints(scene: Scene) -> None:
    ConfiguredEndpoints(scene.api, TEAM).names()


def takes_a_lease(scene: Scene) -> None:
    token = scene.leases.swap(scene.name, None, scene.lease())
    assert scene.leases.swap(scene.name, token, None)


def takes_a_lease_over(scene: Scene) -> None:
    assert scene.leases.swap(scene.name, scene.held(), None)


def looks_who_is_held(scene: Scene) -> None:
    """As `due` does, and who reconciles and reaps."""
    scene.leases.endpoints()
    scene.leases.read(scene.name)


def serves_a_version(scene: Scene) -> None:
    assert scene.own.room(scene.endpoint).enough
    scene.own.create(scene.endpoint, STORED)
    scene.own.readiness(scene.name, "2")
    scene.own.running(scene.name)


def makes_production_anew(scene: Scene) -> None:
    scene.own.create(scene.endpoint, STORED)
    scene.own.readiness(scene.name, "2")


def holds_floors(scene: Scene) -> None:
    scene.served("1")
    scene.own.scaling.replicas(scene.name)
    scene.own.scaling.hold(scene.name, {"1": 3})


def makes_lost_scalers_anew(scene: Scene) -> None:
    scene.served("1")
    name = predictor_name(scene.name, "1")
    scene.administrator.delete(SCALED_OBJECT, TEAM, name)
    scene.own.scaling.restore(scene.endpoint, "1", 3)
    assert scene.administrator.get(SCALED_OBJECT, TEAM, name)


def leaves_scalers_to_the_file(scene: Scene) -> None:
    scene.served("1")
    scene.before.scaling.hold(scene.name, {"1": 3})
    scene.own.scaling.let_go(scene.name)


def notes_what_is_there(scene: Scene) -> None:
    scene.served("1")
    evicted, serves = (f"{what}-{scene.name}" for what in ("evicted", "serves"))
    stored = replace(STORED, version="1")
    for name, status in ((evicted, EVICTED), (serves, SERVES)):
        report(scene.administrator, TEAM, name, status, endpoint=scene.endpoint, stored=stored)
    try:
        scene.own.note()
        assert scene.administrator.get(POD, TEAM, evicted) is None
    finally:
        for name in (evicted, serves):
            scene.administrator.delete(POD, TEAM, name)


def splits_traffic(scene: Scene) -> None:
    scene.served("1", "2")
    scene.own.traffic.set_weights(scene.name, {"1": 100}, LIMITS)
    scene.own.traffic.set_weights(scene.name, {"1": 50, "2": 50}, LIMITS)


def gives_traffic_back(scene: Scene) -> None:
    scene.served("1", "2")
    scene.before.traffic.set_weights(scene.name, {"1": 50, "2": 50}, LIMITS)
    scene.own.traffic.set_weights(scene.name, {"1": 100})


def mends_pins_that_somebody_took_away(scene: Scene) -> None:
    scene.served("1")
    scene.before.traffic.set_weights(scene.name, {"1": 100}, LIMITS)
    scene.administrator.delete(HTTP_ROUTE, TEAM, pins.name(scene.name))
    scene.own.traffic.set_weights(scene.name, {"1": 100})


def makes_a_route_anew(scene: Scene) -> None:
    """With all that belongs to it: whoever deletes by the endpoint's label takes both routes."""
    scene.served("1")
    scene.before.traffic.set_weights(scene.name, {"1": 100}, LIMITS)
    for kind, name in (
        (HTTP_ROUTE, object_name(scene.name)),
        (HTTP_ROUTE, pins.name(scene.name)),
        (BACKEND_TRAFFIC_POLICY, object_name(scene.name)),
    ):
        scene.administrator.delete(kind, TEAM, name)
    scene.own.traffic.set_weights(scene.name, {"1": 100}, LIMITS)


def removes_the_route_of_a_first_release(scene: Scene) -> None:
    scene.served("1")
    scene.before.traffic.set_weights(scene.name, {"1": 100}, LIMITS)
    scene.own.traffic.set_weights(scene.name, {})


def deletes_who_has_lost(scene: Scene) -> None:
    scene.served("1", "2")
    scene.own.delete(scene.name, "2")


def leaves_an_adopted_one_to_its_team(scene: Scene) -> None:
    scene.adopted(scene.administrator)
    assert scene.own.stored(scene.name, "7")
    scene.own.delete(scene.name, "7")


def asks_with_the_platform_s_key(scene: Scene) -> None:
    SecretGateway(scene.api, TEAM, "").key(gateway.PLATFORM_CLIENT)


def tells_people(scene: Scene) -> None:
    labels = {gateway.ENDPOINT_LABEL: scene.name, "outcome": "promoted"}
    Told(scene.api, TEAM)(Moment(at=1.0, labels=labels, annotations={"summary": "it is over"}))


def hears_people(scene: Scene) -> None:
    decide = KubernetesDecisions(scene.administrator, TEAM)
    decide.add(scene.name, 1, "pause", "")
    own = KubernetesDecisions(scene.api, TEAM)
    assert own.read(scene.name)
    own.clear(scene.name)


def asks_each_proxy(scene: Scene) -> None:
    with suppress(Unreachable):  # a server without any node has none
        scene.own.traffic.proxies.addresses()


def looks_whose_path_it_is(scene: Scene) -> None:
    scene.own.traffic.unfit(scene.name)


def finds_teams(scene: Scene) -> None:
    teams(scene.api)


def makes_a_team_s_keys(scene: Scene) -> None:
    scene.administrator.delete(SECRET, TEAM, SECRET_NAME)
    for each in scene.administrator.list(SECURITY_POLICY, TEAM):
        scene.administrator.delete(SECURITY_POLICY, TEAM, each["metadata"]["name"])
    scene.administrator.delete(HTTP_ROUTE_FILTER, TEAM, pins.NOBODY)
    team.install(scene.api, TEAM)


def hands_keys_out(scene: Scene) -> None:
    team.install(scene.administrator, TEAM)
    for each in scene.administrator.list(SECURITY_POLICY, TEAM):
        scene.administrator.delete(SECURITY_POLICY, TEAM, each["metadata"]["name"])
    team.keys(scene.api, TEAM, "").add(scene.name)


def begins_releases_and_stops_them(scene: Scene) -> None:
    engine = ArgoEngine(scene.api, TEAM, World().platform)
    name = f"rel-{scene.name}-v2-1"
    scene.api.create(WORKFLOW, RUNS, workflow(name, scene.endpoint, "2", name))
    [run] = [each for each in engine.running() if each.name == name]
    assert engine.alive(run)
    engine.stop(run)


def applies_endpoints(scene: Scene) -> None:
    ConfiguredEndpoints(scene.api, TEAM).apply(scene.endpoint.model_dump_json(), "a test")


def decides(scene: Scene) -> None:
    KubernetesDecisions(scene.api, TEAM).add(scene.name, 1, "approve", "")


def adopts(scene: Scene) -> None:
    limited = limits_object(Route(scene.name, (), LIMITS))
    scene.api.apply(BACKEND_TRAFFIC_POLICY, TEAM, limited)
    scene.adopted(scene.api)


OF_CODE: dict[str, tuple[str, tuple[Duty, ...]]] = {
    "sluice:step": (
        TEAM,
        (
            reads_its_endpoint,
            takes_a_lease,
            looks_who_is_held,
            serves_a_version,
            holds_floors,
            makes_lost_scalers_anew,
            leaves_scalers_to_the_file,
            splits_traffic,
            removes_the_route_of_a_first_release,
            deletes_who_has_lost,
            leaves_an_adopted_one_to_its_team,
            asks_with_the_platform_s_key,
            tells_people,
            hears_people,
        ),
    ),
    "sluice:reaper": (
        TEAM,
        (
            takes_a_lease_over,
            looks_who_is_held,
            notes_what_is_there,
            makes_production_anew,
            leaves_scalers_to_the_file,
            gives_traffic_back,
            mends_pins_that_somebody_took_away,
            makes_a_route_anew,
            removes_the_route_of_a_first_release,
            deletes_who_has_lost,
            leaves_an_adopted_one_to_its_team,
            asks_with_the_platform_s_key,
            tells_people,
            hears_people,
        ),
    ),
    "sluice:relay": (TEAM, (lists_endpoints, reads_its_endpoint, looks_who_is_held)),
    "sluice:proxies": (PROXIES, (asks_each_proxy,)),
    "sluice:teams": ("", (finds_teams,)),
    "sluice:routes": ("", (looks_whose_path_it_is,)),
    "sluice:installer": (TEAM, (makes_a_team_s_keys,)),
    "sluice-reconcile": (RUNS, (begins_releases_and_stops_them,)),
}
"""Roles of accounts: where they hold, and what their code does with them."""
OF_PEOPLE: dict[str, tuple[str, tuple[Duty, ...]]] = {
    "sluice:operator": (
        TEAM,
        (
            applies_endpoints,
            takes_a_lease_over,
            makes_production_anew,
            leaves_scalers_to_the_file,
            gives_traffic_back,
            mends_pins_that_somebody_took_away,
            makes_a_route_anew,
            removes_the_route_of_a_first_release,
            deletes_who_has_lost,
            leaves_an_adopted_one_to_its_team,
            hands_keys_out,
            tells_people,
            hears_people,
            decides,
        ),
    ),
    "sluice:adopter": (TEAM, (adopts,)),
    "sluice:approver": (TEAM, (decides,)),
    "sluice:releaser": (RUNS, (begins_releases_and_stops_them,)),
    "sluice:viewer": (TEAM, ()),
}
"""Likewise; what they may merely look at, they may by kubectl, too."""
OF_OTHERS = {
    "sluice-step": "Argo's executor, beside each step, tells what it has put out",
    "sluice-sensor": "Argo Events makes the workflow",
    "sluice:prometheus": "Prometheus finds what to scrape",
    "sluice-settings": "every command reads the settings: see test_access",
    "sluice-viewer": "the way to a pod, which this server has not: see test_access",
}
"""Roles that no code of ours uses alone."""
BESIDE = {"sluice:routes": ("sluice:step",)}
"""What they have besides who is given that role."""
LOOKS = {"get", "list"}
ASKED_BY_ADMISSION = {"approve", "pause"}
"""Verbs of our own: see test_decisions."""


def of_executor(right: Right) -> bool:
    """Whether it is what Argo's executor has, in the account of a pass."""
    return right.resource == "workflowtaskresults"


CASES = [
    *(right for role in OF_CODE for right in rights(role) if not of_executor(right)),
    *(
        right
        for role in OF_PEOPLE
        for right in rights(role)
        if right.verb not in LOOKS | ASKED_BY_ADMISSION
    ),
]


SAMPLE = 5
"""One in so many is tried each time, all of them with the long tests."""


def test_every_role_is_of_somebody() -> None:
    kinds = {"ClusterRole", "Role"}
    own = {
        each["metadata"]["name"]
        for each in rendered("embedded")
        if each["kind"] in kinds and each["metadata"]["name"].startswith("sluice")
    }
    assert own == OF_CODE.keys() | OF_PEOPLE.keys() | OF_OTHERS.keys()


def user_of(right: Right) -> str:
    return f"without-{CASES.index(right)}"


@pytest.fixture(scope="module")
def fewer(installed: Api) -> Api:
    """A user for each right, whose role has all but it."""
    team.install(installed, TEAM)
    for right in CASES:
        place, _ = (OF_CODE | OF_PEOPLE)[right.role]
        bind(installed, user_of(right), without(right), place, user_of(right))
    with closing(as_user(installed, user_of(CASES[-1]))) as last:
        place, _ = (OF_CODE | OF_PEOPLE)[CASES[-1].role]
        # Bindings are known in the order in which they were made.
        wait_until(lambda: holds(last, without(CASES[-1]), place), 30, "the last role")
    return installed


def holds(api: Api, rules: Sequence[Object], place: str) -> bool:
    """Whether a role with these rules is in force."""
    wanted = {
        (verb, resource)
        for rule in rules
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    return wanted <= {(v, r.partition("/sluice-")[0]) for v, r in may(api, place or TEAM)}


@pytest.mark.parametrize(
    "right",
    [
        pytest.param(right, marks=[pytest.mark.long] if number % SAMPLE else [])
        for number, right in enumerate(CASES)
    ],
    ids=str,
)
def test_a_right_is_missed_by_who_has_it_not(fewer: Api, right: Right) -> None:
    _, duties = (OF_CODE | OF_PEOPLE)[right.role]
    said = []
    with closing(as_user(fewer, user_of(right))) as api:
        for number, duty in enumerate(duties):
            name = f"case-{CASES.index(right)}-{number}"
            try:
                duty(Scene(api, fewer, name))
            except PlatformError as error:
                if right.refusal in str(error):
                    return
                said.append(f"{duty.__name__}: {error}")
    pytest.fail(f"nobody misses it: take it out of the manifests: {said}")


@pytest.mark.parametrize("named", (OF_CODE | OF_PEOPLE).keys())
def test_what_a_role_is_for_needs_no_right_that_it_has_not(installed: Api, named: str) -> None:
    place, duties = (OF_CODE | OF_PEOPLE)[named]
    user = "whole-" + named.replace(":", "-")
    rules = [rule for each in (named, *BESIDE.get(named, ())) for rule in role(each)["rules"]]
    team.install(installed, TEAM)
    bind(installed, user, rules, place, user)
    missed = []
    with closing(as_user(installed, user)) as api:
        wait_until(lambda: holds(api, rules, place), 30, "the role")
        for number, duty in enumerate(duties):
            try:
                duty(Scene(api, installed, f"{user}-{number}"))
            except PlatformError as error:
                missed += [f"{duty.__name__}: {error}"] * ("cannot" in str(error))
    assert missed == []
