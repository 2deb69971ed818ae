"""Prometheus: the raw counters of the gateway and of every predictor."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from components import gateway
from components.disk import replace
from components.errors import PlatformError
from dashboards import rules
from local.home import REPOSITORY, Home
from local.loopback import probe
from local.predictors import Backend
from local.servers.program import Program, Server

NAMESPACE = "local"
"""Where this machine's endpoints are, as the label of that name says."""

_ONLY_THE_TARGETS = {
    "regex": f"exported_({gateway.ENDPOINT_LABEL}|{gateway.VERSION_LABEL})",
    "action": "labeldrop",
}
"""A predictor says of itself what its target says, but for a baseline's: it is a version to users,
and an arm of its own here."""

SCRAPE_INTERVAL = "1s"

TOOLS = REPOSITORY / ".tools" / "prometheus"


def binary(name: str = "prometheus") -> Path:
    """The program ``name`` (`prometheus` or `promtool`), from PATH or from `get_prometheus.sh`.

    Raises:
        PlatformError: there is none.
    """
    found = shutil.which(name) or TOOLS / name
    if not os.access(found, os.X_OK):
        raise PlatformError(f"{name} is not installed: run 'make setup' or put it on PATH")
    return Path(found)


def url(ports: dict[str, int]) -> str:
    """The server's base URL."""
    return f"http://127.0.0.1:{ports['prometheus']}"


def targets(home: Home) -> Path:
    """The file that lists the predictors to scrape."""
    return home.path / "predictors.json"


def write_targets(home: Home, predictors: Iterable[Backend]) -> None:
    """Write which predictors are scraped."""
    listed = [
        {
            "targets": [f"127.0.0.1:{each.http_port}"],
            "labels": {
                gateway.NAMESPACE_LABEL: NAMESPACE,
                gateway.ENDPOINT_LABEL: each.endpoint,
                gateway.VERSION_LABEL: each.version,
            },
        }
        for each in sorted(predictors, key=lambda b: (b.endpoint, b.version))
    ]
    replace(targets(home), json.dumps(listed, indent=1))


def _static(port: int) -> dict[str, Any]:
    labels = {gateway.NAMESPACE_LABEL: NAMESPACE}
    return {"targets": [f"127.0.0.1:{port}"], "labels": labels}


def prepare(home: Home, ports: dict[str, int]) -> bool:
    """Write the configuration; whether it changed, so that a server that runs is to start again."""
    config = {
        "global": {
            "scrape_interval": SCRAPE_INTERVAL,
            "scrape_timeout": "900ms",
            "evaluation_interval": "5s",
        },
        "rule_files": [str(rules.FILE), f"{home.rules}/*.yaml"],
        "alerting": {
            "alertmanagers": [
                {"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}
            ]
        },
        "scrape_configs": [
            {
                "job_name": "gateway",
                "metrics_path": "/stats/prometheus",
                "static_configs": [_static(ports["gateway_stats"])],
                "metric_relabel_configs": gateway.relabelling(),
            },
            {
                "job_name": "predictor",
                "file_sd_configs": [{"files": [str(targets(home))], "refresh_interval": "5s"}],
                "metric_relabel_configs": [_ONLY_THE_TARGETS],
            },
            {
                "job_name": "sluice",
                # It asks the whole platform: less often, and with more patience.
                "scrape_interval": "5s",
                "scrape_timeout": "4s",
                "static_configs": [_static(ports["exporter"])],
            },
        ],
    }
    # JSON is YAML.
    text = json.dumps(config, indent=1)
    file = home.path / "prometheus.yaml"
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    replace(file, text)
    return True


def server(home: Home, ports: dict[str, int]) -> Server:
    """Prometheus on its kept port."""
    program = Program(
        "prometheus",
        (
            str(binary()),
            f"--config.file={home.path / 'prometheus.yaml'}",
            f"--storage.tsdb.path={home.data / 'prometheus'}",
            "--storage.tsdb.retention.time=15d",
            "--storage.tsdb.retention.size=2GB",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            # Else the host's name is in every alert.
            f"--web.external-url={url(ports)}",
            "--log.level=warn",
        ),
    )
    return Server(program, url(ports), ("prometheus",), lambda: probe(f"{url(ports)}/-/ready"))
