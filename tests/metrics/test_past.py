import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from components.errors import InputError, Unreachable
from components.judge import Policy, Poll, Verdict, judge
from components.metrics.past import Range, fetch_polls
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
            elif 'class="4"' in query or "_total" in query:
                continue
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
        kept: dict[str, dict[int, int]] = {}
        if request.url.path.endswith("query_range") and "uptime" not in query:
            if "bucket" in query:
                kept = buckets or {}
            elif 'code=~"5..' in query:
                kept = {"": errors or {}}
            elif "code=~" not in query:
                kept = {"": requests}
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


Series = list[tuple[dict[str, str], dict[int, float]]]

SHARE = {"100000": 0.95, "130000": 0.99, "169000": 0.998, "+Inf": 1.0}
GW = {"instance": "gw:1", "cluster": "c"}


def total(version: str, at: int) -> float:
    return 75.0 * at if version == "2" else 20000.0 + 675 * at


def usual(
    kind: str,
    version: str,
    polls: range = range(121),
    labels: dict[str, str] = GW,
    *,
    spell: Callable[[str], str] = str,
    count: Callable[[str, int], float] = total,
) -> Series:
    """What a gateway has counted of a release in which nothing is wrong."""
    if kind == "scraped":
        return [(labels, {at: float(at) for at in polls})]
    if kind == "requests":
        return [(labels, {at: count(version, at) for at in polls})]
    if kind == "failed":
        return [(labels, {at: 20.0 + at for at in polls})] if version == "1" else []
    if kind == "latencies":
        return [
            (labels | {"le": spell(le)}, {at: round(count(version, at) * share) for at in polls})
            for le, share in SHARE.items()
        ]
    return []


def fetched(of: Callable[[str, str], Series]) -> list[Poll]:
    """The polls of a Prometheus that has these series, by kind and version."""

    def kind(query: str, path: str) -> str:
        if path.endswith("/query"):
            return "known before"
        named = (
            ("uptime", "began"),
            ("timestamp", "scraped"),
            ("bucket", "latencies"),
            ('"4..', "refused"),
        )
        for word, found in (*named, ('code=~"5', "failed"), ('code=~"0', "unanswered")):
            if word in query:
                return found
        return "requests"

    def handle(request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        # `REQUEST` names the refused codes to leave them out.
        asked = query.replace('code!~"4..', "")
        series = of(kind(asked, request.url.path), "2" if "demo-v2" in query else "1")
        result = [
            {
                "metric": labels,
                "values": [[SPAN.start + 15 * at, str(v)] for at, v in found.items()],
            }
            for labels, found in series
        ]
        return httpx.Response(200, json={"data": {"result": result}})

    span = Range(SPAN.start, SPAN.start + 15 * 120, 15.0)
    transport = httpx.MockTransport(handle)
    return fetch_polls("http://p", "sluice", "demo", WEIGHTS, span, transport=transport)


def backtest(of: Callable[[str, str], Series]) -> Verdict:
    """The verdict on such a Prometheus."""
    return judge(Policy(), "1", "2", fetched(of))


def test_a_usual_release_is_promoted() -> None:
    verdict = backtest(usual)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


def test_a7_series_that_are_seen_twice_are_one_gateway_s() -> None:
    def few(version: str, at: int) -> float:
        return 2.0 * at if version == "2" else 20000.0 + 18 * at

    def doubled(kind: str, version: str) -> Series:
        jobs = ({"job": "gateway"}, {"job": "kubernetes-pods"})
        return [it for job in jobs for it in usual(kind, version, labels=GW | job, count=few)]

    verdict = backtest(doubled)
    assert verdict.decision == "HOLD"
    assert present(verdict.evidence).candidate.requests == 240


@pytest.mark.parametrize("told_by", ["known before", "began"])
def test_a10_a_gateway_that_was_not_scraped_before_brings_no_old_counts(told_by: str) -> None:
    second = {"instance": "gw:2", "cluster": "c"}

    def old(version: str, at: int) -> float:
        return total(version, at) + (6000 if version == "2" else 200_000)

    def late(kind: str, version: str) -> Series:
        if kind == "began":
            began = dict.fromkeys(range(121), 10.0)
            return [({"instance": of}, began) for of in ("gw:1", "gw:2")] * (kind == told_by)
        if kind == "known before":
            return [(second, {0: 6000.0})] * (kind == told_by)
        return usual(kind, version) + usual(kind, version, range(3, 121), second, count=old)

    verdict = backtest(late)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)
    assert present(verdict.evidence).candidate.requests <= 2 * 75 * 120


def test_a11_an_edge_that_is_written_in_two_ways_is_one_edge() -> None:
    def renamed(kind: str, version: str) -> Series:
        if kind != "latencies":
            return usual(kind, version)
        old = usual(kind, version, range(60))
        new = usual(kind, version, range(60, 121), spell=lambda le: le + ".0")
        old[-1][1].update(new.pop()[1])
        return old + new

    verdict = backtest(renamed)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


@pytest.mark.parametrize("kind", ["requests", "failed", "latencies"])
def test_a_counter_that_is_no_number_is_not_read(kind: str) -> None:
    def spoilt(asked: str, version: str) -> Series:
        found = usual(asked, version)
        if asked == kind:
            for _, values in found[:1]:
                values[50] = float("nan")
        return found

    verdict = backtest(spoilt)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


RELABELLED = GW | {"endpoint": "demo", "model_version": "x", "namespace": "local"}


@pytest.mark.parametrize("gap", [(), (62, 63)])
@pytest.mark.parametrize(("old", "new"), [(GW, RELABELLED), (RELABELLED, GW)])
def test_series_that_get_other_labels_in_mid_release_are_the_same_gateway_s(
    old: dict[str, str], new: dict[str, str], gap: tuple[int, ...]
) -> None:
    def switched(kind: str, version: str) -> Series:
        after = usual(kind, version, range(60, 121), new)
        for _, values in after:
            for at in gap:
                values.pop(at, None)
        # What is not scraped any more stands still for Prometheus' five minutes.
        before = usual(kind, version, range(80), old)
        for _, values in before:
            stays = 59.0 if kind == "scraped" else values[59]
            values.update(dict.fromkeys(range(60, 80), stays))
        return before + after

    read = [poll.sources["2"]["gw:1/c"] for poll in fetched(switched)]
    counts = [None if sample is None else sample.requests for sample in read]
    assert counts == [None if at in gap else 75 * at for at in range(121)]


def test_refusals_and_what_was_never_answered_are_read_as_well() -> None:
    def refusing(kind: str, version: str) -> Series:
        if kind == "refused" and version == "2":
            return [(GW, {at: 75.0 * at for at in range(121)})]
        return usual(kind, version)

    assert [reason.code for reason in backtest(refusing).reasons] == ["refused"]

    def silent(kind: str, version: str) -> Series:
        if kind in ("failed", "unanswered") and version == "2":
            return [(GW, {at: 15.0 * at for at in range(121)})]
        return usual(kind, version)

    verdict = backtest(silent)
    assert verdict.decision == "ROLLBACK"
    assert present(verdict.evidence).candidate.unanswered > 0
