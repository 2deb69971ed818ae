"""Recording rules and alerts: ``python -m dashboards.rules`` writes the YAML that Prometheus loads.

What users got of each version, from the gateway's own access log, by the names of
`components.gateway`; what is no user's request (`gateway.backend(aside=True)`) is left out. For
people and alerts only: the judge reads the raw counters. `sluice.test.yaml` has the cases that the
rules are tested by.
"""

from pathlib import Path
from typing import Any

import yaml

from components import gateway
from components.cost import prices
from components.metrics.queries import SLUICE, Series
from dashboards.rules import cost

FOLDER = Path(__file__).parent
FILE = FOLDER / "sluice.rules.yaml"
RUNBOOK = "docs/runbook.md"

MAX_ERROR_RATIO = 0.01
MIN_REQUESTS_PER_S = 0.25
"""Below this one lone failure is a large share: no alert."""

_BY = ", ".join(gateway.JOIN)
_REQUESTS = "version:sluice_requests:rate1m"
_ERRORS = "version:sluice_errors:rate1m"
_RATIO = "version:sluice_error_ratio:rate1m"
_P95 = "version:sluice_latency_ms:p95_1m"


def content() -> dict[str, Any]:
    """The rules as Prometheus reads them."""
    return {
        "groups": [
            {"name": "sluice-versions", "rules": _recorded()},
            {"name": "sluice-alerts", "rules": _alerts()},
            *cost.groups(prices.load()),
        ]
    }


def text() -> str:
    """The rules as `FILE` holds them."""
    head = "# Written by `python -m dashboards.rules`: change dashboards/rules/__init__.py.\n"
    return head + yaml.dump(content(), Dumper=_Dumper, sort_keys=False, width=100)


def _rate(series: Series) -> str:
    return f"rate({series.select(gateway.USERS)}[1m])"


def _recorded() -> list[dict[str, Any]]:
    requests, latencies = _rate(SLUICE.requests), _rate(SLUICE.latencies)
    failed = "\n  or\n".join(f"    {_rate(series)}" for series in SLUICE.failed)
    return [
        {"record": _REQUESTS, "expr": f"sum by ({_BY}) ({requests})"},
        # A version without an error has no series of errors: zero.
        {"record": _ERRORS, "expr": f"sum by ({_BY}) (\n{failed}\n)\nor\n0 * {_REQUESTS}\n"},
        {"record": _RATIO, "expr": f"{_ERRORS} / ({_REQUESTS} > 0)"},
        {
            "record": _P95,
            "expr": (
                f"histogram_quantile(\n  0.95, sum by ({_BY}, le) ({latencies})\n)"
                f" / {SLUICE.per_ms}\n"
            ),
        },
    ]


def _alerts() -> list[dict[str, Any]]:
    return [
        _alert(
            "GatewayNotScraped",
            f"{SLUICE.scraped.select()} == 0",
            lasting="15s",
            severity="critical",
            summary="The gateway gives no metrics; every release holds.",
            action="sluice status, then sluice up",
        ),
        _alert(
            "PredictorNotScraped",
            'up{job="predictor"} == 0',
            lasting="30s",
            severity="warning",
            summary="{{ $labels.endpoint }} version {{ $labels.model_version }} gives no metrics.",
            action="sluice status shows its log",
        ),
        _alert(
            "ErrorRateHigh",
            f"{_RATIO} > {MAX_ERROR_RATIO} and {_REQUESTS} > {MIN_REQUESTS_PER_S}",
            lasting="1m",
            severity="critical",
            summary=(
                "{{ $labels.endpoint }} version {{ $labels.model_version }} fails"
                " {{ $value | humanizePercentage }} of its requests."
            ),
            action="sluice releases shows what changed; sluice rollback ENDPOINT goes back",
        ),
    ]


def _alert(
    name: str, expr: str, *, lasting: str, severity: str, summary: str, action: str
) -> dict[str, Any]:
    annotations = {
        "summary": summary,
        "action": action,
        "runbook_url": f"{RUNBOOK}#{name.lower()}",
    }
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": annotations,
    }


class _Dumper(yaml.SafeDumper):
    """Text of several lines stays so."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _text)
