"""A Prometheus that cannot tell the gateway's proxies apart is found before a release."""

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from components.errors import Unreachable
from components.metrics.fitness import unfit
from components.metrics.queries import ENVOY, SLUICE
from local.servers.prometheus_server import binary


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


def target(said: str, job: str = "gateway") -> dict[str, Any]:
    return {"labels": {"job": job, "instance": "10.0.0.1:19001"}, "lastError": said}


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
    "targets", [None, [], [target("")], [target("connection refused")], [target("limit", "other")]]
)
def test_a_proxy_that_is_only_away_is_another_matter(targets: list[dict[str, Any]] | None) -> None:
    with asking(targets=targets) as client:
        assert unfit(client, SLUICE) == ""


def test_who_does_not_answer_is_unreachable() -> None:
    with asking(status=503) as client, pytest.raises(Unreachable):
        unfit(client, SLUICE)


def test_a_gateway_whose_start_is_unknown_is_not_asked() -> None:
    with asking("instance") as client:
        assert unfit(client, ENVOY) == ""


def query() -> str:
    """What a Prometheus is asked."""
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("query", ""))
        return httpx.Response(200, json={"data": {"result": [], "activeTargets": []}})

    wire = httpx.MockTransport(handle)
    with httpx.Client(base_url="http://prometheus", transport=wire) as client:
        assert unfit(client, SLUICE) == ""
    return asked[0]


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
    found = [{"labels": '{counted="instance"}', "value": 1}] if dropped else []
    tried = {
        "interval": "1s",
        "input_series": [{"series": name, "values": of} for name, of in series.items()],
        "promql_expr_test": [{"expr": query(), "eval_time": "25s", "exp_samples": found}],
    }
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1s", "tests": [tried]}))
    done = subprocess.run(
        [str(binary("promtool")), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
