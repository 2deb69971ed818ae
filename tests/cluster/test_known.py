"""Versions that are new to the proxies: none has a share before every proxy knows its pods."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import pytest

from cluster import known, pins, routes
from cluster.kinds import BACKEND_TRAFFIC_POLICY, HTTP_ROUTE
from cluster.proxies import Proxies
from cluster.slots import WHOLE
from cluster.traffic import RoutedTraffic
from components.errors import PlatformError
from components.platform import Lease, Mirror, RouteLimits
from tests.cluster.test_changed import LIMITS, NAME, TO
from tests.support.objects import NAMESPACE, Objects
from tests.support.shown import Proxy, a_proxy

READY = f"/v2/models/{NAME}/ready"
LEASE = Lease(NAME, "fraud-v2", "step 1", 1.0, {"1": 100})


@dataclass(frozen=True)
class Stand:
    """An endpoint's objects, its traffic and the proxy that shows it."""

    found: Objects
    proxy: Proxy
    traffic: RoutedTraffic

    @property
    def places(self) -> list[tuple[str, int]]:
        split = routes.read(self.found.get(HTTP_ROUTE, NAME)).slots
        return [(slot.arm, slot.parts) for slot in split]

    @property
    def pinned(self) -> int:
        """How many rules the route of its pins has."""
        rules: list[object] = self.found.get(HTTP_ROUTE, pins.name(NAME))["spec"]["rules"]
        return len(rules)


@pytest.fixture
def stand() -> Iterator[Stand]:
    found = Objects()
    with a_proxy(found, NAME, TO) as proxy:
        proxies = Proxies(found.way, proxy.to, lambda: "key")
        served = ["1", "2", "3"]
        traffic = RoutedTraffic(
            found.way, NAMESPACE, proxy.to, proxies, lambda _: served, lambda _: None
        )
        yield Stand(found, proxy, traffic)


def test_a_new_route_is_written_when_every_proxy_knows_its_pods(stand: Stand) -> None:
    stand.proxy.knows = lambda _: len(stand.proxy.asked) > 20
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert len(stand.proxy.asked) > 20
    assert set(stand.proxy.asked) == {READY}


def test_a_place_that_no_version_has_had_is_known_before_it_has_a_share(stand: Stand) -> None:
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    stand.proxy.asked.clear()
    seen: set[tuple[int, tuple[str, int]]] = set()

    def knows(_: str) -> bool:
        seen.add((stand.pinned, stand.places[1]))
        return len(stand.proxy.asked) > 20

    stand.proxy.knows = knows
    pinned = stand.pinned
    stand.traffic.set_weights(NAME, {"1": 90, "2": 10})
    assert set(stand.proxy.asked) == {pins.entered(NAME, "2")}
    assert seen == {(pinned + 1, ("2", 1))}
    assert stand.places == [("1", 900_000), ("2", 100_000)]
    assert stand.pinned == pinned


def test_a_place_that_another_version_had_is_known(stand: Stand) -> None:
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    stand.traffic.set_weights(NAME, {"1": 50, "2": 50})
    stand.traffic.set_weights(NAME, {"2": 100})
    stand.proxy.asked.clear()
    stand.traffic.set_weights(NAME, {"2": 90, "3": 10})
    assert stand.places == [("3", 100_000), ("2", 900_000)]
    assert stand.proxy.asked == []


