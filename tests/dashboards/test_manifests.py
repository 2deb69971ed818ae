"""The objects for Kubernetes: what is committed, and whether their kinds take them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1, v1alpha1

from components import gateway
from components.notify.receivers import Receivers
from components.notify.routing import config
from dashboards import boards, manifests, rules

pytestmark = pytest.mark.slow

MADE = manifests.files()


def objects(kind: str = "") -> Iterator[dict[str, Any]]:
    for text in MADE.values():
        for found in yaml.safe_load_all(text):
            if not kind or found["kind"] == kind:
                yield found


def test_the_files_that_are_committed_are_those_that_are_made() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in manifests.FOLDER.iterdir()}
    assert found == MADE, "run python -m dashboards"


KINDS = {
    "PrometheusRule": v1.PrometheusRule,
    "PodMonitor": v1.PodMonitor,
    "AlertmanagerConfig": v1alpha1.AlertmanagerConfig,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_operator_s_own_schema_takes_every_key(kind: str) -> None:
    """What the schema does not know, it would drop without a word."""
    found = list(objects(kind))
    assert found
    for each in found:
        taken = KINDS[kind].model_validate(each)
        kept = taken.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert kept["spec"] == each["spec"]


def test_the_component_lists_every_file() -> None:
    (listed,) = objects("Component")
    assert set(listed["resources"]) == MADE.keys() - {"kustomization.yaml"}


def test_names_are_such_as_kubernetes_takes_and_no_two_are_the_same() -> None:
    named = [(e["kind"], e["metadata"]["name"]) for e in objects() if e["kind"] != "Component"]
    assert len(set(named)) == len(named)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for _, name in named)


def test_the_sidecar_finds_every_board() -> None:
    found = list(objects("ConfigMap"))
    assert len(found) == len(boards.NAMES)
    for each in found:
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Sluice"}
        ((file, text),) = each["data"].items()
        assert json.loads(text)["uid"] == file.removesuffix(".json")
        assert len(text.encode()) < 256 * 1024, "kubectl apply takes no more"


def test_the_rules_are_those_of_one_machine() -> None:
    (found,) = objects("PrometheusRule")
    assert found["spec"]["groups"] == rules.groups()


def test_every_job_has_the_name_and_the_labels_that_boards_ask_for() -> None:
    jobs = {}
    for each in objects("PodMonitor"):
        (scraped,) = each["spec"]["podMetricsEndpoints"]
        renamed = {rule.get("targetLabel"): rule for rule in scraped["relabelings"]}
        dropped = [rule for rule in scraped["relabelings"] if rule.get("action") == "labeldrop"]
        jobs[renamed["job"]["replacement"]] = (renamed, dropped, scraped)
    assert set(jobs) == {"predictor", "gateway", "sluice"}
    assert {gateway.ENDPOINT_LABEL, gateway.VERSION_LABEL} <= jobs["predictor"][0].keys()
    # The operator's own label `endpoint` is the port's name.
    assert (
        jobs["gateway"][1]
        == jobs["sluice"][1]
        == [{"action": "labeldrop", "regex": gateway.ENDPOINT_LABEL}]
    )
    assert jobs["sluice"][2]["honorLabels"]
    relabelled = jobs["gateway"][2]["metricRelabelings"]
    assert [rule["targetLabel"] for rule in relabelled] == [
        "endpoint",
        "model_version",
        "namespace",
    ]


def test_alerts_take_the_same_ways_as_on_one_machine() -> None:
    (found,) = objects("AlertmanagerConfig")
    made, spec = config(Receivers()), found["spec"]
    assert [route["receiver"] for route in spec["route"]["routes"]] == [
        route["receiver"] for route in made["route"]["routes"]
    ]
    assert spec["route"]["routes"][0]["matchers"] == [
        {"name": "severity", "value": "page", "matchType": "="}
    ]
    assert len(spec["inhibitRules"]) == len(made["inhibit_rules"])
    by_name = {each["name"]: each for each in spec["receivers"]}
    assert by_name["page"]["webhookConfigs"][0]["urlSecret"] == {
        "name": manifests.SECRET,
        "key": "page",
    }
    assert "webhookConfigs" not in by_name["nobody"]
