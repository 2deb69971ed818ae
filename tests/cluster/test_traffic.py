"""What is written for a split, on a real API server. Nobody puts it in force there."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import pytest

from cluster import pins, routes
from cluster.api import Api, Conflict
from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, NAMESPACE, Kind, Object
from cluster.marks import CANDIDATE, CHAMPION, IDLE, PHASE, RELEASING, SHARE
from cluster.names import annotation
from cluster.proxies import Proxies
from cluster.settings import Gateway
from cluster.slots import WHOLE
from cluster.traffic import RoutedTraffic
from components.errors import InputError, PlatformError
from components.platform import Lease, Mirror, RouteLimits

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LIMITS = RouteLimits(50, 30.0)
GATEWAY = Gateway(url="https://models.example")


@dataclass
class Stand:
    """One endpoint's traffic, and what else is known of it."""

    api: Api
    namespace: str
    name: str
    served: list[str] = field(default_factory=lambda: ["1", "2"])
    lease: Lease | None = None

    @property
    def traffic(self) -> RoutedTraffic:
        return RoutedTraffic(
            self.api,
            self.namespace,
            GATEWAY,
            Proxies(self.api, GATEWAY, lambda: "key"),
            lambda _: self.served,
            lambda _: self.lease,
            enters=0,
        )

    def split(self, **weights: int) -> None:
        self.traffic.set_weights(self.name, {k.removeprefix("v"): w for k, w in weights.items()})

    @property
    def route(self) -> Object:
        found = self.api.get(HTTP_ROUTE, self.namespace, self.name)
        assert found is not None
        return found

    @property
    def places(self) -> list[tuple[str, int]]:
        refs = self.route["spec"]["rules"][0]["backendRefs"]
        return [(ref["name"], ref["weight"]) for ref in refs]


@pytest.fixture
def stand(kubernetes: Api, team: str, request: pytest.FixtureRequest) -> Iterator[Stand]:
    name = request.node.name.replace("_", "-")[5:45].rstrip("-")
    made = Stand(kubernetes, team, name)
    made.traffic.set_weights(name, {"1": 100}, LIMITS)
    yield made
    made.traffic.set_weights(name, {})


def test_a_release_fills_places_and_leaves_none_at_0(stand: Stand) -> None:
    old, new = f"{stand.name}-v1-predictor", f"{stand.name}-v2-predictor"
    assert stand.places == [(old, WHOLE)]
    stand.split(v1=100, v2=0)
    assert stand.places == [(old, WHOLE - 1), (new, 1)]
    stand.split(v1=90, v2=10)
    assert stand.places == [(old, 900_000), (new, 100_000)]
    stand.split(v2=100)
    assert stand.places == [(new, 1), (new, WHOLE - 1)]
    assert stand.traffic.weights(stand.name) == {"2": 100}


def test_each_write_has_its_number(stand: Stand) -> None:
    before = routes.read(stand.route).write
    stand.split(v1=100)
    assert routes.read(stand.route).write == before + 1


