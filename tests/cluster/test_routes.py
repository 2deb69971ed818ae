"""A route as an object, and read back."""

import copy
import re
from dataclasses import replace

import pytest

from cluster import attachment, matches, pins, routes
from cluster.kinds import Object
from cluster.limits import limits_object
from cluster.places import ARM_HEADER
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import Slot, fill
from components import gateway
from components.errors import InputError
from components.platform import Mirror, RouteLimits

TO = Gateway(url="https://models.example", listener="https")
LIMITS = RouteLimits(requests_per_second=50, timeout_s=30.5)


def route(endpoint: str = "demo", **weights: int) -> Route:
    arms = {arm.removeprefix("v").replace("_", "-"): share for arm, share in weights.items()}
    return Route(endpoint, fill((), arms or {"7": 90, "8": 10}), LIMITS, write=3)


def rules(made: Object) -> list[Object]:
    found: list[Object] = made["spec"]["rules"]
    return found


def filters(ref: Object) -> dict[str, str]:
    """The headers that the filters of a place set."""
    settings = [each[key] for each in ref["filters"] for key in each if key != "type"]
    return {header["name"]: header["value"] for each in settings for header in each["set"]}


@pytest.mark.parametrize(
    "given",
    [
        *(route(), route(v1=100), route(v1=40, v1_baseline=30, v2=30), route(v1=100, v2=0)),
        replace(route(v1=100), mirror=Mirror("2", 20)),
        replace(route(v1=100), mirror=Mirror("Größe 2/b", 100)),
    ],
)
def test_what_is_read_is_what_was_written(given: Route) -> None:
    assert routes.read(routes.route_object(given, TO, {})) == given
    made = routes.route_object(given, TO, {})
    made["metadata"]["resourceVersion"] = "17"
    patch = routes.route_patch(given, {"a": None}, made)
    assert patch["metadata"]["resourceVersion"] == "17"
    assert patch["spec"].keys() == {"rules"}, "parents and hosts may be somebody else's"


@pytest.mark.parametrize("seconds", [0.001, 0.25, 1.5, 61.0, 3600.0, 3723.5, 86_400.0])
def test_a_duration_is_one_of_the_gateway_api(seconds: float) -> None:
    given = Route("demo", (Slot("1", 1_000_000),), RouteLimits(1, seconds))
    assert routes.read(routes.route_object(given, TO, {})).limits.timeout_s == seconds


def test_each_place_is_counted_by_its_arm_and_answers_by_its_version() -> None:
    users, aside, _, grpc, grpc_aside = rules(
        routes.route_object(route(v1=60, v1_baseline=40), TO, {})
    )
    for rule, kind, port in ((users, "", 80), (grpc, "-grpc", 8081)):
        found = [filters(ref) for ref in rule["backendRefs"]]
        assert [each[ARM_HEADER] for each in found] == [
            f"demo-v1{kind}",
            f"demo-v1-baseline{kind}",
        ]
        assert ['"1"' in each[gateway.VERSION_HEADER] for each in found] == [True, True]
        assert [(ref["name"], ref["port"]) for ref in rule["backendRefs"]] == [
            ("demo-v1-predictor", port),
            ("demo-v1-baseline-predictor", port),
        ]
    for ref in (*aside["backendRefs"], *grpc_aside["backendRefs"]):
        assert filters(ref)[ARM_HEADER].endswith("-aside")


def test_rest_and_grpc_move_in_one_write() -> None:
    users, aside, _, grpc, grpc_aside = rules(routes.route_object(route(v1=90, v2=10), TO, {}))
    for rule in (users, aside, grpc, grpc_aside):
        assert [ref["weight"] for ref in rule["backendRefs"]] == [900_000, 100_000]
    (called,) = grpc["matches"]
    assert re.fullmatch(called["path"]["value"], "/inference.GRPCInferenceService/ModelInfer")
    assert called["headers"] == [matches.header(gateway.ENDPOINT_HEADER, "demo")]


