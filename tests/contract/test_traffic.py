"""The split of an endpoint's requests between versions."""

from collections import Counter

import pytest

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform import RouteLimits, Traffic
from tests.support.rigs import IN_FORCE_S, LIMITS, Rig


@pytest.fixture
def traffic(rig: Rig) -> Traffic:
    return rig.platform.traffic


def answers(rig: Rig, endpoint: Endpoint, requests: int) -> Counter[str | None]:
    return Counter(rig.ask(endpoint.name).version for _ in range(requests))


def statuses(rig: Rig, endpoint: Endpoint, requests: int) -> Counter[int]:
    return Counter(rig.ask(endpoint.name).status for _ in range(requests))


def test_an_endpoint_begins_without_a_route(rig: Rig, traffic: Traffic, fresh: Endpoint) -> None:
    assert traffic.weights(fresh.name) == {}
    assert traffic.wait_in_force(fresh.name, {}, timeout=1) >= 0
    assert rig.ask(fresh.name).status == 404


def test_a_split_is_in_force_at_every_proxy_when_the_wait_ends(
    rig: Rig, traffic: Traffic, routed: Endpoint
) -> None:
    for weights in ({"1": 90, "2": 10}, {"1": 50, "2": 50}, {"2": 100}, {"1": 100}):
        traffic.set_weights(routed.name, weights)
        assert traffic.weights(routed.name) == weights
        assert 0 <= traffic.wait_in_force(routed.name, weights, timeout=10) < 10
        assert {tuple(sorted(shown.items())) for shown in rig.in_force(routed.name)} == {
            tuple(sorted(weights.items()))
        }


def test_users_are_split_as_the_weights_say(rig: Rig, routed: Endpoint) -> None:
    rig.split(routed.name, {"1": 80, "2": 20})
    found = answers(rig, routed, 400)
    assert found["1"] + found["2"] == 400
    assert 40 < found["2"] < 120, "0.2 of 400, give or take 5 standard deviations"


def test_calls_by_grpc_are_split_and_moved_as_all_others(rig: Rig, routed: Endpoint) -> None:
    rig.split(routed.name, {"1": 50, "2": 50})
    found = [rig.call(routed.name) for _ in range(60)]
    assert {answer.status for answer in found} == {200}
    assert 10 < Counter(answer.version for answer in found)["2"] < 50
    rig.split(routed.name, {"2": 100})
    assert {rig.call(routed.name).version for _ in range(10)} == {"2"}
    rig.split(routed.name, {})
    assert rig.call(routed.name).status != 200


def test_the_same_split_may_be_asked_for_again(traffic: Traffic, routed: Endpoint) -> None:
    for _ in range(2):
        traffic.set_weights(routed.name, {"1": 70, "2": 30})
        traffic.wait_in_force(routed.name, {"1": 70, "2": 30}, IN_FORCE_S)
    assert traffic.weights(routed.name) == {"1": 70, "2": 30}


def test_a_version_may_be_present_with_nothing(
    rig: Rig, traffic: Traffic, routed: Endpoint
) -> None:
    rig.split(routed.name, {"1": 100, "2": 0})
    assert traffic.weights(routed.name) == {"1": 100, "2": 0}
    assert answers(rig, routed, 100) == {"1": 100}


def test_counters_of_a_version_that_gets_nothing_any_more_stand(rig: Rig, routed: Endpoint) -> None:
    def requests() -> float:
        read = rig.platform.metrics.sample(routed.name, ["2"], max_age=30).versions["2"]
        return sum(found.requests for found in read.values() if found)

    def counted() -> bool:
        return requests() == rig.answered[routed.name, "2"] > 0

    rig.split(routed.name, {"1": 50, "2": 50})
    answers(rig, routed, 40)
    rig.wait(counted, "the counters", 30)
    rig.split(routed.name, {"1": 100, "2": 0})
    answers(rig, routed, 10)
    rig.platform.clock.sleep(3)
    assert counted()
    rig.split(routed.name, {"1": 50, "2": 50})
    answers(rig, routed, 40)
    rig.wait(counted, "the counters", 30)