def test_a_version_has_its_place_before_its_share(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    """By a write of its own, which is waited for; that no proxy answers holds nothing up."""
    before = routes.read(stand.route).write
    stand.split(v1=50, v2=50)
    assert routes.read(stand.route).write == before + 2
    assert "2 gets its share all the same: " in caplog.text
    stand.split(v1=90, v2=10)
    assert routes.read(stand.route).write == before + 3


def test_limits_hold_until_others_are_given(stand: Stand) -> None:
    def limited() -> int:
        found = stand.api.get(BACKEND_TRAFFIC_POLICY, stand.namespace, stand.name) or {}
        (rule,) = found["spec"]["rateLimit"]["local"]["rules"]
        rate: int = rule["limit"]["requests"]
        return rate

    stand.split(v1=50, v2=50)
    assert (routes.read(stand.route).limits, limited()) == (LIMITS, 50)
    others = RouteLimits(7, 1.5)
    stand.traffic.set_weights(stand.name, {"1": 100}, others)
    assert (routes.read(stand.route).limits, limited()) == (others, 7)


def test_a_route_that_others_write_all_the_time_is_written_whole(stand: Stand) -> None:
    """As the gateway's controller does: its status, and each time the object is another one."""
    stop = threading.Event()

    def disturb() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            patch = {"metadata": {"annotations": {"of-another": str(number)}}}
            stand.api.merge(HTTP_ROUTE, stand.namespace, stand.name, patch)
            stop.wait(0.02)

    other = threading.Thread(target=disturb)
    other.start()
    try:
        for share in (10, 20, 30, 40, 50):
            stand.split(v1=100 - share, v2=share)
            assert stand.traffic.weights(stand.name) == {"1": 100 - share, "2": share}
    finally:
        stop.set()
        other.join()
    assert stand.route["metadata"]["annotations"]["of-another"]


def test_a_split_that_was_moved_by_somebody_else_in_between_stays_theirs(stand: Stand) -> None:
    """As a reaper does of a step that hangs: between its look at the route and its write."""
    stand.split(v1=50, v2=50)
    api, late = stand.api, replace(stand)

    class Hangs(Api):
        def apply(self, kind: Kind, namespace: str, wanted: Object) -> Object:
            if kind == BACKEND_TRAFFIC_POLICY:
                stand.split(v1=100, v2=0)
            return api.apply(kind, namespace, wanted)

    late.api = Hangs(api.access)
    with (
        closing(late.api),
        pytest.raises(PlatformError, match="was moved by somebody else just now"),
    ):
        late.traffic.set_weights(stand.name, {"2": 100}, LIMITS)
    assert stand.traffic.weights(stand.name) == {"1": 100, "2": 0}


@pytest.fixture
def late(stand: Stand, kubernetes: Api, team: str) -> Iterator[Stand]:
    """An endpoint of the same name in a namespace whose name comes later."""
    other = f"{team}-{uuid.uuid4().hex[:6]}"
    kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": other}))
    made = Stand(kubernetes, other, stand.name)
    yield made
    made.traffic.set_weights(made.name, {})
    kubernetes.delete(NAMESPACE, "", other)


def test_of_two_teams_with_an_endpoint_of_one_name_the_later_one_is_told_of_the_other(
    stand: Stand, late: Stand
) -> None:
    """Before it has a route, while it has one, and by what waits for one that never shows."""
    named = f"HTTPRoute {stand.namespace}/{stand.name} has these paths at the same host"
    for _ in range(2):
        assert named in late.traffic.unfit(late.name)
        assert stand.traffic.unfit(stand.name) == ""
        late.traffic.set_weights(late.name, {"1": 100}, LIMITS)
    with pytest.raises(PlatformError, match=named):
        late.traffic.wait_in_force(late.name, {"1": 100}, timeout=0)
    patch = {"spec": {"hostnames": ["late.example"]}}
    late.api.merge(HTTP_ROUTE, late.namespace, late.name, patch)
    assert late.traffic.unfit(late.name) == ""


def test_what_is_kept_in_git_may_be_applied_again_in_mid_canary(stand: Stand) -> None:
    stand.split(v1=90, v2=10)
    before = stand.route["spec"]
    kept = HTTP_ROUTE.object(
        {"name": stand.name, "labels": {"team": "shop"}},
        spec={"parentRefs": [{"name": "sluice", "namespace": "sluice-system"}]},
    )
    stand.api.apply(HTTP_ROUTE, stand.namespace, kept)
    assert stand.route["spec"] == before
    assert stand.route["metadata"]["labels"]["team"] == "shop"
    assert stand.traffic.weights(stand.name) == {"1": 90, "2": 10}


def test_what_others_have_added_stays_while_a_version_is_released_and_copied(stand: Stand) -> None:
    """Of the one list of rules only our weights and our mirror change."""
    rule = {
        "matches": [{"path": {"type": "Exact", "value": "/beta"}}],
        "backendRefs": [{"name": "beta", "port": 80}],
    }
    third = {"name": "third", "port": 80, "weight": 70_000}
    header = {"set": [{"name": "x-from", "value": "shop"}]}
    modifier = {"type": "RequestHeaderModifier", "requestHeaderModifier": header}
    rules = stand.route["spec"]["rules"]
    rules[0]["backendRefs"].append(third)
    rules[0]["filters"] = [modifier]
    patch = {"spec": {"rules": [rule, *rules]}}
    stand.api.merge(HTTP_ROUTE, stand.namespace, stand.name, patch)

    def others() -> list[object]:
        beta, users, *_ = stand.route["spec"]["rules"]
        kept = next(ref for ref in users["backendRefs"] if ref["name"] == "third")
        (modifier,) = [each for each in users["filters"] if "requestHeaderModifier" in each]
        theirs = modifier["requestHeaderModifier"]["set"][0]
        return [beta, kept, theirs]

    before = others()
    mirror = Mirror("2", 20)
    stand.traffic.set_mirror(stand.name, mirror)
    assert stand.traffic.mirror(stand.name) == mirror
    assert others() == before
    for share in (10, 50, 100):
        stand.split(v1=100 - share, v2=share)
        assert stand.traffic.weights(stand.name)["2"] == share
        assert stand.traffic.mirror(stand.name) is None
        assert others() == before


def test_a_route_with_sticky_sessions_is_not_split_and_given_back_all_the_same(
    stand: Stand,
) -> None:
    stand.split(v1=90, v2=10)
    stand.traffic.refuse_unsplittable(stand.name)
    rules = stand.route["spec"]["rules"]
    rules[0]["sessionPersistence"] = {"sessionName": "model", "type": "Cookie"}
    stand.api.merge(HTTP_ROUTE, stand.namespace, stand.name, {"spec": {"rules": rules}})
    with pytest.raises(PlatformError, match="sessionPersistence"):
        stand.traffic.refuse_unsplittable(stand.name)
    with pytest.raises(PlatformError, match="sessionPersistence"):
        stand.split(v1=50, v2=50)
    assert stand.traffic.weights(stand.name) == {"1": 90, "2": 10}
    stand.split(v1=100)
    assert stand.traffic.weights(stand.name) == {"1": 100}


def test_a_mirror_that_cannot_be_is_refused_before_it_is_written(stand: Stand) -> None:
    for mirror, said in ((Mirror("9", 5), "not served"), (Mirror("1", 5), "has a share")):
        with pytest.raises(PlatformError, match=said):
            stand.traffic.set_mirror(stand.name, mirror)
    before = routes.read(stand.route).write
    stand.traffic.set_mirror(stand.name, None)
    assert routes.read(stand.route).write == before


def test_a_route_that_came_from_git_is_taken_over_and_keeps_its_hosts(
    kubernetes: Api, team: str
) -> None:
    stand = Stand(kubernetes, team, "from-git")
    spec = {"parentRefs": [{"name": "other"}], "hostnames": ["models.example"]}
    kept = HTTP_ROUTE.object({"name": "from-git"}, spec=spec)
    kubernetes._ask("POST", HTTP_ROUTE.path(team), {"fieldManager": "kubectl"}, kept)
    assert stand.traffic.weights("from-git") == {}
    with pytest.raises(PlatformError, match="a new route needs limits"):
        stand.split(v1=100)
    stand.traffic.set_weights("from-git", {"1": 100}, LIMITS)
    assert stand.traffic.weights("from-git") == {"1": 100}
    assert stand.route["spec"]["hostnames"] == ["models.example"]
    pinned = stand.api.get(HTTP_ROUTE, team, pins.name("from-git")) or {}
    assert pinned["spec"]["hostnames"] == ["models.example"]
    assert stand.route["spec"]["parentRefs"][0]["name"] == "other"
    for _ in range(2):
        stand.split()
    assert stand.route["spec"]["hostnames"] == ["models.example"]
    assert stand.route["metadata"].get("annotations", {}) == {}
    assert kubernetes.get(BACKEND_TRAFFIC_POLICY, team, "from-git") is None
    assert stand.traffic.weights("from-git") == {}


def test_people_see_phase_champion_candidate_and_share(stand: Stand) -> None:
    def labels() -> list[str | None]:
        found = stand.route["metadata"]["labels"]
        return [found.get(key) for key in (PHASE, CHAMPION, CANDIDATE, SHARE)]

    assert labels() == [IDLE, "1", None, None]
    stand.lease = Lease(stand.name, "r", "step", 60.0, {"1": 100})
    stand.split(v1=90, v2=10)
    assert labels() == [RELEASING, "1", "2", "10"]
    stand.split(v1=0, v2=100)
    stand.lease = None
    stand.traffic.mark(stand.name)
    assert labels() == [IDLE, "2", None, None]


def test_marks_of_an_endpoint_without_a_route_are_nothing(stand: Stand) -> None:
    stand.traffic.mark("no-such-endpoint")


def test_nobody_may_pin_while_versions_are_compared(stand: Stand) -> None:
    def who() -> tuple[str, list[str]]:
        found = stand.api.get(HTTP_ROUTE, stand.namespace, pins.name(stand.name)) or {}
        rules = found["spec"]["rules"]
        named = [each["backendRefs"][0]["name"] for each in rules if each.get("backendRefs")]
        # By REST and by gRPC.
        assert named[::2] == named[1::2]
        return found["metadata"]["labels"][annotation("pins")], named[::2]

    both = [f"{stand.name}-v{n}-predictor" for n in (1, 2)]
    assert who() == (pins.OPEN, both)
    stand.split(v1=90, v2=10)
    assert who() == (pins.CLOSED, both)
    stand.split(v2=100)
    assert who() == (pins.OPEN, both)
    stand.served = ["2"]
    stand.traffic.pin(stand.name, stand.served)
    assert who() == (pins.OPEN, both[1:])


def test_a_version_without_predictor_gets_nothing_and_is_left_out_with_0(stand: Stand) -> None:
    with pytest.raises(PlatformError, match="9 is not served"):
        stand.split(v1=90, v9=10)
    stand.split(v1=100, v9=0)
    assert stand.traffic.weights(stand.name) == {"1": 100}


def test_a_removed_route_leaves_nothing(stand: Stand) -> None:
    for _ in range(2):
        stand.split()
    for kind in (HTTP_ROUTE, BACKEND_TRAFFIC_POLICY):
        left = [each["metadata"]["name"] for each in stand.api.list(kind, stand.namespace)]
        assert [name for name in left if name.startswith(stand.name)] == []


def test_a_route_that_a_person_has_rewritten_is_told_and_given_back_all_the_same(
    stand: Stand,
) -> None:
    stand.split(v1=90, v2=10)
    before = routes.read(stand.route).write
    rules: list[Object] = [{"backendRefs": [{"name": "mine", "port": 80}]}]
    patch = {"spec": {"rules": rules}}
    stand.api.merge(HTTP_ROUTE, stand.namespace, stand.name, patch)
    theirs = stand.route["spec"]["rules"]
    assert stand.traffic.weights(stand.name) == {}
    with pytest.raises(InputError, match="somebody has changed what Sluice wrote there"):
        stand.traffic.refuse_unsplittable(stand.name)
    with pytest.raises(InputError, match="somebody has changed what Sluice wrote there"):
        stand.split(v1=50, v2=50)
    stand.split(v1=100)
    assert stand.traffic.weights(stand.name) == {"1": 100}
    assert stand.route["spec"]["rules"][:1] == theirs
    assert routes.read(stand.route).write > before


def test_a_match_that_a_person_has_added_stays_and_meets_nobody_but_the_champion(
    stand: Stand,
) -> None:
    stand.split(v1=90, v2=10)
    rules = stand.route["spec"]["rules"]
    rules[0]["matches"].append({"path": {"type": "Exact", "value": "/mine"}})
    stand.api.merge(HTTP_ROUTE, stand.namespace, stand.name, {"spec": {"rules": rules}})
    assert stand.traffic.weights(stand.name) == {"1": 90, "2": 10}
    stand.split(v1=100)
    assert stand.route["spec"]["rules"][0]["matches"] == rules[0]["matches"]
    # Of two rules for one path the first is in force: it is as ours is.
    assert stand.places == [(f"{stand.name}-v1-predictor", WHOLE - 1), (stand.places[1][0], 1)]
    stand.split(v1=50, v2=50)
    assert stand.traffic.weights(stand.name) == {"1": 50, "2": 50}


def test_what_the_gateway_refuses_is_told_at_once_and_what_no_proxy_shows_in_time(
    stand: Stand,
) -> None:
    with pytest.raises(PlatformError, match="has no proxy that is ready"):
        stand.traffic.wait_in_force(stand.name, {"1": 100}, timeout=0.3)
    with pytest.raises(PlatformError, match=r"\{'1': 100\} was asked for"):
        stand.traffic.wait_in_force(stand.name, {"2": 100}, timeout=0.3)
    condition = {
        "type": "Accepted",
        "status": "False",
        "reason": "NoMatchingParent",
        "message": "no such listener",
        "observedGeneration": stand.route["metadata"]["generation"],
        "lastTransitionTime": "2026-11-27T00:00:00Z",
    }
    by = {"name": GATEWAY.name, "namespace": GATEWAY.namespace}
    parent = {"parentRef": by, "controllerName": "a/b", "conditions": [condition]}
    path = f"{HTTP_ROUTE.path(stand.namespace, stand.name)}/status"
    status = {"status": {"parents": [parent]}}
    stand.api._ask("PATCH", path, content=status, media="application/merge-patch+json")
    with pytest.raises(PlatformError, match="no such listener"):
        stand.traffic.wait_in_force(stand.name, {"1": 100}, timeout=30)


def test_a_route_that_is_never_free_is_told(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Conflict("changed")

    monkeypatch.setattr(Api, "merge", refuse)
    with pytest.raises(PlatformError, match="changed by somebody else all the time"):
        stand.split(v1=100)
