"""Prometheus: the raw counters of the gateway and of every predictor."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from components.errors import PlatformError
from dashboards import rules
from local.files import replace
from local.home import REPOSITORY, Home
from local.loopback import probe
from local.predictors import Backend
from local.servers.program import Program, Server

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
            "labels": {"endpoint": each.endpoint, "model_version": each.version},
        }
        for each in sorted(predictors, key=lambda b: (b.endpoint, b.version))
    ]
    replace(targets(home), json.dumps(listed, indent=1))


def prepare(home: Home, ports: dict[str, int]) -> None:
    """Write the configuration."""
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms", "evaluation_interval": "5s"},
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
                "static_configs": [{"targets": [f"127.0.0.1:{ports['gateway_stats']}"]}],
            },
            {
                "job_name": "predictor",
                "file_sd_configs": [{"files": [str(targets(home))], "refresh_interval": "5s"}],
            },
        ],
    }
    # JSON is YAML.
    replace(home.path / "prometheus.yaml", json.dumps(config, indent=1))


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
            "--log.level=warn",
        ),
    )
    return Server(program, url(ports), ("prometheus",), lambda: probe(f"{url(ports)}/-/ready"))
