"""The newest counters of an endpoint, out of one query."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from components.errors import Unreachable
from components.gateway import EDGES_US
from components.judge import Asked, Sample
from components.metrics import Reading
from components.metrics.newest import sample
from components.metrics.queries import ENVOY, SLUICE, Queries

Rows = list[tuple[dict[str, str], float]]

PODS = replace(SLUICE, replica=("pod",), source=lambda labels: labels["pod"] + labels["cluster"])
UP = ({"counted": "scraped"}, 1.0)


def row(what: str, value: float, **labels: str) -> tuple[dict[str, str], float]:
    return {"counted": what, **labels}, value


def asking(
    newest: Rows, known: Rows | None = None, *, asked: list[str] | None = None
) -> httpx.Client:
    """A client of a Prometheus with these answers to `newest` and to what was known of late."""

    def handle(request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        if asked is not None:
            asked.append(query)
        rows = newest if "scraped" in query else known or []
        result: list[dict[str, Any]] = [
            {"metric": labels, "value": [1.0, str(value)]} for labels, value in rows
        ]
        return httpx.Response(200, json={"data": {"result": result}})

    return httpx.Client(base_url="http://prometheus", transport=httpx.MockTransport(handle))


def read(client: httpx.Client, queries: Queries) -> Reading:
    with client:
        return sample(client, queries, "demo", ["1", "2"], max_age=4.2)


ONE = replace(SLUICE, replica=(), source=lambda labels: labels["cluster"])


def test_counters_of_each_backend_are_read_in_one_query_of_raw_counters() -> None:
    rows = [
        UP,
        row("requests", 9, cluster="demo-v1"),
        row("failed", 2, cluster="demo-v1"),
        row("latencies", 5, cluster="demo-v1", le="1000"),
        row("latencies", 9, cluster="demo-v1", le="+Inf"),
        row("requests", 3, cluster="demo-v1-grpc"),
        row("refused", 4, cluster="demo-v1"),
        row("unanswered", 1, cluster="demo-v1"),
        row("retried", 6, cluster="demo-v1"),
        row("began", 0.25),
    ]
    asked: list[str] = []
    found = read(asking(rows, asked=asked), ONE)
    rest = found.versions["1"]["demo-v1"]
    assert rest is not None
    assert (rest.requests, rest.errors) == (9, 2)
    assert (rest.refused, rest.unanswered, rest.retried, rest.born) == (4, 1, 6, 0.25)
    assert (rest.buckets["1"], rest.buckets["1.3"], rest.buckets["+Inf"]) == (5, 0, 9)
    assert len(rest.buckets) == len(EDGES_US) + 1
    assert set(found.versions["1"]) == {"demo-v1", "demo-v1-grpc"}
    (query,) = asked
    assert "rate(" not in query
    assert "time() - 5" in query


def test_a_version_without_a_request_has_counters_of_zero_and_all_edges() -> None:
    idle = read(asking([UP]), ONE).versions["2"]["demo-v2"]
    assert idle is not None
    assert (idle.requests, idle.errors, set(idle.buckets.values())) == (0, 0, {0.0})
    assert list(idle.buckets)[-1] == "+Inf"


def test_edges_that_are_not_ours_are_not_made_up() -> None:
    queries = replace(ENVOY, replica=())
    assert read(asking([UP]), queries).versions["2"] == {"": Sample(0.0, 0.0, {})}


@pytest.mark.parametrize("up", [[], [row("scraped", 0)]])
def test_what_was_not_scraped_is_none_and_what_was_known_is_still_named(up: Rows) -> None:
    known = [({"cluster": "demo-v1"}, 9.0), ({"cluster": "demo-v1-grpc"}, 3.0)]
    found = read(asking(up, known), ONE)
    assert found.versions == {"1": {"demo-v1": None, "demo-v1-grpc": None}, "2": {"demo-v2": None}}


def test_replicas_are_sources_of_their_own() -> None:
    rows = [
        row("scraped", 1, pod="a/"),
        row("scraped", 0, pod="b/"),
        row("requests", 9, pod="a/", cluster="demo-v1"),
    ]
    found = read(asking(rows, [({"pod": "b/", "cluster": "demo-v1-grpc"}, 1.0)]), PODS)
    scraped, *lost = found.versions["1"].items()
    assert scraped[0] == "a/demo-v1"
    assert scraped[1] is not None
    assert lost == [("b/demo-v1", None), ("b/demo-v1-grpc", None)]


def test_what_no_version_counted_is_told_by_cause() -> None:
    rows = [UP, row("unattributed", 28, cause="rate_limited")]
    assert read(asking(rows), ONE).unattributed == {"rate_limited": 28}


def test_names_are_literal() -> None:
    asked: list[str] = []
    with asking([UP], asked=asked) as client:
        sample(client, ONE, 'a.b"c', ["1"], max_age=5)
    assert re.search(r'cluster=~"a\\\\\.b\\"c-v1\|a\\\\\.b\\"c-v1-grpc"', asked[0])


def test_an_answer_that_is_none_of_prometheus_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="http://prometheus"):
        read(asking([({"le": "wide"}, 1.0)]), ONE)


def test_two_copies_of_a_target_s_series_are_counted_once() -> None:
    rows = [UP]
    for replica, count in (("prometheus-0", 240), ("prometheus-1", 238)):
        labels = {"cluster": "demo-v1", "prometheus_replica": replica}
        rows += [row("requests", count, **labels), row("latencies", count, le="+Inf", **labels)]
    found = read(asking(rows), ONE).versions["1"]["demo-v1"]
    assert found is not None
    assert (found.requests, found.buckets["+Inf"]) == (240, 240)


def test_what_no_version_counted_is_added_up_over_replicas_and_not_over_copies() -> None:
    counted = {"pod": "a", "cause": "no_backend"}
    rows = [
        row("scraped", 1, pod="a"),
        row("unattributed", 7, **counted),
        row("unattributed", 7, **counted, namespace="local"),
        row("unattributed", 2, **counted, cluster="-"),
        row("unattributed", 5, **counted | {"pod": "b"}),
    ]
    assert read(asking(rows), PODS).unattributed == {"no_backend": 14}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("what", ["requests", "failed", "latencies"])
def test_a_counter_that_is_no_number_is_not_read(what: str, number: float) -> None:
    labels = {"cluster": "demo-v1"} | ({"le": "+Inf"} if what == "latencies" else {})
    rows = [UP, row("requests", 9, cluster="demo-v1"), row(what, number, **labels)]
    assert read(asking(rows), ONE).versions["1"]["demo-v1"] is None


@pytest.mark.parametrize("edges", [("1000", "1000.0"), ("1000.0", "1e3")])
def test_one_edge_that_is_written_in_two_ways_is_one_edge(edges: tuple[str, str]) -> None:
    newer, older = edges
    rows = [
        UP,
        row("requests", 9, cluster="demo-v1"),
        row("latencies", 7, cluster="demo-v1", le=newer),
        row("latencies", 5, cluster="demo-v1", le=older),
    ]
    found = read(asking(rows), ONE).versions["1"]["demo-v1"]
    assert found is not None
    assert found.buckets["1"] == 7


@pytest.mark.parametrize("began", [0.0, -5.0, 75_000.0, float("nan")])
def test_a_start_that_cannot_be_is_none(began: float) -> None:
    rows = [UP, row("requests", 9, cluster="demo-v1"), row("began", began)]
    found = read(asking(rows), ONE).versions["1"]["demo-v1"]
    assert found is not None
    assert found.born is None


def test_envoy_s_own_statistics_tell_what_was_never_answered() -> None:
    queries = replace(ENVOY, replica=())
    labels = {"envoy_cluster_name": "demo-v1"}
    counts = {"requests": 100, "failed": 3, "refused": 20, "unanswered": 10}
    rows = [UP, *(row(what, count, **labels) for what, count in counts.items())]
    found = read(asking(rows), queries).versions["1"][""]
    # 100 were answered, 20 of them refused; 10 more were not.
    assert found == Sample(90.0, 13.0, {}, refused=20.0, unanswered=10.0)


def test_what_each_client_asked_is_added_up_over_the_sources_of_which_each_has_one_copy() -> None:
    rows = [UP, row("requests", 3, cluster="demo-v2-grpc")]
    for copy in ("prometheus-0", "prometheus-1"):
        for client, asked, failed in (("shop", 5, 1), ("batch", 4, 0)):
            of = {"cluster": "demo-v2", "client": client, "prometheus_replica": copy}
            rows += [row("by_client", asked, **of), row("failed_by_client", failed, **of)]
    rows.append(row("by_client", 3, cluster="demo-v2-grpc", client="shop"))
    rows.append(row("by_client", 70, cluster="demo-v1", client="shop"))
    found = read(asking(rows), ONE).clients
    assert found == {"1": {"shop": Asked(70)}, "2": {"shop": Asked(8, 1), "batch": Asked(4)}}


@pytest.mark.parametrize("what", ["by_client", "failed_by_client"])
def test_counters_by_client_that_are_no_numbers_say_nothing(what: str) -> None:
    of = {"cluster": "demo-v2", "client": "shop"}
    rows = [UP, row("by_client", 5, **of), row(what, float("nan"), **of)]
    assert read(asking(rows), ONE).clients["2"] == {}


def test_a_gateway_that_does_not_know_the_clients_is_not_asked_for_them() -> None:
    asked: list[str] = []
    queries = replace(ENVOY, replica=())
    assert read(asking([UP], asked=asked), queries).clients == {"1": {}, "2": {}}
    assert "by_client" not in asked[0]
