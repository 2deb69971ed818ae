"""What other people make of an endpoint's route, and that the way back is written all the same."""

import copy
from collections.abc import Callable

import pytest

from cluster import attachment, places, routes
from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE, Object
from cluster.matches import PROBE_HEADER
from cluster.names import annotation
from cluster.pins import name as pins_of
from cluster.proxies import Proxies
from cluster.settings import Gateway
from cluster.traffic import RoutedTraffic
from components.errors import SluiceError
from components.platform import Mirror, RouteLimits
from components.release.restoring import stands
from tests.support.objects import NAMESPACE, Objects

NAME = "fraud"
TO = Gateway(url="https://models.example")
LIMITS = RouteLimits(50, 30.0, 700)
SHOP: Object = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/shop"}}],
    "backendRefs": [{"name": "shop", "port": 80}],
}
EXTRA = {"path": {"type": "Exact", "value": "/fraud"}}

Change = Callable[[Object], None]


def traffic_of(found: Objects) -> RoutedTraffic:
    api = found.way
    return RoutedTraffic(
        api,
        NAMESPACE,
        TO,
        Proxies(api, TO, lambda: "key"),
        lambda _: ["1", "2"],
        lambda _: None,
        enters=0,
    )


def canary() -> tuple[Objects, RoutedTraffic]:
    """An endpoint in whose canary version 2 has a tenth."""
    found = Objects()
    traffic = traffic_of(found)
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    traffic.set_weights(NAME, {"1": 90, "2": 10})
    return found, traffic


def _users(route: Object) -> Object:
    return next(each for each in route["spec"]["rules"] if each.get("backendRefs"))


def a_match_is_added(route: Object) -> None:
    _users(route)["matches"].append(EXTRA)


def a_match_is_changed(route: Object) -> None:
    _users(route)["matches"][0]["headers"] = [
        {"type": "Exact", "name": "x-beta", "value": "yes"},
    ]


def all_rules_are_replaced(route: Object) -> None:
    route["spec"]["rules"] = [copy.deepcopy(SHOP)]


def no_rule_is_left(route: Object) -> None:
    route["spec"]["rules"] = []


def filters_are_taken(route: Object) -> None:
    for ref in _users(route)["backendRefs"]:
        del ref["filters"]


def a_place_s_filters_are_taken(route: Object) -> None:
    del _users(route)["backendRefs"][1]["filters"]


def no_timeout_is_left(route: Object) -> None:
    for rule in route["spec"]["rules"]:
        rule.pop("timeouts", None)


def the_probe_is_taken(route: Object) -> None:
    rules = route["spec"]["rules"]
    route["spec"]["rules"] = [each for each in rules if each.get("backendRefs")]


def the_limit_is_not_said(route: Object) -> None:
    del route["metadata"]["annotations"][annotation("requests-per-second")]


def the_limit_is_nonsense(route: Object) -> None:
    route["metadata"]["annotations"][annotation("requests-per-second")] = "many"


def the_limit_is_none(route: Object) -> None:
    route["metadata"]["annotations"][annotation("requests-per-second")] = "0"


def no_timeout_is_wanted(route: Object) -> None:
    for rule in route["spec"]["rules"]:
        rule["timeouts"] = {"request": "0s"}


def a_path_is_rewritten(route: Object) -> None:
    to = {"type": "ReplaceFullPath", "replaceFullPath": "/predict"}
    rewrite = {"type": "URLRewrite", "urlRewrite": {"path": to}}
    _users(route)["backendRefs"][1]["filters"].append(rewrite)


def nothing_is_said(route: Object) -> None:
    route["metadata"]["annotations"] = {}


def another_endpoint_is_said(route: Object) -> None:
    route["metadata"]["annotations"][annotation("endpoint")] = "shop"


def the_object_is_replaced(route: Object) -> None:
    route["metadata"] |= {"labels": {"team": "shop"}, "annotations": {}}
    all_rules_are_replaced(route)


CHANGES: list[Change] = [
    a_match_is_added,
    a_match_is_changed,
    all_rules_are_replaced,
    no_rule_is_left,
    filters_are_taken,
    a_place_s_filters_are_taken,
    no_timeout_is_left,
    the_probe_is_taken,
    the_limit_is_not_said,
    the_limit_is_nonsense,
    the_limit_is_none,
    no_timeout_is_wanted,
    nothing_is_said,
    another_endpoint_is_said,
    the_object_is_replaced,
]


def changed(found: Objects, change: Change) -> Object:
    route: Object = found.get(HTTP_ROUTE, NAME)
    change(route)
    found.put(HTTP_ROUTE, route)
    return route


def shares(route: Object) -> list[dict[str, int]]:
    """What each rule gives the versions, by the Services."""
    return [
        {
            ref["name"]: ref["weight"]
            for ref in rule["backendRefs"]
            if ref["name"].startswith(f"{NAME}-v") and ref["weight"] > 1
        }
        for rule in route["spec"]["rules"]
        if rule.get("backendRefs") and rule != SHOP
    ]


