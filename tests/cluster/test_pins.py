"""Who may name the version that answers."""

import re

from cluster import pins
from cluster.keys import Clients
from cluster.settings import Gateway
from components import gateway
from components.platform import RouteLimits

TO = Gateway(url="https://models.example")
LIMITS = RouteLimits(50, 30.0)


def test_each_version_is_named_by_header_and_path_and_a_baseline_never() -> None:
    made = pins.pins_object("demo", ["1", "1-baseline", "2"], LIMITS, pins.OPEN, TO)
    *named, unknown = made["spec"]["rules"]
    assert [(rule["backendRefs"][0]["name"], rule["backendRefs"][0]["port"]) for rule in named] == [
        ("demo-v1-predictor", 80),
        ("demo-v1-predictor", 8081),
        ("demo-v2-predictor", 80),
        ("demo-v2-predictor", 8081),
    ]
    for rule, version in zip(named, "1122", strict=True):
        headers = [header for match in rule["matches"] for header in match.get("headers", [])]
        pinned = [each["value"] for each in headers if each["name"] == gateway.VERSION_HEADER]
        assert set(pinned) == {version}
    for rule, version in zip(named[::2], "12", strict=True):
        paths = [m["path"]["value"] for m in rule["matches"] if "headers" not in m]
        assert f"/v2/models/demo/versions/{version}/infer" in paths
    assert "backendRefs" not in unknown
    for match in unknown["matches"][:-1]:
        pattern = match["headers"][-1]["value"]
        assert re.fullmatch(pattern, "99")
        assert re.fullmatch(pattern, "")


def test_of_many_versions_the_newest_have_pins() -> None:
    served = [str(number) for number in range(1, 13)]
    rules = pins.pins_object("demo", served, LIMITS, pins.OPEN, TO)["spec"]["rules"]
    assert len(rules) <= 16
    assert "demo-v12-predictor" in {rule["backendRefs"][0]["name"] for rule in rules[:-1]}


def test_what_is_pinned_passes_for_no_user_s_request() -> None:
    made = pins.pins_object("demo", ["1"], LIMITS, pins.OPEN, TO)
    (ref,) = made["spec"]["rules"][0]["backendRefs"]
    name = ref["filters"][0]["requestHeaderModifier"]["set"][0]["value"]
    assert not gateway.is_users_rest(name)


def test_operators_may_pin_unless_versions_are_compared() -> None:
    assert pins.may({"1": 100, "2": 0}) == pins.OPEN
    assert pins.may({"1": 90, "2": 10}) == pins.CLOSED


def test_policies_choose_routes_by_their_labels_and_name_no_key() -> None:
    known = Clients({"sluice": "a", "shop": "b", "ada": "c"}, {"ada": "operator"})
    users, opened, closed = pins.policies(known)
    assert "authorization" not in users["spec"]

    def allowed(policy: dict[str, object]) -> list[str]:
        (rule,) = policy["spec"]["authorization"]["rules"]  # type: ignore[index]
        found: list[str] = rule["principal"]["headers"][0]["values"]
        return found

    assert allowed(opened) == ["sluice", "ada"]
    assert allowed(closed) == ["sluice"]
    for who, policy in ((pins.OPEN, opened), (pins.CLOSED, closed)):
        route = pins.pins_object("demo", ["1"], LIMITS, who, TO)
        (selector,) = policy["spec"]["targetSelectors"]
        assert selector["matchLabels"].items() <= route["metadata"]["labels"].items()
