"""`sluice judge --prometheus` against what this project's own gateway counts."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from cli import sluice
from components.metrics.past import Range, fetch_polls
from local.servers import ports, prometheus_server
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]

POLICY = "watch: 10s\npoll: 1s\nsteps: [50, 100]\nundecided: hold\n"


def ask(stand: Stand, requests: int, status: int = 200) -> None:
    for _ in range(requests):
        stand.client.post(stand.path, headers={"x-test-status": str(status)})


def requests_of(stand: Stand, version: str) -> float:
    read = stand.platform.metrics.sample(stand.endpoint.name, [version], max_age=5)
    return sum(found.requests for found in read.versions[version].values() if found)


def test_a_backtest_reads_what_the_release_read_and_sees_the_same_fault(
    stand_for: StandFor, tmp_path: Path
) -> None:
    stand = stand_for("backtest")
    url = prometheus_server.url(ports.kept(stand.home))
    stand.split({"1": 100})
    ask(stand, 150)
    wait_until(lambda: requests_of(stand, "1") == 150)
    start = time.time()
    for status, version in ((200, "1"), (500, "2")) * 6:
        stand.split({version: 100})
        ask(stand, 5, status)
        time.sleep(0.5)
    # A failed gRPC call, whose code is 200, and one that succeeds.
    stand.call(13)
    stand.call()
    wait_until(lambda: requests_of(stand, "2") == 32)
    # A later instant than Prometheus has scraped would be the last value again.
    time.sleep(1.5)
    span = Range(start, time.time(), 1.0)

    polls = fetch_polls(url, "sluice", "backtest", {"1": 50, "2": 50}, span)
    for version in "12":
        reading = stand.platform.metrics.sample(stand.endpoint.name, [version], max_age=5)
        read = reading.versions[version]
        ours = sorted(polls[-1].sources[version].items())
        for (_, one), (_, other) in zip(ours, read.items(), strict=True):
            assert one is not None
            assert other is not None
            assert (one.requests, one.errors) == (other.requests, other.errors)
            assert one.buckets == other.buckets
    assert [name.split("/")[1] for name, _ in ours] == ["backtest-v2", "backtest-v2-grpc"]
    assert not polls[0].sources["2"]

    (tmp_path / "policy.yaml").write_text(POLICY)
    source = ["--prometheus", url, "--from", str(span.start), "--to", str(span.end)]
    who = ["--endpoint", "backtest", "--champion", "1", "--candidate", "2", "--weight", "50"]
    asked = ["judge", "--policy", f"{tmp_path}/policy.yaml", *source, *who, "--json"]
    result = CliRunner().invoke(sluice, asked)
    found = json.loads(result.stdout)
    assert (result.exit_code, found["verdict"]) == (3, "ROLLBACK"), found["reasons"]
    assert found["reasons"][0]["code"] == "error_rate"