@pytest.mark.parametrize(
    "weights", [{"1": 90}, {"1": 90, "2": 20}, {"1": 110, "2": -10}, {"1": 0, "2": 0}]
)
def test_what_is_no_split_changes_nothing(
    rig: Rig, traffic: Traffic, routed: Endpoint, weights: dict[str, int]
) -> None:
    with pytest.raises(PlatformError):
        traffic.set_weights(routed.name, weights, LIMITS)
    assert traffic.weights(routed.name) == {"1": 100}
    assert rig.in_force(routed.name)[0] == {"1": 100}


def test_a_version_without_a_predictor_gets_no_share(
    traffic: Traffic, routed: Endpoint, fresh: Endpoint
) -> None:
    for endpoint, weights in ((routed, {"1": 90, "9": 10}), (fresh, {"1": 100})):
        with pytest.raises(PlatformError, match="not served"):
            traffic.set_weights(endpoint.name, weights, LIMITS)
    assert traffic.weights(routed.name) == {"1": 100}
    assert traffic.weights(fresh.name) == {}


def test_a_new_route_needs_limits(rig: Rig, traffic: Traffic, routed: Endpoint) -> None:
    rig.split(routed.name, {})
    with pytest.raises(PlatformError, match="limits"):
        traffic.set_weights(routed.name, {"1": 100})
    assert traffic.weights(routed.name) == {}


def test_a_split_of_an_endpoint_like_any_other_holds(
    traffic: Traffic, routed: Endpoint, fresh: Endpoint
) -> None:
    for endpoint in (routed, fresh):
        assert traffic.unfit(endpoint.name) == ""
        traffic.refuse_unsplittable(endpoint.name)


def test_limits_hold_until_others_are_given(rig: Rig, traffic: Traffic, routed: Endpoint) -> None:
    def refused() -> int:
        rig.platform.clock.sleep(1.5)
        return statuses(rig, routed, 30)[429]

    few = RouteLimits(requests_per_second=3, timeout_s=10)
    traffic.set_weights(routed.name, {"1": 100}, few)
    traffic.wait_in_force(routed.name, {"1": 100}, IN_FORCE_S)
    assert refused() > 0
    traffic.set_weights(routed.name, {"1": 90, "2": 10})
    traffic.wait_in_force(routed.name, {"1": 90, "2": 10}, IN_FORCE_S)
    assert refused() > 0
    rig.split(routed.name, {"1": 100})
    assert refused() == 0


def test_limits_are_each_client_s_own(rig: Rig, traffic: Traffic, routed: Endpoint) -> None:
    other = rig.name("client")
    rig.platform.gateway.add(other)
    key = rig.platform.gateway.key(other)
    rig.wait(lambda: rig.ask(routed.name, key).status == 200, "the new key", 30)
    few = RouteLimits(requests_per_second=3, timeout_s=10)
    traffic.set_weights(routed.name, {"1": 100}, few)
    traffic.wait_in_force(routed.name, {"1": 100}, IN_FORCE_S)
    rig.platform.clock.sleep(1.5)
    assert statuses(rig, routed, 30)[429] > 0
    assert rig.ask(routed.name, key).status == 200


def test_an_empty_split_removes_the_route(rig: Rig, traffic: Traffic, routed: Endpoint) -> None:
    for _ in range(2):
        traffic.set_weights(routed.name, {})
        assert traffic.wait_in_force(routed.name, {}, IN_FORCE_S) >= 0
        assert traffic.weights(routed.name) == {}
        assert rig.ask(routed.name).status == 404


def test_a_split_that_nobody_asked_for_does_not_come(traffic: Traffic, routed: Endpoint) -> None:
    for weights in ({"1": 99, "2": 1}, {}):
        with pytest.raises(PlatformError, match=routed.name):
            traffic.wait_in_force(routed.name, weights, timeout=0.3)


def test_splits_of_two_endpoints_know_nothing_of_each_other(
    rig: Rig, traffic: Traffic, routed: Endpoint, fresh: Endpoint
) -> None:
    traffic.set_weights(fresh.name, {})
    assert traffic.weights(routed.name) == {"1": 100}
    assert rig.ask(routed.name).version == "1"
