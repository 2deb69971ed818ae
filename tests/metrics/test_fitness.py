"""A Prometheus that has nothing to judge by is found before a release."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cluster import metrics
from components import gateway
from components.errors import Unreachable
from components.metrics.fitness import unfit
from components.metrics.queries import ENVOY, SLUICE, Queries
from local.servers import ports
from local.servers.prometheus_server import binary
from tests.support.promtool import try_query
from tests.support.waiting import wait_until


def asking(
    *lacking: str, targets: list[dict[str, Any]] | None = None, status: int = 200
) -> httpx.Client:
    """A client of a Prometheus whose series of the gateway lack these labels."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/targets"):
            if targets is None:
                return httpx.Response(404)
            return httpx.Response(200, json={"data": {"activeTargets": targets}})
        query = request.url.params["query"]
        assert 'envoy_server_uptime{instance="",job="gateway"}' in query
        result = [{"metric": {"counted": each}, "value": [1.0, "2"]} for each in lacking]
        return httpx.Response(status, json={"data": {"result": result}})

    return httpx.Client(base_url="http://prometheus", transport=httpx.MockTransport(handle))


def target(said: str, job: str = "gateway", ip: str = "10.0.0.1") -> dict[str, Any]:
    labels, url = {"job": job, "instance": "10.0.0.1:19001"}, f"http://{ip}:19001/stats"
    return {"labels": labels, "lastError": said, "scrapeUrl": url}


def test_a_label_that_is_dropped_is_named() -> None:
    with asking("instance") as client:
        said = unfit(client, SLUICE)
    assert "drops the label 'instance'" in said
    assert "metricRelabelings" in said


def test_a_limit_that_refuses_a_proxy_is_named() -> None:
    over = "label_limit exceeded (metric: envoy_x, number of labels: 9, limit: 5)"
    with asking(targets=[target("", "predictor"), target(over)]) as client:
        assert unfit(client, SLUICE) == (
            f"Prometheus refuses what proxy 10.0.0.1:19001 counts ({over}): raise that limit"
        )


@pytest.mark.parametrize(
    "targets",
    [
        *(None, [], [target("")], [target("connection refused")], [target("limit", "other")]),
        [target(""), target("")],
        [target(""), target("", "other", "10.0.0.2")],
    ],
)
def test_a_proxy_that_is_only_away_is_another_matter(targets: list[dict[str, Any]] | None) -> None:
    with asking(targets=targets) as client:
        assert unfit(client, SLUICE) == ""


def test_a_name_that_two_proxies_share_is_named() -> None:
    with asking(targets=[target(""), target("", ip="10.0.0.2")]) as client:
        assert unfit(client, SLUICE) == (
            "Prometheus gives two of the gateway's proxies one 'instance', '10.0.0.1:19001'"
            " (http://10.0.0.1:19001/stats, http://10.0.0.2:19001/stats), so nobody can tell them"
            " apart: take 'instance' out of what its relabel_configs (relabelings) replace"
        )


@pytest.mark.parametrize("label", ["code", "flags", "whole", "grpc", "cluster", "client", "le"])
def test_a_label_by_which_requests_are_found_is_named(label: str) -> None:
    with asking(label) as client:
        said = unfit(client, SLUICE)
    assert said.startswith(f"Prometheus drops the label '{label}' of what the gateway counts, so ")
    assert f": take '{label}' out of the labeldrop of its metric_relabel_configs" in said


def test_series_that_are_dropped_are_named() -> None:
    with asking("envoy_sluice_requests") as client:
        assert unfit(client, SLUICE) == (
            "Prometheus drops the series 'envoy_sluice_requests' of the gateway, so nobody can tell"
            " what was asked: take 'envoy_sluice_requests' out of what its metric_relabel_configs"
            " (metricRelabelings) drop"
        )


def test_what_says_most_is_said() -> None:
    with asking("le", "code", "instance") as client:
        assert "drops the label 'instance'" in unfit(client, SLUICE)


def test_who_does_not_answer_is_unreachable() -> None:
    with asking(status=503) as client, pytest.raises(Unreachable):
        unfit(client, SLUICE)


def test_a_gateway_whose_start_is_unknown_is_not_asked() -> None:
    with asking("instance") as client:
        assert unfit(client, ENVOY) == ""


