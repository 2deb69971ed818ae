"""What others have added to a route stays, whatever we write (`cluster.foreign`)."""

import copy

import pytest

from cluster import routes
from cluster.kinds import Object
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import fill
from components.errors import InputError, PlatformError
from components.platform import Mirror, RouteLimits

TO = Gateway(url="https://models.example")
LIMITS = RouteLimits(50, 30.0)
RULE = {
    "matches": [{"headers": [{"type": "Exact", "name": "x-beta", "value": "yes"}]}],
    "backendRefs": [{"name": "beta", "port": 80, "weight": 1}],
}
HEADER: Object = {
    "type": "RequestHeaderModifier",
    "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]},
}
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}
THIRD = {"group": "", "kind": "Service", "name": "third", "port": 80, "weight": 70_000}


def route(mirror: Mirror | None = None, **weights: int) -> Route:
    arms = {arm.removeprefix("v"): share for arm, share in weights.items()}
    return Route("demo", fill(fill((), {"1": 100}), arms), LIMITS, 3, mirror)


def stored(of: Route) -> Object:
    made = routes.route_object(of, TO, {})
    made["metadata"]["resourceVersion"] = "1"
    return made


def written(of: Route, found: Object) -> list[Object]:
    """The rules as they are after that write to what was found."""
    rules: list[Object] = routes.route_patch(of, {}, found)["spec"]["rules"]
    return rules


def with_others(of: Route) -> Object:
    """The route, to which others have added a rule, filters, a backend and a field."""
    found = stored(of)
    users = found["spec"]["rules"][0]
    ours = users.get("filters", [])
    mark = [each for part in ours for each in part.get("requestHeaderModifier", {}).get("set", [])]
    theirs = copy.deepcopy(HEADER)
    theirs["requestHeaderModifier"]["set"] += mark
    copied = [part for part in ours if part["type"] == "RequestMirror"]
    users["filters"] = [MIRROR, theirs, *copied]
    users["backendRefs"].append(THIRD)
    users["retry"] = {"attempts": 2}
    found["spec"]["rules"] = [RULE, *found["spec"]["rules"]]
    return found


@pytest.mark.parametrize(
    "before", [route(v1=100), route(v1=90, v2=10), route(Mirror("2", 20), v1=100)]
)
@pytest.mark.parametrize(
    "after", [route(v1=50, v2=50), route(v2=100), route(Mirror("2", 5), v1=100)]
)
def test_only_our_weights_and_our_mirror_change(before: Route, after: Route) -> None:
    found = with_others(before)
    assert routes.read(found) == before
    rules = written(after, found)
    assert rules[0] == RULE
    users = rules[1]
    assert users["retry"] == {"attempts": 2}
    kinds = [each["type"] for each in users["filters"]]
    assert kinds.count("RequestHeaderModifier") == 1, "the API takes one in a rule"
    assert kinds.count("RequestMirror") == 1 + bool(after.mirror)
    assert MIRROR in users["filters"]
    headers = [
        header
        for each in users["filters"]
        for header in each.get("requestHeaderModifier", {}).get("set", [])
    ]
    assert headers[0] == {"name": "a", "value": "b"}
    assert len(headers) == 1 + bool(after.mirror)
    assert users["backendRefs"].count(THIRD) == 1
    changed = copy.deepcopy(found)
    changed["spec"]["rules"] = rules
    assert routes.read(changed) == after


def test_a_backend_of_others_may_be_a_version_s_own_service() -> None:
    found = stored(route(v1=90, v2=10))
    theirs = THIRD | {"name": "demo-v1-predictor", "weight": 1}
    found["spec"]["rules"][0]["backendRefs"].append(theirs)
    assert routes.read(found) == route(v1=90, v2=10)
    for after in (route(v1=50, v2=50), route(v1=100)):
        assert theirs in written(after, found)[0]["backendRefs"]
    places = routes.without_ours("demo", found)[0]["backendRefs"]
    assert places == [theirs]


def test_no_place_moves_when_a_version_comes_after_somebody_else_s_backend() -> None:
    users = written(route(v1=90, v2=10), with_others(route(v1=100)))[1]
    assert [ref["name"] for ref in users["backendRefs"]] == [
        "demo-v1-predictor",
        "third",
        "demo-v2-predictor",
    ]


def test_a_rule_of_ours_that_somebody_took_out_comes_again_and_no_other_is_touched() -> None:
    found = with_others(route(v1=100))
    gone = found["spec"]["rules"].pop()
    assert written(route(v1=100), found)[-1]["matches"] == gone["matches"]


def test_the_rule_that_stands_for_none_is_no_one_s() -> None:
    nothing = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}
    kept: Object = {"metadata": {"name": "demo", "resourceVersion": "1"}}
    kept["spec"] = {"rules": [nothing, RULE]}
    rules = written(route(v1=100), kept)
    assert rules[0] == RULE
    assert len(rules) == 6


def test_a_route_without_our_users_rule_is_told() -> None:
    found = with_others(route(v1=100))
    del found["spec"]["rules"][1]
    with pytest.raises(InputError, match="kubectl delete httproute"):
        routes.read(found)


def test_a_route_that_keeps_users_with_a_version_is_refused_and_one_of_others_is_not() -> None:
    found = with_others(route(v1=100))
    routes.refuse_sticky("demo", found)
    found["spec"]["rules"][0] = RULE | {"sessionPersistence": {}}
    routes.refuse_sticky("demo", found)
    found["spec"]["rules"][4]["sessionPersistence"] = {"sessionName": "a"}
    with pytest.raises(PlatformError, match=r"sessionPersistence: whoever .* take it out"):
        routes.refuse_sticky("demo", found)
