"""Boards, rules, scrape jobs and routes as objects of Kubernetes: ``python -m dashboards``.

For Grafana's sidecar (`grafana_dashboard: "1"`) and the Prometheus operator. Made of the same
boards, rules and routes as one machine has, committed, and compared by a test.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from components import gateway
from components.notify.receivers import Receivers
from components.notify.routing import config
from dashboards import boards, rules

FOLDER = Path(__file__).parents[1] / "manifests" / "components" / "monitoring"
HEAD = "# Written by `python -m dashboards`: change what it is made of.\n"

GRAFANA_FOLDER = "Sluice"
SECRET = "sluice-receivers"  # noqa: S105 (its name)
"""Has the addresses of the webhooks, under ``page``, ``ticket`` and ``event``."""
_LABELS = {"app.kubernetes.io/part-of": "sluice"}

Object = dict[str, Any]


def files() -> dict[str, str]:
    """Every file of `FOLDER` by its name."""
    made = {f"dashboard-{name}.yaml": _written(_dashboard(name)) for name in boards.NAMES}
    made["rules.yaml"] = _written(_rules())
    made["podmonitors.yaml"] = _written(*_monitors())
    made["alertmanager.yaml"] = _written(_routes())
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": sorted(made),
    }
    return made | {"kustomization.yaml": _written(listed)}


def _written(*objects: Object) -> str:
    return HEAD + "---\n".join(
        yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
        for each in objects
    )


def _named(kind: str, version: str, name: str, **metadata: Mapping[str, str]) -> Object:
    labels = _LABELS | dict(metadata.pop("labels", {}))
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": labels, **metadata},
    }


def _dashboard(name: str) -> Object:
    head = _named(
        "ConfigMap",
        "v1",
        f"sluice-dashboard-{name}",
        labels={"grafana_dashboard": "1"},
        annotations={"grafana_folder": GRAFANA_FOLDER},
    )
    return head | {"data": {f"sluice-{name}.json": boards.text(name)}}


def _rules() -> Object:
    head = _named("PrometheusRule", "monitoring.coreos.com/v1", "sluice")
    return head | {"spec": {"groups": rules.groups()}}


def _monitors() -> Iterator[Object]:
    """What is scraped, with the labels that the boards and rules read."""
    # The operator calls the port's name `endpoint`: it would pass for one of ours.
    no_port = {"action": "labeldrop", "regex": gateway.ENDPOINT_LABEL}
    yield _monitor(
        "predictor",
        {"matchExpressions": [{"key": "serving.kserve.io/inferenceservice", "operator": "Exists"}]},
        {
            "port": "http1",
            "relabelings": [
                _job("predictor"),
                *(
                    {
                        "sourceLabels": [f"__meta_kubernetes_pod_label_{label}"],
                        "targetLabel": label,
                    }
                    for label in (gateway.ENDPOINT_LABEL, gateway.VERSION_LABEL)
                ),
            ],
        },
    )
    yield _monitor(
        "gateway",
        {
            "matchLabels": {
                "app.kubernetes.io/name": "envoy",
                "app.kubernetes.io/component": "proxy",
            }
        },
        {
            "port": "metrics",
            "path": "/stats/prometheus",
            "relabelings": [_job("gateway"), no_port],
            "metricRelabelings": [_camel(rule) for rule in gateway.relabelling()],
        },
        everywhere=True,
    )
    yield _monitor(
        "exporter",
        {"matchLabels": {"app.kubernetes.io/name": "sluice-exporter"}},
        # It says itself of which endpoint a series is.
        {"port": "metrics", "honorLabels": True, "relabelings": [_job("sluice"), no_port]},
    )


def _monitor(
    name: str, pods: Mapping[str, Any], scraped: Mapping[str, Any], *, everywhere: bool = False
) -> Object:
    spec: Object = {"selector": dict(pods), "podMetricsEndpoints": [dict(scraped)]}
    if everywhere:
        spec["namespaceSelector"] = {"any": True}
    return _named("PodMonitor", "monitoring.coreos.com/v1", f"sluice-{name}") | {"spec": spec}


def _job(name: str) -> Object:
    return {"targetLabel": "job", "replacement": name}


def _routes() -> Object:
    """Routes and inhibition as one machine has them; the addresses are in a secret."""
    made = config(Receivers())
    route = {key: value for key, value in made["route"].items() if key != "routes"}
    receivers = [_receiver(each["name"]) for each in made["receivers"]]
    spec = {
        "route": {**_camel(route), "routes": [_route(each) for each in made["route"]["routes"]]},
        "inhibitRules": [_inhibition(each) for each in made["inhibit_rules"]],
        "receivers": receivers,
    }
    return _named("AlertmanagerConfig", "monitoring.coreos.com/v1alpha1", "sluice") | {"spec": spec}


def _route(route: Mapping[str, Any]) -> Object:
    return _camel({**route, "matchers": [_matcher(text) for text in route["matchers"]]})


def _inhibition(rule: Mapping[str, Any]) -> Object:
    made: Object = {
        "sourceMatch": [_matcher(text) for text in rule["source_matchers"]],
        "targetMatch": [_matcher(text) for text in rule["target_matchers"]],
    }
    return made | ({"equal": rule["equal"]} if "equal" in rule else {})


def _receiver(name: str) -> Object:
    if name not in Receivers.model_fields:
        return {"name": name}
    address = {"name": SECRET, "key": name}
    return {
        "name": name,
        "webhookConfigs": [{"urlSecret": address, "sendResolved": name != "event"}],
    }


_MATCHER = re.compile(r'(?P<name>\w+)\s*(?P<type>=~|!~|!=|=)\s*"?(?P<value>[^"]*)"?')


def _matcher(text: str) -> Object:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no matcher of Alertmanager")
    return {"name": found["name"], "value": found["value"], "matchType": found["type"]}


def _camel(content: Mapping[str, Any]) -> Object:
    """The same with keys as Kubernetes writes them."""
    return {re.sub(r"_(\w)", lambda m: m[1].upper(), key): value for key, value in content.items()}


def write(folder: Path = FOLDER) -> None:
    """Write every file, and remove those that are no longer made."""
    folder.mkdir(parents=True, exist_ok=True)
    made = files()
    for stale in {path.name for path in folder.glob("*.yaml")} - made.keys():
        (folder / stale).unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """Text of several lines stays so, and nothing is an alias."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _text)