@pytest.mark.parametrize("limits", [None, LIMITS])
@pytest.mark.parametrize("change", CHANGES)
def test_the_way_back_is_written_whatever_became_of_the_route(
    change: Change, limits: RouteLimits | None
) -> None:
    found, traffic = canary()
    theirs = changed(found, change)["spec"]["rules"]
    before = traffic.weights(NAME)
    assert before in ({"1": 90, "2": 10}, {})
    with pytest.raises(SluiceError) as refused:
        traffic.refuse_unsplittable(NAME)
    assert "\n" not in str(refused.value)
    with pytest.raises(SluiceError):
        traffic.set_weights(NAME, {"1": 50, "2": 50}, LIMITS)
    with pytest.raises(SluiceError):
        traffic.set_mirror(NAME, Mirror("2", 10))
    traffic.set_weights(NAME, {"1": 100}, limits)
    route = found.get(HTTP_ROUTE, NAME)
    assert traffic.weights(NAME)["1"] == 100
    assert traffic.weights(NAME).get("2", 0) == 0
    for each in shares(route):
        assert list(each) in ([f"{NAME}-v1-predictor"], [])
    assert [each for each in theirs if each == SHOP] == [
        each for each in route["spec"]["rules"] if each == SHOP
    ]
    if change is a_match_is_added:
        assert any(EXTRA in each["matches"] for each in route["spec"]["rules"])
    # It is a route as any other from then on.
    traffic.refuse_unsplittable(NAME)
    assert routes.read(route).endpoint == NAME
    traffic.set_weights(NAME, {"1": 50, "2": 50}, LIMITS)
    assert traffic.weights(NAME) == {"1": 50, "2": 50}


@pytest.mark.parametrize("split", [{"1": 90, "2": 10}, {"1": 100, "2": 0}])
@pytest.mark.parametrize("change", CHANGES)
def test_what_stands_so_that_nothing_is_to_be_written_gives_the_champion_all(
    change: Change, split: dict[str, int]
) -> None:
    found, traffic = canary()
    traffic.set_weights(NAME, split)
    route = changed(found, change)
    if stands(traffic, NAME, {"1": 100, "2": 0}):
        assert split["1"] == 100
        assert {arm for each in shares(route) for arm in each} == {f"{NAME}-v1-predictor"}
        assert any(PROBE_HEADER in str(rule["matches"]) for rule in route["spec"]["rules"])
    else:
        assert traffic.weights(NAME) in ({}, {"1": 90, "2": 10})


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_written_then_is_a_number_that_no_proxy_has_shown(change: Change) -> None:
    found, traffic = canary()
    shown = routes.read(found.get(HTTP_ROUTE, NAME)).write
    changed(found, change)
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert routes.read(found.get(HTTP_ROUTE, NAME)).write > shown


def test_a_path_that_somebody_rewrites_for_a_version_is_written_over() -> None:
    found, traffic = canary()
    before = routes.read(found.get(HTTP_ROUTE, NAME))
    assert routes.read(changed(found, a_path_is_rewritten)) == before
    traffic.set_weights(NAME, {"1": 80, "2": 20}, LIMITS)
    assert "ReplaceFullPath" not in str(_users(found.get(HTTP_ROUTE, NAME)))


def test_limits_are_kept_as_far_as_they_are_said() -> None:
    found, traffic = canary()
    changed(found, the_limit_is_not_said)
    traffic.set_weights(NAME, {"1": 100})
    limits = routes.read(found.get(HTTP_ROUTE, NAME)).limits
    assert (limits.timeout_s, limits.at_once) == (30.0, 700)
    policy = found.get(BACKEND_TRAFFIC_POLICY, NAME)
    (rule,) = policy["spec"]["rateLimit"]["local"]["rules"]
    assert rule["limit"]["requests"] == 50, "the policy itself is not touched"


def test_a_deleted_route_is_made_anew_while_its_pins_say_that_it_was_there() -> None:
    found, traffic = canary()
    found.way.delete(HTTP_ROUTE, NAMESPACE, NAME)
    assert traffic.weights(NAME) == {}
    traffic.set_weights(NAME, {"1": 100})
    assert traffic.weights(NAME) == {"1": 100}
    assert found.get(HTTP_ROUTE, pins_of(NAME))


def test_a_route_that_was_taken_off_the_gateway_is_attached_again() -> None:
    found, traffic = canary()

    def elsewhere(route: Object) -> None:
        route["spec"]["parentRefs"] = [{"name": "theirs", "namespace": "shop"}]

    changed(found, elsewhere)
    traffic.set_weights(NAME, {"1": 100})
    parents = found.get(HTTP_ROUTE, NAME)["spec"]["parentRefs"]
    assert parents == [{"name": "theirs", "namespace": "shop"}, *attachment.parents(TO)]


def test_a_copy_of_a_rule_gives_no_version_more_than_the_rule_itself() -> None:
    """Somebody wanted the model at another path, and copied the rule with its filters."""
    found, traffic = canary()

    def copied(route: Object) -> None:
        rule = copy.deepcopy(_users(route)) | {"matches": [EXTRA]}
        route["spec"]["rules"].insert(0, rule)

    changed(found, copied)
    traffic.refuse_unsplittable(NAME)
    traffic.set_weights(NAME, {"2": 100})
    rules = found.get(HTTP_ROUTE, NAME)["spec"]["rules"]
    assert rules[0]["matches"] == [EXTRA]
    assert [
        places.of_arm(NAME, each) for each in rules[0]["backendRefs"] if each["weight"] > 1
    ] == [("2", "users")]
