"""The usage of arms, out of a Prometheus whose samples are given."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from components.errors import Unreachable
from components.metrics.queries import SLUICE
from components.metrics.usage import Metered
from components.metrics.used import MOMENTS, usage

START, END = 10_000.0, 10_060.0
ONE = replace(SLUICE, replica=(), source=lambda labels: labels["cluster"])
_OF_THE_NEWEST_SCRAPE = re.compile(
    r" and \(timestamp\(.*?group_left \(\) max by \([^)]*\) \([^)]*\)\)\)"
)
"""What a real server leaves out by it is shown in `test_blocks.py`; here every value stays."""
_Series = Mapping[float, float]
"""Values by time."""


def scraped(start: float, end: float) -> _Series:
    """A scrape each second."""
    return {start + second: 1.0 for second in range(int(end - start) + 1)}


@dataclass
class Prometheus:
    """A server that was told what each scrape saw; what is scraped stays for five minutes."""

    requests: dict[str, _Series] = field(default_factory=dict)
    """By the backend's name; likewise all others."""
    failed: dict[str, _Series] = field(default_factory=dict)
    refused: dict[str, _Series] = field(default_factory=dict)
    born: _Series = field(default_factory=lambda: {START - 1: 1.0})
    """Of the gateway."""
    up: _Series = field(default_factory=lambda: scraped(START - 500, END))
    cpu: dict[str, _Series] = field(default_factory=dict)
    """By the version."""
    rows: dict[str, _Series] = field(default_factory=dict)
    started: dict[str, _Series] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _named(self, query: str) -> tuple[str, dict[str, _Series]]:
        if "process_cpu" in query:
            return "model_version", self.cpu
        if "batch_size" in query:
            return "model_version", self.rows
        if "process_start" in query:
            return "model_version", self.started
        if "uptime" in query:
            return "", {"": self.born}
        if 'job="gateway"' in query:
            return "", {"": self.up}
        if " or " in query and '"5..' in query.replace("~", ""):
            return "cluster", self.failed
        if 'code=~"4..' in query:
            return "cluster", self.refused
        return "cluster", self.requests

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        query = asked["query"]
        self.asked.append(query)
        query = re.sub(
            r" and \(timestamp\(.*?group_left \(\) max by \([^)]*\) \([^)]*\)\)\)", "", query
        )
        back = re.search(r"\[(\d+)s\]", query)
        window = float(back[1]) if back else 300.0

        def at(series: _Series, moment: float) -> float | None:
            held = [t for t in series if moment - window < t <= moment]
            return series[max(held)] if held else None

        label, named = self._named(query)
        result: list[dict[str, Any]] = []
        for name, series in named.items():
            metric = {label: name, "instance": name} if label else {}
            if request.url.path.endswith("query_range"):
                start, end, step = (float(asked[key]) for key in ("start", "end", "step"))
                moments = [start + i * step for i in range(math.floor((end - start) / step) + 1)]
                values = [[t, str(v)] for t in moments if (v := at(series, t)) is not None]
                if values:
                    result.append({"metric": metric, "values": values})
            elif (value := at(series, float(asked["time"]))) is not None:
                result.append({"metric": metric, "value": [float(asked["time"]), str(value)]})
        return httpx.Response(200, json={"data": {"result": result}})

    def metered(self, *versions: str, start: float = START, end: float = END) -> Metered:
        transport = httpx.MockTransport(self.answer)
        with httpx.Client(base_url="http://prometheus", transport=transport) as client:
            return usage(client, ONE, "demo", versions or ("1",), (start, end))


def test_requests_are_the_raw_counters_difference_up_to_the_end() -> None:
    server = Prometheus(
        requests={"demo-v1": {START - 3: 100, START + 20: 150, END - 0.5: 190}},
        failed={"demo-v1": {START - 3: 1, END - 0.5: 4}},
        refused={"demo-v1": {START + 10: 2}},
    )
    found = server.metered("1", "2")
    one, two = found.arms["1"], found.arms["2"]
    assert (one.requests, one.failed, one.refused, one.served) == (90, 3, 2, 87)
    assert (two.requests, two.rows, two.cpu_s) == (0, None, None)
    assert not any("rate(" in query or "increase(" in query for query in server.asked)


