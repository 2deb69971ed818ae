"""Raw counters, never rates."""

import math

import pytest

from components.endpoint import Endpoint
from components.errors import Unreachable
from components.gateway import EDGES_US
from components.judge import Asked, Poll, Sample
from components.platform import Metrics
from tests.support.rigs import Rig

MAX_AGE_S = 30.0


@pytest.fixture
def metrics(rig: Rig) -> Metrics:
    return rig.platform.metrics


def total(metrics: Metrics, endpoint: Endpoint, version: str) -> Sample:
    """The version's counters over all of its sources."""
    sources = metrics.sample(endpoint.name, [version], MAX_AGE_S).versions[version].values()
    read = [found for found in sources if found is not None]
    edges = {edge for found in read for edge in found.buckets}
    return Sample(
        sum(found.requests for found in read),
        sum(found.errors for found in read),
        {edge: sum(found.buckets[edge] for found in read) for edge in edges},
    )


def settled(rig: Rig, endpoint: Endpoint, version: str) -> Sample:
    """The version's counters as soon as they hold every request that it has answered.

    A gateway may write its histogram out later than its counter (Envoy merges it every flush), so
    both must have arrived.
    """
    read: list[Sample] = []

    def counted() -> bool:
        read[:] = [total(rig.platform.metrics, endpoint, version)]
        answered = rig.answered[endpoint.name, version]
        return read[0].requests == answered == read[0].buckets["+Inf"]

    rig.wait(counted, f"the answers of version {version} in its counters", 30)
    return read[0]


def test_a_version_that_nobody_has_asked_counts_nothing(metrics: Metrics, fresh: Endpoint) -> None:
    read = metrics.sample(fresh.name, ["1", "2"], MAX_AGE_S).versions
    assert set(read) == {"1", "2"}
    for sources in read.values():
        assert sources
        for found in sources.values():
            assert found is not None
            assert (found.requests, found.errors) == (0, 0)
            assert set(found.buckets.values()) == {0}


def test_the_histogram_has_the_edges_of_every_gateway(metrics: Metrics, routed: Endpoint) -> None:
    edges = [float(edge) for edge in total(metrics, routed, "1").buckets]
    assert sorted(edges) == [*(edge / 1000 for edge in EDGES_US), math.inf]


def test_counts_rise_by_what_users_asked(rig: Rig, routed: Endpoint) -> None:
    before = {version: settled(rig, routed, version) for version in ("1", "2")}
    for _ in range(20):
        assert rig.ask(routed.name).version == "1"
    now = settled(rig, routed, "1")
    assert now.requests == before["1"].requests + 20
    assert now.errors == before["1"].errors
    assert now.buckets["+Inf"] == before["1"].buckets["+Inf"] + 20
    counts = [now.buckets[edge] for edge in sorted(now.buckets, key=float)]
    assert counts == sorted(counts)
    assert settled(rig, routed, "2") == before["2"]


def test_each_version_counts_its_own(rig: Rig, routed: Endpoint) -> None:
    before = {version: settled(rig, routed, version).requests for version in ("1", "2")}
    rig.split(routed.name, {"1": 50, "2": 50})
    asked = [rig.ask(routed.name).version for _ in range(40)]
    for version in ("1", "2"):
        assert asked.count(version) > 0
        assert settled(rig, routed, version).requests == before[version] + asked.count(version)


def test_sources_keep_their_names(rig: Rig, metrics: Metrics, routed: Endpoint) -> None:
    def names() -> dict[str, set[str]]:
        read = metrics.sample(routed.name, ["1", "2"], MAX_AGE_S).versions
        return {version: set(sources) for version, sources in read.items()}

    before = names()
    assert all(before.values())
    rig.ask(routed.name)
    rig.split(routed.name, {"2": 100})
    rig.ask(routed.name)
    rig.platform.clock.sleep(2)
    assert names() == before


def test_what_the_gateway_refuses_by_itself_is_no_version_s(rig: Rig, routed: Endpoint) -> None:
    before = settled(rig, routed, "1").requests
    for _ in range(5):
        assert rig.ask(routed.name, "made up").status == 401
    assert rig.ask(routed.name).status == 200
    rig.platform.clock.sleep(3)
    assert settled(rig, routed, "1").requests == before + 1


def test_who_asked_is_told_by_client(rig: Rig, routed: Endpoint) -> None:
    name = rig.name("batch")
    rig.platform.gateway.add(name)
    own = rig.platform.gateway.key(name)
    rig.wait(lambda: rig.ask(routed.name, own).version == "1", "the new key", 30)
    for key in (own, own, None):
        assert rig.ask(routed.name, key).version == "1"
    settled(rig, routed, "1")

    def told() -> bool:
        read = rig.platform.metrics.sample(routed.name, ["1", "2"], MAX_AGE_S)
        return read.clients["1"].get(name) == Asked(3) and name not in read.clients["2"]

    rig.wait(told, f"what client {name} asked", 30)
    read = rig.platform.metrics.sample(routed.name, ["1"], MAX_AGE_S)
    everybody = sum(asked.requests for asked in read.clients["1"].values())
    assert everybody == total(rig.platform.metrics, routed, "1").requests


def test_a_reading_is_what_the_judge_takes(metrics: Metrics, routed: Endpoint) -> None:
    reading = metrics.sample(routed.name, ["1", "2"], MAX_AGE_S)
    sources = {version: dict(found) for version, found in reading.versions.items()}
    taken = Poll(1.0, {"1": 100.0}, sources)
    assert Poll.from_json(taken.to_json()) == taken


def test_what_no_version_counted_is_told_by_its_cause(metrics: Metrics, routed: Endpoint) -> None:
    told = metrics.sample(routed.name, ["1"], MAX_AGE_S).unattributed
    assert all(isinstance(cause, str) and count >= 0 for cause, count in told.items())


def test_a_metrics_server_that_does_not_answer_is_unreachable(rig: Rig, routed: Endpoint) -> None:
    with pytest.raises(Unreachable):
        rig.metrics_away().sample(routed.name, ["1"], MAX_AGE_S)


def test_the_usage_of_a_time_is_what_was_asked_in_it(rig: Rig, routed: Endpoint) -> None:
    settled(rig, routed, "1")
    clock = rig.platform.clock
    start = clock.time()
    clock.sleep(0.1)
    for _ in range(20):
        assert rig.ask(routed.name).status == 200

    def used() -> dict[str, float]:
        found = rig.platform.metrics.usage(routed.name, ["1", "2"], start, clock.time())
        assert set(found.arms) == {"1", "2"}
        return {version: usage.served for version, usage in found.arms.items()}

    rig.wait(lambda: used() == {"1": 20, "2": 0}, "the usage", 30)
    settled(rig, routed, "1")
    later = clock.time()
    clock.sleep(2)
    assert rig.platform.metrics.usage(routed.name, ["1"], later, clock.time()).arms["1"].served == 0


def test_the_usage_cannot_be_had_of_a_server_that_is_away(rig: Rig) -> None:
    with pytest.raises(Unreachable):
        rig.metrics_away().usage("any", ["1"], 0.0, 60.0)


def test_an_alert_that_no_rule_has_is_told_from_one_that_is_quiet(metrics: Metrics) -> None:
    assert metrics.alerts(["NobodysAlert"], "demo") == {"NobodysAlert": "unknown"}
    assert metrics.alerts([], "demo") == {}


def test_alerts_of_a_server_that_is_away_are_unknown_by_an_error(rig: Rig) -> None:
    with pytest.raises(Unreachable):
        rig.metrics_away().alerts(["NobodysAlert"], "demo")
