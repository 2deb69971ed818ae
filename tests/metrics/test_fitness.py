"""A Prometheus that cannot tell the gateway's proxies apart is found before a release."""

from typing import Any

import httpx
import pytest

from components.errors import Unreachable
from components.metrics.fitness import unfit
from components.metrics.queries import ENVOY, SLUICE


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
        assert 'count(envoy_server_uptime{instance="",job="gateway"})' in query
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