def test_rest_and_grpc_are_added_up_and_a_version_first_asked_in_the_time_counts_from_zero() -> (
    None
):
    server = Prometheus(requests={"demo-v1": {START + 5: 7}, "demo-v1-grpc": {START + 9: 5}})
    assert server.metered().arms["1"].requests == 12


def test_a_gateway_that_was_restarted_loses_what_came_after_its_last_scrape_alone() -> None:
    server = Prometheus(
        requests={"demo-v1": {START - 1: 100, START + 20: 150, START + 30: 9, END: 20}},
        born={START - 1: 1.0, START + 30: START + 29},
    )
    found = server.metered().arms["1"]
    assert (found.requests, found.restarts, found.unsure) == (70, 1, False)


def test_a_gap_in_the_scrapes_loses_no_count_and_is_said() -> None:
    gap = {t: 1.0 for t in scraped(START, END) if not START + 10 < t <= START + 40}
    server = Prometheus(requests={"demo-v1": {START: 100, START + 10: 110, END: 400}}, up=gap)
    found = server.metered()
    assert found.arms["1"].requests == 300
    assert found.unseen_s == pytest.approx(30 - 4, abs=1)


def test_a_gateway_that_was_down_when_the_time_began_is_read_from_before() -> None:
    long_ago = START - 3600
    server = Prometheus(
        requests={"demo-v1": {long_ago: 100, START + 20: 30}},
        born={long_ago: 1.0, START + 20: START + 15},
    )
    assert server.metered().arms["1"].requests == 30
    server.born = {long_ago: 1.0, START + 20: 1.0}
    server.requests = {"demo-v1": {long_ago: 100, START + 20: 130}}
    assert server.metered().arms["1"].requests == 30


def test_what_a_process_counted_before_anybody_read_it_is_left_out_and_said() -> None:
    server = Prometheus(
        requests={"demo-v1": {START + 20: 1000, END: 1005}}, born={START + 20: START - 9000}
    )
    found = server.metered().arms["1"]
    assert (found.requests, found.unsure) == (5, True)


def test_predictors_tell_rows_and_cpu_seconds() -> None:
    server = Prometheus(
        cpu={"1": {START - 1: 50.0, END: 80.5}, "1-baseline": {START + 5: 2.0, END: 3.0}},
        rows={"1": {START - 1: 500, END: 700}, "1-baseline": {END: 8}},
        started={"1": {START - 1: 77.0, END: 77.0}, "1-baseline": {START + 5: START + 2}},
    )
    arms = server.metered("1", "1-baseline").arms
    assert (arms["1"].rows, arms["1"].cpu_s) == (200, 30.5)
    assert (arms["1-baseline"].rows, arms["1-baseline"].cpu_s) == (8, 3.0)


def test_a_counter_that_is_no_number_for_a_while_is_no_reset() -> None:
    times = [START - 1, START + 20, START + 30, END]
    server = Prometheus(
        cpu={"1": dict(zip(times, (50.0, 60.0, float("nan"), 70.0), strict=True))},
        rows={"1": dict(zip(times, (500, 600, 650, 700), strict=True))},
        started={"1": dict.fromkeys(times, 77.0)},
    )
    found = server.metered().arms["1"]
    assert (found.rows, found.cpu_s, found.restarts) == (200, 20.0, 0)


def test_no_time_is_too_long_for_prometheus() -> None:
    server = Prometheus(requests={"demo-v1": {START + 20: 5}}, born={START: START})
    found = server.metered(start=START - 30 * 86400, end=END)
    assert found.arms["1"].requests == 5
    assert MOMENTS < 11_000


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(500))
    with (
        httpx.Client(base_url="http://prometheus", transport=transport) as client,
        pytest.raises(Unreachable),
    ):
        usage(client, ONE, "demo", ["1"], (START, END))
