"""What the gateway refuses by itself, as too much is under way: told as such, counted as failed."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from components.platform import AT_ONCE, RouteLimits
from local.servers import envoy_server
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]


def test_more_than_may_be_under_way_is_refused_counted_and_told(stand_for: StandFor) -> None:
    stand = stand_for("breaker")
    name, split = stand.endpoint.name, {"1": 100}
    stand.platform.traffic.set_weights(name, split, RouteLimits(100_000, 7.0, at_once=4))
    stand.platform.traffic.wait_in_force(name, split, timeout=5.0)
    stand.client.post(stand.path)
    url, slow = str(stand.client.base_url) + stand.path, {"x-test-sleep": "1"}

    def ask(_: int) -> int:
        headers = {**stand.client.headers, **slow}
        return httpx.post(url, headers=headers, timeout=10, trust_env=False).status_code

    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(ask, range(40)))
    refused = statuses.count(503)
    assert refused > 0
    assert statuses.count(200) == 40 - refused >= 4

    def told() -> bool:
        read = stand.platform.metrics.sample(name, ["1", "2"], max_age=10)
        found = [each for each in read.versions["1"].values() if each]
        assert read.overflowed["2"] == 0
        errors = sum(each.errors for each in found)
        return read.overflowed["1"] == errors == refused

    wait_until(told)


def test_a_limit_is_kept_with_the_split_until_another_is_given(stand_for: StandFor) -> None:
    stand = stand_for("kept-limit")

    def limits() -> set[tuple[int, int, int]]:
        return {
            (each["max_connections"], each["max_pending_requests"], each["max_requests"])
            for cluster in users_clusters(stand)
            for each in cluster["circuit_breakers"]["thresholds"]
        }

    traffic, name = stand.platform.traffic, stand.endpoint.name
    traffic.set_weights(name, {"1": 100}, RouteLimits(100, 7.0, at_once=9))
    traffic.set_weights(name, {"1": 50, "2": 50})
    assert limits() == {(9, 9, 18)}
    traffic.set_weights(name, {"1": 100}, RouteLimits(100, 7.0))
    assert limits() == {(AT_ONCE, AT_ONCE, 2 * AT_ONCE)}


def users_clusters(stand: Stand) -> list[dict[str, Any]]:
    rendered = json.loads(envoy_server.clusters_file(stand.home).read_text())["resources"]
    mine = [each for each in rendered if each["name"].startswith(f"{stand.endpoint.name}-v")]
    return [each for each in mine if not each["name"].endswith("-aside")]
