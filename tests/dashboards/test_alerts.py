"""Every alert on both sides of its edge, by Prometheus' own tool.

A case says what is scraped, when the alert is still silent and when it fires; the tool compares all
alerts of the name, with their labels and what they say. Windows are only as long as a case's own
history, so a case about hours has healthy hours before it.
"""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dashboards import rules
from dashboards.rules import slo
from tests.support.endpoints import endpoint
from tests.support.promtool import try_cases

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
    holds: tuple[int, Mapping[str, int]] = (0, {})
    """When which PromQL gives which one value."""


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
    """Let promtool try the cases, with rules that are evaluated every so many seconds."""
    a, base = endpoint("a"), rules.groups(every_s)
    (folder / "all.yaml").write_text(rules.text(every_s))
    (folder / "a.yaml").write_text(rules.of_endpoint(a, every_s=every_s))
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
            "promql_expr_test": [
                {
                    "expr": expr,
                    "eval_time": f"{case.holds[0]}s",
                    "exp_samples": [{"labels": "{}", "value": value}],
                }
                for expr, value in case.holds[1].items()
            ],
        }
        for case in cases
    ]
    content = {
        "rule_files": ["all.yaml", "a.yaml"],
        "evaluation_interval": f"{every_s}s",
        # In any other order an alert is late by one step, by chance.
        "group_eval_order": [group["name"] for group in (*slo.objectives(a, "local"), *base)],
        "tests": tests,
    }
    try_cases(folder, content)


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
            series("up", job="predictor", **VERSION): "1x130",
            series("sluice_version_info", **VERSION, price="of nobody"): "1x130",
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


def answered(ok: str, failed: str, version: str = "1") -> dict[str, str]:
    """Series of what the gateway counted of a version."""
    whose = {**WHOSE, "model_version": version, "grpc": ""}
    return {
        series("envoy_sluice_requests", **whose, code="200"): ok,
        series("envoy_sluice_requests", **whose, code="503"): failed,
    }


def burns(long: str, short: str, times: str) -> Fires:
    return Fires(WHOSE, times, {"long": long, "short": short})


def seven_an_hour(first: int, count: int) -> str:
    """A counter that rises every eight or nine minutes, scraped each minute."""
    return " ".join(f"{number}x{7 + number % 2}" for number in range(first, first + count))


OUTAGE = answered(f"0x8 {seven_an_hour(1, 42)} 42x200", f"_x366 {seven_an_hour(1, 20)}")
"""After six healthy hours at 7 requests an hour every one fails, the first of them at 6h06m: no
rate sees that one, for the series is born with it."""

MINUTES = 60
FAST = (
    Case(
        "AvailabilityBurn",
        answered("0+60x360 21648+48x120", "0x360 12+12x120"),
        {
            6 * HOUR + 47 * MINUTES: (),
            6 * HOUR + 48 * MINUTES: (burns("1h", "5m", "15.1"),),
        },
        "20% fail after six healthy hours",
    ),
    Case(
        "AvailabilityBurn",
        OUTAGE,
        {
            6 * HOUR + 54 * MINUTES: (),
            6 * HOUR + 55 * MINUTES: (burns("1h", "5m", "83.3"),),
            # No request comes for eight minutes at a time, and it fires on.
            7 * HOUR + 6 * MINUTES: (burns("1h", "5m", "100.0"),),
        },
        "a total outage at 7 requests an hour pages",
    ),
    Case(
        "AvailabilityBurn",
        answered(f"0x8 {seven_an_hour(1, 84)}", f"_x366 {seven_an_hour(1, 5)} 5x200"),
        {7 * HOUR: ()},
        "five failures an hour, of which rates see four, are no reason to wake anybody",
    ),
    Case(
        "LatencyBurn",
        {
            series("envoy_sluice_latency_bucket", **VERSION, le="200000"): "0+60x360 21610+10x120",
            series("envoy_sluice_latency_bucket", **VERSION, le="+Inf"): "0+60x480",
        },
        {
            6 * HOUR + 56 * MINUTES: (),
            6 * HOUR + 57 * MINUTES: (burns("1h", "5m", "15.0"),),
        },
        "83% are too slow after six healthy hours",
    ),
    Case(
        "ErrorRateHigh",
        answered("0+72x60 4389.12+69.12x120", "0x60 2.88+2.88x120")
        | answered("0+72x180", "0+0.6x180", "2"),
        {
            HOUR + 22 * MINUTES: (),
            HOUR + 23 * MINUTES: (Fires(VERSION, "2.71%"),),
            3 * HOUR: (Fires(VERSION, "4%"),),
        },
        "a version fails 4% after a healthy hour, and another one 0.8%",
    ),
)


@pytest.mark.long
def test_what_is_burnt_in_hours_is_told_and_not_before(tmp_path: Path) -> None:
    run(tmp_path, 60, FAST)


DAY = 24 * HOUR
SLOW = (
    Case(
        "AvailabilityBurn",
        answered("0+300x288 86670+270x60", "0x288 30+30x60"),
        {
            DAY + 3 * HOUR + 50 * MINUTES: (),
            DAY + 3 * HOUR + 55 * MINUTES: (burns("6h", "30m", "6.4"),),
        },
        "10% fail after a healthy day",
    ),
    Case(
        "AvailabilityBurn",
        answered("0+300x288 86688+288x240", "0x288 12+12x240"),
        {
            DAY + 11 * HOUR: (),
            DAY + 11 * HOUR + 5 * MINUTES: (burns("3d", "6h", "1.3"),),
            DAY + 19 * HOUR: (burns("3d", "6h", "1.8"),),
            DAY + 19 * HOUR + 5 * MINUTES: (burns("3d", "6h", "1.8"), burns("1d", "2h", "3.2")),
        },
        "4% fail after a healthy day",
    ),
)


@pytest.mark.long
def test_what_leaks_for_days_is_told_and_not_before(tmp_path: Path) -> None:
    run(tmp_path, 300, SLOW)


def test_a_steady_failure_of_four_percent_does_not_flap(tmp_path: Path) -> None:
    """1.2 requests a second for three hours, each of which fails or not by chance."""
    draw, every_s, asked = random.Random(4), 60, 72  # noqa: S311
    failed = [0]
    for _ in range(180):
        failed.append(failed[-1] + sum(draw.random() < 0.04 for _ in range(asked)))
    scraped = answered(
        " ".join(str(asked * step - lost) for step, lost in enumerate(failed)),
        " ".join(map(str, failed)),
    )
    ticket = 'sum(count_over_time(ALERTS{alertstate="firing",alertname="ErrorRateHigh"}[2h]))'
    pages = 'ALERTS{alertstate="firing",alertname="AvailabilityBurn",severity="page"}'
    page = f"count(count_over_time({pages}[3h])) or vector(0)"
    held = {ticket: 2 * HOUR // every_s + 1, page: 0}
    run(tmp_path, every_s, [Case("ErrorRateHigh", scraped, {}, "4%", (3 * HOUR, held))])
