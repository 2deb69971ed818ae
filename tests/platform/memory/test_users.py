"""Users as arithmetic: what is counted is what was asked, to the request."""

from math import exp

import pytest

from components import judge
from components.judge import Policy, Poll, Sample, Verdict
from components.judge.growth import edges_of
from components.judge.latency import p95_ms
from components.platform import RouteLimits
from components.platform.memory import World
from tests.support.endpoints import endpoint as make_endpoint

LIMITS = RouteLimits(100_000, 10.0)
SHOP = make_endpoint("shop", model="toy")


def world_of(*proxies: str) -> World:
    """The endpoint `shop` with the versions 1 and 2, all traffic on 1."""
    world = World(proxies=proxies or ("gateway",))
    for version in ("1", "2"):
        world.register("toy")
        world.platform.serving.create(SHOP, world.store_version("toy", version))
    world.platform.traffic.set_weights("shop", {"1": 100, "2": 0}, LIMITS)
    return world


@pytest.fixture
def world() -> World:
    return world_of()


def read(world: World, version: str, source: str = "gateway/rest") -> Sample:
    found = world.platform.metrics.sample("shop", [version], 30).versions[version][source]
    assert found is not None
    return found


def requests(world: World) -> tuple[float, float]:
    return read(world, "1").requests, read(world, "2").requests


def test_nobody_asks_until_there_are_users(world: World) -> None:
    world.clock.sleep(3600)
    assert requests(world) == (0, 0)


def test_requests_follow_the_rate_and_the_split(world: World) -> None:
    world.users("shop", 20)
    world.clock.sleep(100)
    assert requests(world) == (2000, 0)
    world.platform.traffic.set_weights("shop", {"1": 90, "2": 10})
    world.clock.sleep(15)
    assert requests(world) == (2270, 30)
    world.users("shop", 0)
    world.clock.sleep(100)
    assert requests(world) == (2270, 30)


def test_fractions_are_carried_on_however_often_somebody_looks(world: World) -> None:
    world.users("shop", 0.7)
    world.platform.traffic.set_weights("shop", {"1": 97, "2": 3})
    for _ in range(1000):
        world.clock.sleep(1.3)
        requests(world)
    assert requests(world) == (882, 27), "0.7 * 1300 * 0.97 = 882.7; * 0.03 = 27.3"


def test_errors_are_their_share_exactly(world: World) -> None:
    world.behave("1", error_rate=0.013)
    world.users("shop", 10)
    for _ in range(100):
        world.clock.sleep(10)
        read(world, "1")
    assert read(world, "1").errors == 130
    world.behave("1", error_rate=1.0)
    world.clock.sleep(10)
    assert read(world, "1").errors == 230


@pytest.mark.parametrize(("median", "sigma"), [(20.0, 0.5), (80.0, 0.2), (3.0, 1.0)])
def test_latencies_have_the_distribution_s_p95(world: World, median: float, sigma: float) -> None:
    world.behave("1", latency_ms=median, sigma=sigma)
    world.users("shop", 50)
    world.clock.sleep(200)
    edges, counts = edges_of(read(world, "1").buckets)
    found = p95_ms(edges, counts)
    assert found is not None
    assert found == pytest.approx(median * exp(1.645 * sigma), rel=0.06)


def test_counts_between_two_looks_are_those_of_whole_answers(world: World) -> None:
    world.users("shop", 0.4)
    before = read(world, "1")
    for _ in range(300):
        world.clock.sleep(5)
        now = read(world, "1")
        added = [now.buckets[edge] - before.buckets[edge] for edge in now.buckets]
        assert added == sorted(added)
        assert added[-1] == now.requests - before.requests == 2
        assert 0 <= now.errors - before.errors <= 2
        before = now


def test_the_same_calls_give_the_same_bytes() -> None:
    def run() -> bytes:
        world = world_of("a", "b")
        world.users("shop", 13.7)
        world.behave("2", error_rate=0.03, latency_ms=33)
        world.platform.traffic.set_weights("shop", {"1": 67, "2": 33})
        world.clock.sleep(1234.5)
        found = world.platform.metrics.sample("shop", ["1", "2"], 30).versions
        poll = Poll(1.0, {"1": 67.0, "2": 33.0}, {v: dict(each) for v, each in found.items()})
        return repr(poll).encode()

    assert run() == run()