def test_a_mirror_is_asked_for_until_its_pods_are_known(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    traffic = stand.traffic
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    stand.proxy.asked.clear()
    pinned = stand.pinned
    mirrors: set[Mirror | None] = set()

    def knows(_: str) -> bool:
        mirrors.add(traffic.mirror(NAME))
        return len(stand.proxy.asked) > 20

    stand.proxy.knows = knows
    traffic.set_mirror(NAME, Mirror("2", 50))
    assert set(stand.proxy.asked) == {pins.entered(NAME, "2")}
    assert mirrors == {Mirror("2", 50)}
    assert stand.pinned == pinned
    assert "copies" not in caplog.text
    stand.proxy.asked.clear()
    traffic.set_mirror(NAME, Mirror("2", 50))
    assert set(stand.proxy.asked) == {pins.entered(NAME, "2")}
    stand.proxy.asked.clear()
    traffic.set_mirror(NAME, None)
    assert stand.proxy.asked == []
    stand.proxy.knows = lambda _: False
    hasty = replace(traffic, lease=lambda _: LEASE)
    hasty.set_mirror(NAME, Mirror("2", 50))
    assert f"copies may be lost for a while: {NAME}: a proxy knows no pods for" in caplog.text
    assert traffic.mirror(NAME) == Mirror("2", 50)


def test_limits_change_when_the_place_is_known(stand: Stand) -> None:
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    before = len(stand.found.writes)
    stand.traffic.set_weights(NAME, {"1": 90, "2": 10}, RouteLimits(50, 30.0, 2000))
    route = HTTP_ROUTE.path(NAMESPACE, NAME)
    limits = BACKEND_TRAFFIC_POLICY.path(NAMESPACE, NAME)
    written = [path for _, path in stand.found.writes[before:] if path in {route, limits}]
    assert [path for path, _ in groupby(written)] == [route, limits, route]


def test_a_proxy_that_does_not_hear_of_it_is_waited_for_half_a_lease_and_told(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    traffic = replace(stand.traffic, lease=lambda _: LEASE)
    stand.proxy.knows = lambda _: False
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert f"users may get 500 for a while: {NAME}: a proxy knows no pods for {READY}" in (
        caplog.text
    )
    pinned = stand.pinned
    traffic.set_weights(NAME, {"1": 90, "2": 10})
    assert f"2 gets its share all the same: {NAME}: a proxy knows no pods for" in caplog.text
    assert "after 0.5 s" in caplog.text
    assert stand.traffic.weights(NAME) == {"1": 90, "2": 10}
    assert stand.pinned == pinned


def test_a_proxy_that_does_not_answer_is_asked_again(stand: Stand) -> None:
    stand.proxy.silent = lambda number: number <= 8
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert len(stand.proxy.asked) > 8


def test_limits_of_a_new_route_come_before_all_that_is_new_in_it(stand: Stand) -> None:
    stand.traffic.set_weights(NAME, {"1": 50, "2": 50}, LIMITS)
    route, its_pins = (HTTP_ROUTE.path(NAMESPACE, each) for each in (NAME, pins.name(NAME)))
    limits = BACKEND_TRAFFIC_POLICY.path(NAMESPACE, NAME)
    assert [path for _, path in stand.found.writes][-3:] == [limits, its_pins, route]


def test_limits_of_a_route_go_when_it_has_gone(stand: Stand) -> None:
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    before = len(stand.found.writes)
    stand.traffic.set_weights(NAME, {})
    gone = [path for how, path in stand.found.writes[before:] if how == "DELETE"]
    assert gone == [
        HTTP_ROUTE.path(NAMESPACE, pins.name(NAME)),
        HTTP_ROUTE.path(NAMESPACE, NAME),
        BACKEND_TRAFFIC_POLICY.path(NAMESPACE, NAME),
    ]


@pytest.mark.parametrize(("answered", "told"), [(1, False), (0, True)])
def test_who_is_asked_too_often_says_nothing_of_its_pods(
    stand: Stand, caplog: pytest.LogCaptureFixture, answered: int, told: bool
) -> None:
    traffic = replace(stand.traffic, lease=lambda _: LEASE)
    stand.proxy.refuses = lambda number: number > answered
    traffic.set_weights(NAME, {"1": 100}, LIMITS)
    assert ("users may get 500 for a while" in caplog.text) is told


def test_the_way_back_waits_for_no_place(stand: Stand) -> None:
    stand.traffic.set_weights(NAME, {"1": 100}, LIMITS)
    stand.traffic.set_weights(NAME, {"1": 90, "2": 10})
    stand.proxy.asked.clear()
    stand.traffic.set_weights(NAME, {"1": 100})
    assert stand.places == [("1", WHOLE - 1), ("1", 1)]
    assert stand.proxy.asked == []


def test_who_may_answer_is_asked_until_the_proxies_know_and_no_longer(stand: Stand) -> None:
    proxies = stand.traffic.proxies
    stand.proxy.knows = lambda _: len(stand.proxy.asked) > 5
    known.wait_answering(proxies, [READY], {}, str)
    assert len(stand.proxy.asked) == 6
    with pytest.raises(PlatformError, match=r"^no model: /elsewhere: \[404\]$"):
        known.wait_answering(proxies, ["/elsewhere"], {}, lambda said: f"no model: {said}")
    assert stand.proxy.asked[6:] == ["/elsewhere"]
