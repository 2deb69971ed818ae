"""*Fleet*: which endpoint needs me? All of a namespace, one row each."""

from typing import Any

from grafana_foundation_sdk.models import units

from dashboards.boards import predictor
from dashboards.boards.frame import Section, board, field_of, to_board
from dashboards.boards.parts import About, Column, Query, lines, number, rows
from dashboards.boards.promql import (
    BY_ENDPOINT,
    EP,
    GATEWAY,
    NS,
    SPACE,
    E,
    failed_share,
    latency_ms,
    pick,
    requests,
)

NOBODY = "no requests"
FIRING = 'alertstate="firing"'

_KEPT = ("records", "leases", "endpoints")


def content() -> dict[str, Any]:
    """The board."""
    return board(
        "fleet",
        "Sluice: fleet",
        "Which endpoint of the namespace needs somebody, and why.",
        since="now-6h",
        of_endpoint=False,
        sections=[_now(), _all(), _since()],
    )


def _now() -> Section:
    return "Now", [
        number(
            About("Endpoints", "How many are known.", units.Short, "none", width=4),
            Query(f"count({pick('sluice_endpoint_info', SPACE[0])})"),
        ),
        number(
            About(
                "Alerts",
                "How many alerts fire, of all namespaces.",
                units.Short,
                "none",
                {1: "red"},
                width=4,
            ),
            Query(f"count({pick('ALERTS', FIRING)}) or vector(0)"),
        ),
        number(
            About(
                "Gateways silent",
                "Gateways that do not answer Prometheus.",
                units.Short,
                "none known",
                {1: "red"},
                width=4,
            ),
            Query(f"count({pick('up', GATEWAY)} == 0) or vector(0)"),
        ),
        predictor.silent(SPACE),
        number(
            About(
                "Releases held",
                "How many wait for a person.",
                units.Short,
                "none",
                {1: "orange"},
                width=4,
            ),
            Query(f"sum({pick('sluice_release_held', *SPACE)})"),
        ),
        number(
            About(
                "Damaged",
                "Decision records, leases and endpoints' files that cannot be read.",
                units.Short,
                "no exporter",
                {1: "red"},
                width=4,
            ),
            Query(" + ".join(f"sum({pick(f'sluice_exporter_damaged_{what}')})" for what in _KEPT)),
        ),
    ]


def _all() -> Section:
    endpoint = field_of("Endpoint")
    drift = pick("sluice_drift_alarm", *SPACE)
    cost = pick("version:sluice_cost:usd_per_hour", *SPACE)
    known = pick("sluice_endpoint_info", SPACE[0])
    releasing = pick("sluice_lease_expires_timestamp_seconds", *SPACE)
    return "Endpoints", [
        rows(
            About(
                "Endpoints",
                "Every endpoint, over the last 5 minutes; budget and cost over the last hour.",
                units.Short,
                "no endpoint is known",
                width=24,
                height=10,
            ),
            (
                Query(f"max by ({NS}, {EP}, model) ({known})"),
                Query(requests(BY_ENDPOINT, SPACE, "5m")),
                Query(failed_share(BY_ENDPOINT, SPACE, "5m")),
                Query(latency_ms(0.95, (NS, EP), SPACE, "5m")),
                Query(pick("endpoint:sluice_availability_burn:rate1h", *SPACE)),
                Query(f"sum {BY_ENDPOINT} ({cost})"),
                Query(pick("endpoint:sluice_cost:usd_per_1000_1h", *SPACE)),
                Query(f"max {BY_ENDPOINT} ({drift})"),
                Query(f"max {BY_ENDPOINT} ({releasing}) - time()"),
            ),
            (
                Column(EP, "Endpoint", link=to_board("endpoint", endpoint), title="The endpoint"),
                Column("model", "Model"),
                Column("Value #B", "Requests", units.RequestsPerSecond, decimals=2),
                Column("Value #C", "Failed", units.PercentUnit, {0.01: "red"}, decimals=2),
                Column("Value #D", "p95", units.Milliseconds, {200: "red"}, decimals=0),
                Column("Value #E", "Burn", "suffix:x", {1: "orange", 14.4: "red"}, decimals=2),
                Column("Value #F", "USD/h", units.Dollars, decimals=3),
                Column("Value #G", "USD per 1,000", units.Dollars, decimals=4),
                Column("Value #H", "Drift", units.Short, {1: "red"}),
                Column(
                    "Value #I",
                    "Lease left",
                    units.Seconds,
                    {-86400: "red", 0: "green"},
                    to_board("release", endpoint),
                    "The release",
                ),
            ),
        ),
    ]


def _since() -> Section:
    cost = pick("version:sluice_cost:usd_per_hour", *SPACE)
    return "Since then", [
        lines(
            About(
                "Requests", "Which endpoint is asked, and when.", units.RequestsPerSecond, NOBODY
            ),
            Query(requests(BY_ENDPOINT, SPACE), E),
        ),
        lines(
            About(
                "Availability budget burnt",
                "Which endpoint fails faster than its objective"
                " allows, over the hour before; at 14.4 it pages.",
                "suffix:x",
                NOBODY,
                {1: "orange", 14.4: "red"},
            ),
            Query(pick("endpoint:sluice_availability_burn:rate1h", *SPACE), E),
        ),
        lines(
            About(
                "Latency budget burnt",
                "Which endpoint is slower than its objective allows,"
                " over the hour before; at 14.4 it pages.",
                "suffix:x",
                NOBODY,
                {1: "orange", 14.4: "red"},
            ),
            Query(pick("endpoint:sluice_latency_burn:rate1h", *SPACE), E),
        ),
        lines(
            About(
                "Failed share", "Which endpoint fails.", units.PercentUnit, NOBODY, {0.01: "red"}
            ),
            Query(failed_share(BY_ENDPOINT, SPACE), E),
        ),
        lines(
            About("p95", "Which endpoint is slow.", units.Milliseconds, NOBODY, {200: "red"}),
            Query(latency_ms(0.95, (NS, EP), SPACE), E),
        ),
        lines(
            About(
                "Cost",
                "Which endpoint costs how much.",
                units.Dollars,
                "nothing is priced",
                decimals=3,
            ),
            Query(f"sum {BY_ENDPOINT} ({cost})", E),
            stacked=True,
        ),
    ]