def test_each_proxy_counts_what_it_was_asked() -> None:
    world = world_of("a", "b")
    world.users("shop", 20)
    world.clock.sleep(10)
    for proxy in ("a", "b"):
        assert read(world, "1", f"{proxy}/rest").requests == 100


def test_a_proxy_goes_on_with_the_old_split_until_it_has_the_new_one() -> None:
    world = world_of("a", "b")
    world.delay_traffic(4, "b")
    world.users("shop", 20)
    world.platform.traffic.set_weights("shop", {"1": 50, "2": 50})
    world.clock.sleep(10)
    assert read(world, "2", "a/rest").requests == 50
    assert read(world, "2", "b/rest").requests == 30


def test_rest_and_grpc_are_two_sources(world: World) -> None:
    world.users("shop", 20)
    world.users("shop", 10, protocol="grpc")
    world.clock.sleep(10)
    assert read(world, "1").requests == 200
    assert read(world, "1", "gateway/grpc").requests == 100
    assert set(world.platform.metrics.sample("shop", ["2"], 30).versions["2"]) == {"gateway/rest"}


def test_a_version_that_does_not_answer_fails_its_users(world: World) -> None:
    world.users("shop", 10)
    world.clock.sleep(10)
    world.crash("shop", "1")
    world.clock.sleep(10)
    assert (read(world, "1").requests, read(world, "1").errors) == (200, 100)
    world.platform.serving.create(SHOP, world.store_version("toy", "1"))
    world.clock.sleep(10)
    assert (read(world, "1").requests, read(world, "1").errors) == (300, 100)


def test_users_of_an_endpoint_without_a_route_are_no_version_s(world: World) -> None:
    world.users("shop", 10)
    world.platform.traffic.set_weights("shop", {})
    world.clock.sleep(10)
    assert requests(world) == (0, 0)
    assert world.platform.metrics.sample("shop", ["1"], 30).unattributed == {"no_route": 100}


def test_a_proxy_that_was_restarted_counts_from_zero(world: World) -> None:
    world.users("shop", 10)
    world.clock.sleep(10)
    world.restart_proxy("gateway")
    world.clock.sleep(5)
    assert requests(world) == (50, 0)


def test_counters_that_nobody_reads_get_old_and_then_are_none() -> None:
    world = world_of("a", "b")
    world.users("shop", 20)
    world.clock.sleep(10)
    world.lose_counters("b", for_s=60)

    def sources() -> dict[str, float | None]:
        found = world.platform.metrics.sample("shop", ["1"], 30).versions["1"]
        return {source: sample.requests if sample else None for source, sample in found.items()}

    world.clock.sleep(30)
    assert sources() == {"a/rest": 400, "b/rest": 100}
    world.clock.sleep(1)
    assert sources() == {"a/rest": 410, "b/rest": None}
    world.clock.sleep(29)
    assert sources() == {"a/rest": 700, "b/rest": 700}


def judged(world: World, policy: Policy, hours: float = 1.0) -> Verdict:
    """The judge's last word over polls of the world."""
    world.platform.traffic.set_weights("shop", {"1": 90, "2": 10})
    state = judge.begin(policy, "1", "2")
    while True:
        world.clock.sleep(policy.poll_s)
        found = world.platform.metrics.sample("shop", ["1", "2"], 30).versions
        sources = {version: dict(each) for version, each in found.items()}
        poll = Poll(world.clock.monotonic(), {"1": 90.0, "2": 10.0}, sources)
        state, verdict = judge.observe(policy, state, poll)
        if verdict.final or verdict.decision != "HOLD":
            return verdict
        assert world.clock.monotonic() < hours * 3600


@pytest.mark.parametrize(
    ("behaviour", "decision", "code"),
    [
        ({}, "PROMOTE", "safe"),
        ({"error_rate": 0.05}, "ROLLBACK", "error_rate"),
        ({"latency_ms": 40.0}, "ROLLBACK", "p95"),
    ],
)
def test_the_judge_finds_what_the_users_got(
    world: World, behaviour: dict[str, float], decision: str, code: str
) -> None:
    world.users("shop", 20)
    world.behave("2", **behaviour)
    verdict = judged(world, Policy(steps=(10, 100), watch_s=1800, poll_s=15))
    assert (verdict.decision, verdict.reasons[0].code) == (decision, code)
