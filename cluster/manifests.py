"""What of ``manifests/`` says the same as our code: ``python -m cluster.manifests`` writes it.

How proxies count (`cluster.evidence`), and how Prometheus scrapes what they counted. Committed, and
compared by a test.
"""

from pathlib import Path
from typing import Any

import yaml

from cluster import evidence, steady
from cluster.kinds import CONFIG_MAP, Kind, Object
from cluster.settings import SYSTEM, Gateway
from components import gateway

FOLDER = Path(__file__).parents[1] / "manifests"
HEAD = "# Written by `python -m cluster.manifests`: change what it is made of.\n"

ENVOY_PROXY = Kind("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy", "envoyproxies")
_LISTENERS = ("http", "https")
_POD = "__meta_kubernetes_pod"
_PORT = f"{_POD}_container_port_name"
_OWNER = f"{_POD}_label_gateway_envoyproxy_io_owning_gateway"
_SERVICE = f"{_POD}_label_serving_kserve_io_inferenceservice"


def files() -> dict[str, str]:
    """The text of each file, by its path in `FOLDER`."""
    to = Gateway(url="http://sluice")
    made = {
        "base/proxy.yaml": _written(_proxy(to)),
        "base/steady.yaml": _written(*steady.objects(to)),
        "base/prometheus-settings.yaml": _written(_prometheus(to)),
    }
    for listener in _LISTENERS:
        policies = evidence.policies(to, listener, encrypted=listener == "https")
        made[f"components/{listener}/evidence.yaml"] = _written(
            *(each | {"metadata": each["metadata"] | {"namespace": SYSTEM}} for each in policies)
        )
    return made


def write() -> None:
    """Write every file."""
    for path, text in files().items():
        (FOLDER / path).write_text(text, encoding="utf-8")


def _proxy(to: Gateway) -> Object:
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    kubernetes = {"envoyDeployment": {"replicas": 2, "container": {"resources": resources}}}
    return ENVOY_PROXY.object(
        {"name": to.name, "namespace": to.namespace},
        spec={
            "provider": {"type": "Kubernetes", "kubernetes": kubernetes},
            "bootstrap": {"type": "JSONPatch", "jsonPatches": evidence.bootstrap_patches()},
        },
    )


def _prometheus(to: Gateway) -> Object:
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "5s"},
        "scrape_configs": [_gateway_job(to), _predictor_job()],
    }
    return CONFIG_MAP.object(
        {"name": "sluice-prometheus", "namespace": SYSTEM},
        data={"prometheus.yaml": _text_of(config)},
    )


def _gateway_job(to: Gateway) -> Object:
    return {
        "job_name": "gateway",
        "metrics_path": "/stats/prometheus",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [to.proxies]}}],
        "relabel_configs": [
            _keep(f"{_OWNER}_name", to.name),
            _keep(f"{_OWNER}_namespace", to.namespace),
            # A pod is listed once for each of its ports.
            _keep(_PORT, "metrics"),
        ],
        "metric_relabel_configs": gateway.relabelling(),
    }


def _predictor_job() -> Object:
    labels = {
        f"{_POD}_label_{gateway.ENDPOINT_LABEL}": gateway.ENDPOINT_LABEL,
        f"{_POD}_label_{gateway.VERSION_LABEL}": gateway.VERSION_LABEL,
        "__meta_kubernetes_namespace": gateway.NAMESPACE_LABEL,
    }
    own = f"exported_({gateway.ENDPOINT_LABEL}|{gateway.VERSION_LABEL})"
    return {
        "job_name": "predictor",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            _keep(_SERVICE, ".+"),
            _keep(_PORT, "http1"),
            *({"source_labels": [told], "target_label": name} for told, name in labels.items()),
        ],
        # A predictor says of itself what its target says, but for a baseline's.
        "metric_relabel_configs": [{"regex": own, "action": "labeldrop"}],
    }


def _keep(label: str, value: str) -> dict[str, Any]:
    return {"source_labels": [label], "regex": value, "action": "keep"}


def _written(*objects: Object) -> str:
    return HEAD + "---\n".join(map(_text_of, objects))


def _text_of(content: Object) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

if __name__ == "__main__":
    write()
