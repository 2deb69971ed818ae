"""What a route holds clients and versions to is the endpoint's file's, from end to end."""

import pytest

from cluster import evidence, routes
from cluster.limits import limits, limits_object
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import Slot
from cluster.spelling import duration
from components import gateway
from components.durations import seconds
from components.platform import ANSWER_MARGIN_S, AT_ONCE, RouteLimits

TO = Gateway(url="https://models.example")


def route(held: RouteLimits) -> Route:
    return Route("demo", (Slot("1", 1_000_000),), held)


@pytest.mark.parametrize("at_once", [4, AT_ONCE, 20_000])
def test_the_proxies_have_as_much_under_way_as_a_laptop_s_gateway(at_once: int) -> None:
    held = RouteLimits(50, 30.0, at_once)
    made = limits_object(route(held))
    assert made["spec"]["circuitBreaker"] == {
        "maxConnections": at_once,
        "maxPendingRequests": at_once,
        "maxParallelRequests": 2 * at_once,
    }
    assert routes.read(routes.route_object(route(held), TO, {})).limits == held


def test_a_route_of_an_earlier_sluice_has_the_usual_limit() -> None:
    made = routes.route_object(route(RouteLimits(50, 30.0)), TO, {})
    made["metadata"]["annotations"].pop("sluice.release/at-once")
    assert routes.read(made).limits.at_once == AT_ONCE


@pytest.mark.parametrize("deadline", ["10ms", "15s", "40s", "5m", "10m"])
def test_the_deadline_holds_in_each_rule_and_no_timer_of_the_listener_is_shorter(
    deadline: str,
) -> None:
    """Envoy Gateway's own are 15 s a request, and an hour, or the route's, of silence."""
    timeout_s = seconds(deadline) + ANSWER_MARGIN_S
    made = routes.route_object(route(RouteLimits(50, timeout_s)), TO, {})
    asked = [rule for rule in made["spec"]["rules"] if "backendRefs" in rule]
    assert len(asked) == 4
    for rule in asked:
        assert rule["timeouts"] == {"request": duration(timeout_s)}
    assert routes.read(made).limits.timeout_s == timeout_s
    _, clients = evidence.policies(TO, "http")
    assert "timeout" not in clients["spec"]


def test_a_body_may_be_as_large_as_on_a_laptop() -> None:
    """Envoy Gateway's own filter takes 32 KiB."""
    assert limits(RouteLimits(50, 30.0))["requestBuffer"] == {"limit": str(gateway.MAX_BODY_BYTES)}
    _, clients = evidence.policies(TO, "http")
    assert "connection" not in clients["spec"], "nobody limits what is buffered to less"
