"""What Prometheus' rules say of alerts, on the wire."""

from typing import Any

import httpx
import pytest

from components.errors import Unreachable
from components.metrics.alerts import alerts


def rule(name: str, *firing: dict[str, str], pending: int = 0) -> dict[str, Any]:
    said = [{"labels": labels, "state": "firing"} for labels in firing]
    said += [{"labels": {}, "state": "pending"}] * pending
    return {"name": name, "type": "alerting", "alerts": said}


def ask(
    *rules: dict[str, Any], names: list[str], namespace: str = "", group: str = "people"
) -> dict[str, str]:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        groups = [{"name": group, "rules": [each]} for each in rules]
        return httpx.Response(200, json={"status": "success", "data": {"groups": groups}})

    with httpx.Client(base_url="http://p", transport=httpx.MockTransport(answer)) as client:
        found = alerts(client, names, "demo", namespace)
    (url,) = asked
    assert url.path == "/api/v1/rules"
    assert url.params.get_list("rule_name[]") == names
    assert url.params["type"] == "alert"
    return dict(found)


def test_firing_quiet_and_unknown_are_told_apart() -> None:
    rules = [rule("A", {}), rule("B", pending=1), rule("Other", {})]
    wanted = {"A": "firing", "B": "quiet", "C": "unknown"}
    assert ask(*rules, names=["A", "B", "C"]) == wanted


def test_an_alert_of_another_endpoint_is_nobody_s_here() -> None:
    assert ask(rule("A", {"endpoint": "other"}), names=["A"]) == {"A": "quiet"}
    assert ask(rule("A", {"endpoint": "demo"}), names=["A"]) == {"A": "firing"}
    several = rule("A", {"endpoint": "other"}, {"node": "n1"})
    assert ask(several, names=["A"]) == {"A": "firing"}


def test_an_alert_of_another_team_s_endpoint_of_the_name_is_nobody_s_here() -> None:
    theirs = rule("A", {"endpoint": "demo", "namespace": "theirs"})
    assert ask(theirs, names=["A"], namespace="ours") == {"A": "quiet"}
    assert ask(theirs, names=["A"], namespace="theirs") == {"A": "firing"}
    of_a_node = rule("A", {"namespace": "kube-system"})
    assert ask(of_a_node, names=["A"], namespace="ours") == {"A": "firing"}


def test_a_port_s_name_on_what_an_operator_has_scraped_is_no_other_endpoint() -> None:
    scraped = {"endpoint": "http", "job": "kube-state-metrics", "instance": "10.0.0.7:8080"}
    for namespace in ("ours", "kube-system"):
        found = rule("A", scraped | {"namespace": namespace})
        assert ask(found, names=["A"], namespace="ours") == {"A": "firing"}
    # A port may have an endpoint's name, too.
    port = rule("A", {"endpoint": "demo", "namespace": "kube-system", "pod": "p"})
    assert ask(port, names=["A"], namespace="ours") == {"A": "firing"}


def test_what_of_another_endpoint_is_known_to_be_ours_is_nobody_s_here() -> None:
    scraped = {"endpoint": "other", "job": "exporter", "instance": "10.0.0.7:8080"}
    assert ask(rule("A", scraped | {"model_version": "3"}), names=["A"]) == {"A": "quiet"}
    assert ask(rule("A", scraped), names=["A"], group="sluice-states") == {"A": "quiet"}
    theirs = rule("A", scraped | {"endpoint": "demo", "namespace": "theirs"})
    assert ask(theirs, names=["A"], namespace="ours", group="sluice-states") == {"A": "quiet"}


def test_one_of_two_rules_of_a_name_suffices() -> None:
    assert ask(rule("A"), rule("A", {}), names=["A"]) == {"A": "firing"}
    assert ask(rule("A", {}), rule("A"), names=["A"]) == {"A": "firing"}


def test_a_rule_that_fails_tells_nothing() -> None:
    assert ask(rule("A") | {"health": "err"}, names=["A"]) == {"A": "unknown"}
    assert ask(rule("A") | {"health": "ok"}, names=["A"]) == {"A": "quiet"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(404, text="not here"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"data": {"groups": [{"rules": [{"name": "A"}]}]}}),
    ],
)
def test_a_server_that_is_none_is_unreachable(answer: httpx.Response) -> None:
    transport = httpx.MockTransport(lambda _: answer)
    with (
        httpx.Client(base_url="http://p", transport=transport) as client,
        pytest.raises(Unreachable),
    ):
        alerts(client, ["A"], "demo")
