"""Every alert on both sides of its edge, by Prometheus' own tool.

A case says what is scraped, when the alert is still silent and when it fires; the tool compares all
alerts of the name, with their labels and what they say. Windows are only as long as a case's own
history, so a case about hours has healthy hours before it.
"""

import random
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import rules
from local.servers.prometheus_server import binary
from tests.support.endpoints import endpoint

WHOSE = {"namespace": "local", "endpoint": "a"}
VERSION = {**WHOSE, "model_version": "1"}
HOUR = 3600


@dataclass(frozen=True)
class Fires:
    """One alert that fires: the labels that it has from its series, its value as it is told."""

    labels: Mapping[str, str]
    said: str = ""
    rule: Mapping[str, str] = field(default_factory=dict)
    """Labels that tell the rule from others of the name."""


@dataclass(frozen=True)
class Case:
    """What is scraped, by series, and which alerts of one name fire when."""

    alert: str
    series: Mapping[str, str]
    expected: Mapping[int, tuple[Fires, ...]]
    """By seconds since the beginning."""
    name: str = ""


def series(name: str, **labels: str) -> str:
    inner = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"


def alerts() -> list[dict[str, Any]]:
    return [rule for group in rules.groups() for rule in group["rules"] if "alert" in rule]


def expanded(text: str, fires: Fires) -> str:
    """An annotation as it is told: templates of labels, and of the value."""
    told = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: fires.labels[found[1]], text)
    return re.sub(r"{{ \$value .*? }}", fires.said, told)


def wanted(name: str, fires: Fires) -> dict[str, Any]:
    """What promtool is to find of an alert that fires."""
    (rule,) = (
        rule
        for rule in alerts()
        if rule["alert"] == name and fires.rule.items() <= rule["labels"].items()
    )
    return {
        "exp_labels": {**fires.labels, **rule["labels"]},
        "exp_annotations": {
            key: expanded(text, fires) for key, text in rule["annotations"].items()
        },
    }


def run(folder: Path, every_s: int, cases: Iterable[Case]) -> None:
    """Let promtool try the cases; rules are evaluated, and series scraped, every so many seconds."""
    (folder / "all.yaml").write_text(rules.text(every_s))
    (folder / "a.yaml").write_text(rules.of_endpoint(endpoint("a"), every_s=every_s))
    tests = [
        {
            "name": case.name or case.alert,
            "interval": f"{every_s}s",
            "input_series": [
                {"series": name, "values": values} for name, values in case.series.items()
            ],
            "alert_rule_test": [
                {
                    "alertname": case.alert,
                    "eval_time": f"{at}s",
                    "exp_alerts": [wanted(case.alert, each) for each in expected],
                }
                for at, expected in case.expected.items()
            ],
        }
        for case in cases
    ]
    content = {
        "rule_files": ["all.yaml", "a.yaml"],
        "evaluation_interval": f"{every_s}s",
        "tests": tests,
    }
    file = folder / "cases.yaml"
    file.write_text(yaml.safe_dump(content))
    done = subprocess.run(
        [str(binary("promtool")), "test", "rules", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


UP_GATEWAY = series("up", job="gateway")
UP_EXPORTER = series("up", job="sluice")

STATES = (
    Case(
        "GatewayNotScraped",
        {UP_GATEWAY: "1x3 0x20"},
        {30: (), 35: (Fires({"job": "gateway"}),)},
    ),
    Case(
        "GatewayNotScraped", {}, {10: (), 15: (Fires({"job": "gateway"}),)}, "no gateway is known"
    ),
    Case(
        "PredictorNotScraped",
        {series("up", job="predictor", **VERSION): "1x3 0x20"},
        {45: (), 50: (Fires({"job": "predictor", **VERSION}),)},
    ),
    Case(
        "ExporterNotScraped",
        {UP_EXPORTER: "1x3 0x20"},
        {75: (), 80: (Fires({"job": "sluice"}),)},
    ),
    Case("ExporterNotScraped", {}, {55: (), 60: (Fires({"job": "sluice"}),)}, "none is known"),
    Case(
        "LeaseExpired",
        {series("sluice_lease_expires_timestamp_seconds", **WHOSE): "100x60"},
        # At 160 s its grace is over to the second; a minute after 165 s it is told.
        {220: (), 225: (Fires(WHOSE),)},
    ),
    Case(
        "LeaseExpired",
        {series("sluice_lease_expires_timestamp_seconds", **WHOSE): "100+5x60"},
        {300: ()},
        "a lease that is renewed",
    ),
    Case(
        "ReleaseHeld",
        {series("sluice_release_held", **WHOSE): "0x3 1x30"},
        {75: (), 80: (Fires(WHOSE),)},
    ),
    Case(
        "DriftFound",
        {series("sluice_drift_alarm", **WHOSE, signal="inputs"): "0x3 1x30"},
        {15: (), 20: (Fires({**WHOSE, "signal": "inputs"}),)},
    ),
    Case(
        "DriftJobStale",
        {series("sluice_drift_last_run_timestamp_seconds", **WHOSE): "-93500x90"},
        {400: (), 405: (Fires(WHOSE, "1d 2h 5m 5s"),)},
    ),
    Case(
        "VersionUnpriced",
        {
            series("sluice_version_info", **VERSION, price=""): "1x130",
            series("sluice_version_info", **WHOSE, model_version="2", price="p"): "1x130",
            series("sluice_price_usd_per_hour", price="p"): "0.1x130",
        },
        {595: (), 600: (Fires(VERSION),)},
    ),
    Case(
        "QueueAtLimit",
        {series("inference_refused_total", **VERSION, reason="shed"): "0x12 1+1x100"},
        {360: (), 365: (Fires(VERSION),)},
    ),
    Case(
        "QueueAtLimit",
        {
            series("inference_refused_total", **VERSION, reason="shed"): "0x12 9x100",
            series("inference_refused_total", **VERSION, reason="expired"): "0+1x112",
        },
        {365: (), 560: ()},
        "one burst, and requests that were too late",
    ),
)


def test_every_state_is_silent_before_its_edge_and_fires_after_it(tmp_path: Path) -> None:
    run(tmp_path, 5, STATES)


def answered(ok: str, failed: str) -> dict[str, str]:
    """Series of what the gateway counted of version 1."""
    return {
        series("envoy_sluice_requests", **VERSION, code="200", grpc=""): ok,
        series("envoy_sluice_requests", **VERSION, code="503", grpc=""): failed,
    }


def test_probe(tmp_path: Path) -> None:
    run(tmp_path, 30, [Case("AvailabilityBurn", answered("0+30x720 21624+24x240", "0x720 6+6x240"), {6*HOUR+47*60+30: (), 6*HOUR+48*60: ()})])
