import json

import httpx
import pytest

from components.errors import InputError, Unreachable
from components.judge import Policy, judge
from components.judge.prometheus import Range, fetch

SPAN = Range(1000.0, 1300.0, 15.0)
WEIGHTS = {"1": 90.0, "2": 10.0}


def answer(gateway, errors=0.001):
    """A Prometheus that has the counters of a gateway; series of errors begin with the first."""
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20, errors=errors)]
    asked = []

    def handle(request):
        query = request.url.params["query"]
        asked.append(query)
        version = "2" if "demo-v2" in query else "1"
        series = {}
        for poll in polls:
            sample, at = poll.sources[version]["gateway"], SPAN.start + poll.t
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


def test_a_retrospective_reads_the_raw_counters_of_both_versions(gateway):
    polls, asked, transport = answer(gateway)
    found = fetch("http://prometheus", "envoy", "demo", WEIGHTS, SPAN, transport=transport)
    assert [poll.t for poll in found] == [15.0 * k for k in range(21)]
    assert found[0].weights == {"1": 100.0}
    assert found[1].weights == WEIGHTS
    for ours, theirs in zip(found, polls, strict=True):
        for version in "12":
            assert ours.sources[version]["gw:1"] == theirs.sources[version]["gateway"]
    assert not any("rate(" in query for query in asked)


def test_a_retrospective_is_judged_like_the_release_itself(gateway):
    polls, _, transport = answer(gateway, errors=0.1)
    policy = Policy(watch_s=300)
    found = fetch("http://prometheus", "envoy", "demo", WEIGHTS, SPAN, transport=transport)
    again, first = (judge(policy, "1", "2", some) for some in (found, polls))
    assert (again.decision, again.at) == (first.decision, first.at) == ("ROLLBACK", first.at)


def replying(response):
    def handle(_):
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
def test_a_server_that_is_down_or_no_prometheus_is_unreachable(response):
    with pytest.raises(Unreachable, match="http://prometheus"):
        fetch("http://prometheus", "envoy", "demo", WEIGHTS, SPAN, transport=replying(response))


def test_a_version_without_counters_is_named():
    empty = httpx.Response(200, content=json.dumps({"data": {"result": []}}))
    with pytest.raises(InputError, match="demo-v1"):
        fetch("http://prometheus", "envoy", "demo", WEIGHTS, SPAN, transport=replying(empty))


@pytest.mark.parametrize("span", [Range(1000, 1000, 15), Range(1000, 900, 15), Range(0, 1e9, 15)])
def test_an_empty_or_endless_range_is_refused(span):
    with pytest.raises(InputError, match="--from, --to and --poll"):
        fetch("http://prometheus", "envoy", "demo", WEIGHTS, span)
