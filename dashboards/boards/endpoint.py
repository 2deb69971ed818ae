"""*Endpoint*: is it the model or the machine? What users get of each version, and why."""

from typing import Any

from grafana_foundation_sdk.models import units

from components import gateway
from components.metrics.queries import SLUICE
from dashboards.boards import predictor, versions
from dashboards.boards.frame import Section, board
from dashboards.boards.parts import About, Query, heat, lines, number
from dashboards.boards.promql import (
    BY_VERSION,
    EP,
    IN,
    MV,
    OF,
    V,
    failed_share,
    latency_ms,
    pick,
    rate,
    refused,
    requests,
)

NOBODY = "no requests"
_LIMITED = gateway.RATE_LIMITED_SERIES


def content() -> dict[str, Any]:
    """The board."""
    return board(
        "endpoint",
        "Sluice: endpoint",
        "What users get of each version of an endpoint, and where the time goes.",
        since="now-1h",
        of_endpoint=True,
        versions=True,
        sections=[_now(), _users(), predictor.time(), predictor.machine()],
    )


def _now() -> Section:
    by = f"by ({EP})"
    five = "over 5 minutes"
    return "Now", [
        number(
            About(
                f"Requests, {five}",
                "How much is asked.",
                units.RequestsPerSecond,
                NOBODY,
                width=4,
                decimals=1,
            ),
            Query(requests(by, IN, "5m")),
        ),
        number(
            About(
                f"Failed, {five}",
                "Share that failed; the judge's usual limit is 1%.",
                units.PercentUnit,
                NOBODY,
                {0.01: "red"},
                width=4,
                decimals=2,
            ),
            Query(failed_share(by, IN, "5m")),
        ),
        number(
            About(
                f"p95, {five}",
                "Latency that 5% of the users exceed, at the gateway.",
                units.Milliseconds,
                NOBODY,
                {200: "red"},
                width=4,
                decimals=0,
            ),
            Query(latency_ms(0.95, (EP,), IN, "5m")),
        ),
        predictor.silent(IN),
        number(
            About(
                "Budget burnt, last hour",
                "How fast the failures that are allowed are used up: above 1 they do not last"
                " their month, 14.4 pages.",
                "suffix:x",
                NOBODY,
                {1: "orange", 14.4: "red"},
                width=4,
                decimals=2,
            ),
            Query(pick("endpoint:sluice_availability_burn:rate1h", *IN)),
        ),
        number(
            About(
                "USD per 1,000, last hour",
                "What a thousand answers cost, idle time included.",
                units.Dollars,
                "no price or no requests",
                width=4,
                decimals=4,
            ),
            Query(pick("endpoint:sluice_cost:usd_per_1000_1h", *IN)),
        ),
        versions.rows_of(OF),
    ]


def _users() -> Section:
    bucket = rate(SLUICE.latencies.select(*OF)).replace("rate(", "increase(")
    return "What users get", [
        lines(
            About(
                "Requests", "How much is asked of each version.", units.RequestsPerSecond, NOBODY
            ),
            Query(requests(BY_VERSION, OF), V),
        ),
        lines(
            About(
                "Failed share",
                "Which version fails; the line is the judge's usual limit, 1%.",
                units.PercentUnit,
                NOBODY,
                {0.01: "red"},
            ),
            Query(failed_share(BY_VERSION, OF), V),
        ),
        lines(
            About(
                "Latency: p50, p95, p99",
                "Which version is slow, at the gateway; dashed is what the endpoint's file"
                " promises.",
                units.Milliseconds,
                NOBODY,
            ),
            *(Query(latency_ms(q, (MV,), OF), f"p{q * 100:g} {V}") for q in (0.5, 0.95, 0.99)),
            Query(f"max({pick('endpoint:sluice_slo_latency:ms', *IN)})", "promised"),
            stepped="^promised",
        ),
        heat(
            About(
                "Latency, all answers",
                "Whether a slow p95 is one slow group or a wide spread;"
                " all chosen versions together.",
                units.Microseconds,
                NOBODY,
                width=12,
            ),
            Query(f"sum by (le) ({bucket})", "{{le}}"),
        ),
        lines(
            About(
                "Refused",
                "Who is turned away, and by whom: the client's own faults, what the"
                " predictor sheds, lets expire or sees cancelled, and what the gateway limits"
                " (all endpoints together).",
                units.RequestsPerSecond,
                "nobody was refused",
                width=12,
            ),
            Query(refused(BY_VERSION, OF), f"client's fault {V}"),
            Query(
                f"sum by ({MV}, reason) ({rate(pick('inference_refused_total', *OF))})",
                f"{{{{reason}}}} {V}",
            ),
            Query(f"sum({rate(pick(_LIMITED))})", "over the limit, at the gateway"),
        ),
    ]