def test_users_requests_alone_are_copied_and_the_version_that_is_asked_them_can_tell() -> None:
    mirrored = replace(route(v1=100), mirror=Mirror("2", 20))
    users, aside, probe, grpc, grpc_aside = rules(routes.route_object(mirrored, TO, {}))
    for rule, port in ((users, 80), (grpc, 8081)):
        copied, marked = rule["filters"]
        assert copied["requestMirror"]["percent"] == 20
        to = copied["requestMirror"]["backendRef"]
        assert (to["name"], to["port"]) == ("demo-v2-predictor", port)
        (header,) = marked["requestHeaderModifier"]["set"]
        assert header == {"name": gateway.SHADOW_HEADER, "value": "2"}
        assert [ref["name"] for ref in rule["backendRefs"]] == ["demo-v1-predictor"]
    assert "filters" not in aside
    assert "filters" not in grpc_aside
    assert [each["type"] for each in probe["filters"]] == ["RequestRedirect"]


def test_a_name_that_is_no_header_s_value_is_read_back() -> None:
    odd = Route("demo", (Slot("Größe 2/b", 1_000_000),), LIMITS)
    assert routes.read(routes.route_object(odd, TO, {})) == odd


def test_only_inference_requests_are_counted() -> None:
    users, aside, probe, *_ = rules(routes.route_object(route(), TO, {}))
    (inferred,), (asked,) = users["matches"], aside["matches"]
    assert inferred["method"] == "POST"
    for path in ("/v2/models/demo/infer", "/v1/models/demo:predict"):
        assert re.fullmatch(inferred["path"]["value"], path)
        assert not re.fullmatch(asked["path"]["value"], path)
    assert re.fullmatch(asked["path"]["value"], "/v2/models/demo/ready")
    assert "backendRefs" not in probe


def test_the_probe_tells_the_write() -> None:
    (filter_,) = rules(routes.route_object(route(), TO, {}))[2]["filters"]
    assert filter_["requestRedirect"]["path"]["replaceFullPath"].endswith("/3")
    assert routes.follows(route(), route()).write == 4
    assert routes.follows(None, route()).write == 1


def test_marks_are_labels_and_what_is_none_is_no_label_of_a_new_route() -> None:
    made = routes.route_object(route(), TO, {"phase": "Idle", "candidate": None})
    assert made["metadata"]["labels"]["phase"] == "Idle"
    assert "candidate" not in made["metadata"]["labels"]
    made["metadata"]["resourceVersion"] = "1"
    patch = routes.route_patch(route(), {"candidate": None}, made)
    assert patch["metadata"]["labels"]["candidate"] is None


@pytest.mark.parametrize(
    ("named", "host"),
    [([], "sluice"), (["models.example", "b"], "models.example"), (["*.x"], "sluice.x")],
)
def test_a_proxy_is_asked_for_a_host_that_the_route_is_for(named: list[str], host: str) -> None:
    assert attachment.host({"spec": {"hostnames": named}}) == host
    assert attachment.host(None) == "sluice"


def test_a_route_that_is_only_kept_in_git_has_nothing_of_ours() -> None:
    assert not routes.is_written({"metadata": {"name": "demo"}, "spec": {}})


@pytest.mark.parametrize("part", ["backendRefs", "timeouts"])
def test_a_route_that_somebody_rewrote_is_named(part: str) -> None:
    made = copy.deepcopy(routes.route_object(route(), TO, {}))
    del made["spec"]["rules"][0][part]
    with pytest.raises(InputError, match="HTTPRoute demo"):
        routes.read(made)


def test_limits_hold_for_pins_as_well() -> None:
    (chosen,) = limits_object(route())["spec"]["targetSelectors"]
    for made in (
        routes.route_object(route(), TO, {}),
        pins.pins_object("demo", ["7"], LIMITS, pins.OPEN, TO),
    ):
        assert chosen["matchLabels"].items() <= made["metadata"]["labels"].items()
