import json
from typing import Any

import httpx
import pytest

from components.errors import InputError, Unreachable
from components.judge import Policy, Poll, judge
from components.metrics.prometheus import Range, fetch_polls
from tests.support.polls import MakeGateway
from tests.support.present import present

SPAN = Range(1000.0, 1300.0, 15.0)
WEIGHTS = {"1": 90.0, "2": 10.0}


def answer(
    gateway: MakeGateway, errors: float = 0.001
) -> tuple[list[Poll], list[str], httpx.MockTransport]:
    """A Prometheus that has the counters of a gateway; series of errors begin with the first."""
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20, errors=errors)]
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        asked.append(query)
        version = "2" if "demo-v2" in query else "1"
        series: dict[str, list[list[float | str]]] = {}
        for poll in polls:
            sample, at = present(poll.sources[version]["gateway"]), SPAN.start + poll.t
            if "bucket" in query:
                for edge, count in sample.buckets.items():
                    series.setdefault(edge, []).append([at, str(count)])
            elif "_xx" in query:
                if sample.errors:
                    series.setdefault("", []).append([at, str(sample.errors)])
            else:
                series.setdefault("", []).append([at, str(sample.requests)])
        result = [
            {"metric": {"instance": "gw:1"} | ({"le": edge} if edge else {}), "values": values}
            for edge, values in series.items()
        ]
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    return polls, asked, httpx.MockTransport(handle)


def test_a_backtest_reads_the_raw_counters_of_both_versions(gateway: MakeGateway) -> None:
    polls, asked, transport = answer(gateway)
    found = fetch_polls("http://prometheus", "envoy", "demo", WEIGHTS, SPAN, transport=transport)
    assert [poll.t for poll in found] == [15.0 * k for k in range(21)]
    assert found[0].weights == {"1": 100.0}
    assert found[1].weights == WEIGHTS
    for ours, theirs in zip(found, polls, strict=True):
        for version in "12":
            assert ours.sources[version]["gw:1"] == theirs.sources[version]["gateway"]
    assert not any("rate(" in query for query in asked)


def test_a_backtest_is_judged_like_the_release_itself(gateway: MakeGateway) -> None:
    polls, _, transport = answer(gateway, errors=0.1)
    policy = Policy(watch_s=300)
    found = fetch_polls("http://prometheus", "envoy", "demo", WEIGHTS, SPAN, transport=transport)
    again, first = (judge(policy, "1", "2", some) for some in (found, polls))
    assert (again.decision, again.at) == (first.decision, first.at) == ("ROLLBACK", first.at)


def holding(
    *,
    requests: dict[int, int],
    errors: dict[int, int] | None = None,
    buckets: dict[str, dict[int, int]] | None = None,
) -> httpx.MockTransport:
    """A Prometheus with these series of both versions: values by the poll's number."""

    def values(numbers: dict[int, int]) -> list[list[float | str]]:
        return [[SPAN.start + SPAN.step * at, str(value)] for at, value in numbers.items()]

    def handle(request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        labels = {"instance": "gw:1", "cluster": "c"}
        if "bucket" in query:
            kept = buckets or {}
        else:
            kept = {"": (errors or {}) if "code=~" in query else requests}
        result = [
            {"metric": labels | ({"le": edge} if edge else {}), "values": values(counts)}
            for edge, counts in kept.items()
            if counts
        ]
        return httpx.Response(200, json={"data": {"result": result}})

    return httpx.MockTransport(handle)


def read(transport: httpx.MockTransport, style: str = "sluice") -> list[Any]:
    """What each poll has of version 2's only source: a sample, None, or absent."""
    found = fetch_polls("http://prometheus", style, "demo", WEIGHTS, SPAN, transport=transport)
    return [poll.sources["2"].get("gw:1/c", "absent") for poll in found]


def test_a_source_that_was_not_scraped_is_null_and_one_that_left_is_absent() -> None:
    found = read(holding(requests={2: 10, 3: 20, 6: 50}))
    assert found[:2] == ["absent", "absent"]
    assert [found[at].requests for at in (2, 3, 6)] == [10, 20, 50]
    assert found[4:6] == [None, None]
    assert set(found[7:]) == {"absent"}


def test_a_hole_in_the_errors_alone_is_no_reading() -> None:
    found = read(holding(requests=dict.fromkeys(range(6), 9), errors={1: 2, 3: 2, 4: 2}))
    assert [sample and sample.errors for sample in found[:6]] == [0, 2, None, 2, 2, 0]


def test_edges_in_microseconds_are_read_as_milliseconds() -> None:
    counts = {0: 7}
    edges = {"1000.0": counts, "1300": counts, "41000000": counts, "+Inf": counts}
    (sample, *_) = read(holding(requests=counts, buckets=edges))
    assert list(sample.buckets) == ["1", "1.3", "41000", "+Inf"]


def replying(response: httpx.ConnectError | httpx.Response) -> httpx.MockTransport:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    return httpx.MockTransport(handle)


@pytest.mark.parametrize(
    "response",
    [
        httpx.ConnectError("refused"),
        httpx.Response(503, text="down"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"data": {"result": [{"metric": {}, "values": [["x", "y"]]}]}}),
    ],
)
def test_a_server_that_is_down_or_no_prometheus_is_unreachable(
    response: httpx.ConnectError | httpx.Response,
) -> None:
    with pytest.raises(Unreachable, match="http://prometheus"):
        read(replying(response), "envoy")


def test_a_version_without_counters_is_named() -> None:
    empty = httpx.Response(200, content=json.dumps({"data": {"result": []}}))
    with pytest.raises(InputError, match="demo-v1"):
        read(replying(empty), "envoy")


@pytest.mark.parametrize("span", [Range(1000, 1000, 15), Range(1000, 900, 15), Range(0, 1e9, 15)])
def test_an_empty_or_endless_range_is_refused(span: Range) -> None:
    with pytest.raises(InputError, match="--from, --to and --poll"):
        fetch_polls("http://prometheus", "envoy", "demo", WEIGHTS, span)
