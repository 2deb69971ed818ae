"""What copies showed is read beside what users got, and can be held against it."""

from collections.abc import Mapping

import httpx
import pytest

from cluster import copies
from cluster.copies import MirroredMetrics
from cluster.metrics import queries
from components import gateway
from components.judge import Sample, undecidable
from components.platform.scraped import PrometheusMetrics

NS = "team"
MIRROR = f"httproute/{NS}/demo/rule/0-mirror-0"
UP = {"counted": "scraped", "instance": "10.0.0.1"}


def metrics(of_users: list[tuple[Mapping[str, str], float]]) -> MirroredMetrics:
    """A Prometheus with these series of users, and 40 copies, one of which failed."""
    of_copies = [
        (UP, 1.0),
        *(
            ({"counted": what, "instance": "10.0.0.1", "envoy_cluster_name": MIRROR} | more, value)
            for what, more, value in (
                ("requests", {}, 40.0),
                ("failed", {}, 1.0),
                ("latencies", {"le": "10"}, 30.0),
                ("latencies", {"le": "+Inf"}, 40.0),
            )
        ),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        mirrored = "-mirror-" in request.url.params["query"]
        rows = of_copies if mirrored else of_users
        result = [{"metric": dict(labels), "value": [1.0, str(value)]} for labels, value in rows]
        return httpx.Response(200, json={"data": {"result": result}})

    def at(of: object) -> PrometheusMetrics:
        return PrometheusMetrics("http://p", of, "", lambda: httpx.MockTransport(answer))  # type: ignore[arg-type]

    return MirroredMetrics(at(queries(NS)), at(copies.queries(NS)))


def total(sources: Mapping[str, Sample | None]) -> tuple[float, float]:
    found = [each for each in sources.values() if each]
    return sum(each.requests for each in found), sum(each.errors for each in found)


def test_copies_are_another_arm_and_both_have_edges_of_whole_milliseconds() -> None:
    users = {"counted": "requests", "instance": "10.0.0.1", gateway.CLUSTER: "demo-v1"}
    slow = users | {"counted": "latencies", "le": "10000"}
    all_ = users | {"counted": "latencies", "le": "+Inf"}
    read = metrics([(UP, 1.0), (users, 50.0), (slow, 49.0), (all_, 50.0)])
    found = read.sample("demo", ["1", "2-shadow"], 30.0).versions
    assert total(found["1"]) == (50, 0)
    assert total(found["2-shadow"]) == (40, 1)
    edges = {
        frozenset(each.buckets) for sources in found.values() for each in sources.values() if each
    }
    assert len(edges) == 1
    (shared,) = edges
    assert all(float(edge) == int(float(edge)) for edge in shared - {"+Inf"})
    (alone,) = [each for each in read.sample("demo", ["1"], 30.0).versions["1"].values() if each][
        :1
    ]
    assert len(alone.buckets) > len(shared)


def test_a_mirror_is_found_in_whichever_rule_and_only_of_its_team() -> None:
    names = copies.queries(NS).backends("demo", "2-shadow")
    assert MIRROR in names
    assert f"httproute/{NS}/demo/rule/3-mirror-0" in names
    assert all(name.startswith(f"httproute/{NS}/demo/") for name in names)


@pytest.mark.parametrize("p95", [10.0, 40.0, 250.0, 4000.0])
def test_edges_of_whole_milliseconds_decide_a_p95_of_ten_and_more(p95: float) -> None:
    edges = [float(edge) for edge in copies.EDGES_MS if edge >= p95]
    assert undecidable(edges, 1.3) == ""