def query(queries: Queries = SLUICE) -> str:
    """What a Prometheus is asked."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("query", ""))
        return httpx.Response(200, json={"data": {"result": [], "activeTargets": []}})

    wire = httpx.MockTransport(handle)
    with httpx.Client(base_url="http://prometheus", transport=wire) as client:
        assert unfit(client, queries) == ""
    return asked[0]


def check(
    folder: Path, series: dict[str, str], lacking: str = "", queries: Queries = SLUICE
) -> None:
    """A Prometheus with these series finds that this is lacking."""
    found = [{"labels": f'{{counted="{lacking}"}}', "value": 1}] if lacking else []
    try_query(folder, query(queries), series, 25, found)


UP = {f'up{{job="gateway",instance="{proxy}"}}': "1x30" for proxy in "ab"}
ONE, OTHER = '{job="gateway"}', '{job="gateway",instance="a"}'


@pytest.mark.parametrize(
    ("series", "dropped"),
    [
        (UP | {f"envoy_server_uptime{ONE}": "1+1x30"}, True),
        # Both are there: the one was written until the rule came, the other has been since.
        (
            UP
            | {f"envoy_server_uptime{OTHER}": "1+1x10", f"envoy_server_uptime{ONE}": "_x10 1x20"},
            True,
        ),
        (
            UP
            | {f"envoy_server_uptime{ONE}": "1+1x10", f"envoy_server_uptime{OTHER}": "_x10 1x20"},
            False,
        ),
        (UP | {f"envoy_server_uptime{OTHER}": "1+1x30"}, False),
        # No proxy is read now: that is another matter.
        (dict.fromkeys(UP, "1x10 0x20") | {f"envoy_server_uptime{ONE}": "1+1x10"}, False),
    ],
    ids=["dropped", "since a moment ago", "mended a moment ago", "never", "refused since"],
)
def test_a_label_that_was_dropped_is_missed_until_the_rule_is_mended(
    tmp_path: Path, series: dict[str, str], dropped: bool
) -> None:
    check(tmp_path, series, "instance" if dropped else "")


PROXY = {'up{job="gateway",instance="a"}': "1x30", f"envoy_server_uptime{OTHER}": "30+1x30"}
NAMES = {"instance": "a", "job": "gateway"}
REST = {"cluster": "demo-v1", "code": "200", "flags": "-", "whole": "yes", "client": "bob"}
GRPC = REST | {"cluster": "demo-v1-grpc", "grpc": "0"}
NOBODY = {"code": "503", "flags": "NC", "whole": "no"}
"""What was sent to no version: with no name, no client and no route."""
IN_TEAM = {"namespace": "team", "route": "httproute/team/demo/rule/0"}
TEAM = metrics.queries("team")


def requests(*labels: dict[str, str], values: str = "1+1x30") -> dict[str, str]:
    return {named("envoy_sluice_requests", each): values for each in labels}


def latencies(*labels: dict[str, str], values: str = "1+1x30") -> dict[str, str]:
    return {named("envoy_sluice_latency_bucket", {"le": "+Inf"} | each): values for each in labels}


def named(name: str, labels: dict[str, str]) -> str:
    said = (f'{key}="{value}"' for key, value in (NAMES | labels).items())
    return f"{name}{{{','.join(said)}}}"


ONE_V = {"cluster": "demo-v1"}


@pytest.mark.parametrize("label", ["code", "flags", "whole", "client", "cluster"])
def test_a_label_that_no_request_has_is_missed(tmp_path: Path, label: str) -> None:
    dropped = requests({key: it for key, it in REST.items() if key != label})
    check(tmp_path, PROXY | dropped | latencies(ONE_V), label)


@pytest.mark.parametrize("label", ["route", "namespace"])
def test_a_label_that_tells_whose_requests_they_are_is_missed(tmp_path: Path, label: str) -> None:
    labels = REST | IN_TEAM
    dropped = requests({key: it for key, it in labels.items() if key != label})
    check(tmp_path, PROXY | dropped | latencies(ONE_V | IN_TEAM), label, TEAM)


@pytest.mark.parametrize(
    ("series", "lacking"),
    [
        (requests(GRPC | {"grpc": ""}) | latencies(ONE_V), "grpc"),
        (requests(REST) | latencies(ONE_V | {"le": ""}), "le"),
        (latencies(ONE_V), "envoy_sluice_requests"),
        (requests(REST), "envoy_sluice_latency_bucket"),
    ],
)
def test_what_else_is_dropped_is_missed(
    tmp_path: Path, series: dict[str, str], lacking: str
) -> None:
    check(tmp_path, PROXY | series, lacking)


JUST_BEGUN = {f"envoy_server_uptime{OTHER}": "1x30"}
NOW = "_x25 1+1x5"


@pytest.mark.parametrize("queries", [SLUICE, TEAM], ids=["a laptop", "a cluster"])
@pytest.mark.parametrize(
    "series",
    [
        {},
        requests(NOBODY) | latencies({}),
        requests(REST | IN_TEAM, NOBODY) | latencies(ONE_V | IN_TEAM),
        requests(REST | IN_TEAM, GRPC | IN_TEAM) | latencies(ONE_V | IN_TEAM),
        # Somebody else's route, which leads to no version.
        requests(REST | IN_TEAM | {"cluster": "", "client": ""}) | latencies(IN_TEAM),
        # Cut off, refused, or not to be answered.
        requests(REST | IN_TEAM | {"code": "0", "flags": "DC", "whole": "no"}),
        requests(GRPC | IN_TEAM | {"grpc": "", "flags": "DC", "whole": "no"}),
        requests(GRPC | IN_TEAM | {"grpc": "3"}),
        # Histograms are there later than counters.
        requests(REST | IN_TEAM, values=NOW),
        requests(REST | IN_TEAM) | JUST_BEGUN,
        # A rule that was mended a moment ago.
        requests({key: it for key, it in REST.items() if key != "code"}, values="1x20")
        | requests(REST | IN_TEAM, values=NOW)
        | latencies(ONE_V | IN_TEAM),
    ],
)
def test_nothing_is_missed_where_all_is_well(
    tmp_path: Path, series: dict[str, str], queries: Queries
) -> None:
    check(tmp_path, PROXY | series, queries=queries)


EXPOSED = """\
# TYPE envoy_sluice_requests counter
envoy_sluice_requests{cluster="",code="503",grpc="",flags="NC",whole="no",client=""} 1
envoy_sluice_requests{cluster="demo-v1",code="200",grpc="",flags="-",whole="yes",client="b"} 9
envoy_sluice_requests{cluster="demo-v1",code="500",grpc="",flags="-",whole="yes",client="b"} 1
# TYPE envoy_server_uptime gauge
envoy_server_uptime{} 100
# TYPE envoy_sluice_latency histogram
envoy_sluice_latency_bucket{cluster="demo-v1",le="1000"} 4
envoy_sluice_latency_bucket{cluster="demo-v1",le="+Inf"} 10
envoy_sluice_latency_sum{cluster="demo-v1"} 15000
envoy_sluice_latency_count{cluster="demo-v1"} 10
"""
"""What an Envoy with our access loggers writes."""


@contextmanager
def scraped(folder: Path, rule: dict[str, Any]) -> Iterator[str]:
    """The URL of a Prometheus that scrapes such an Envoy by our rules and one more."""

    class Stats(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(EXPOSED.encode())

        def log_message(self, *_: object) -> None:
            pass

    envoy = ThreadingHTTPServer(("127.0.0.1", 0), Stats)
    threading.Thread(target=envoy.serve_forever, daemon=True).start()
    job = {
        "job_name": "gateway",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{envoy.server_port}"]}],
        "metric_relabel_configs": [*gateway.relabelling(), *([rule] if rule else [])],
    }
    (folder / "config").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    (port,) = ports.choose(1)
    arguments = (
        f"--config.file={folder / 'config'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    server = subprocess.Popen([binary(), *arguments])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
        envoy.shutdown()
        envoy.server_close()


@pytest.mark.servers
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, ""),
        *(
            ({"action": "labeldrop", "regex": label}, f"drops the label '{label}'")
            for label in ("instance", "code", "cluster", "le")
        ),
        (
            {
                "action": "drop",
                "source_labels": ["__name__"],
                "regex": "envoy_sluice_requests",
            },
            "drops the series 'envoy_sluice_requests'",
        ),
    ],
)
def test_a_rule_of_a_real_prometheus_is_found(
    tmp_path: Path, rule: dict[str, Any], said: str
) -> None:
    with scraped(tmp_path, rule) as url, httpx.Client(base_url=url, trust_env=False) as client:

        def read() -> bool:
            try:
                answer = client.get("/api/v1/query", params={"query": 'up{job="gateway"} == 1'})
                return bool(answer.json()["data"]["result"])
            except (httpx.TransportError, ValueError):
                return False

        wait_until(read)
        if said:
            # On a busy machine a scrape may fail, and who was not scraped lacks nothing.
            wait_until(lambda: said in unfit(client, SLUICE), 30, said)
        else:
            assert unfit(client, SLUICE) == ""
