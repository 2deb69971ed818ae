"""*Cost*: what does a thousand answers cost, and what of it is idle?"""

from typing import Any

from grafana_foundation_sdk.models import units

from dashboards.boards.frame import Section, board, field_of, to_board
from dashboards.boards.parts import About, Column, Query, bars, lines, number, rows
from dashboards.boards.promql import BY_ENDPOINT, EP, MV, NS, PREDICTOR, SPACE, E, R, V, pick

EV = f"{E} {V}"
UNPRICED = "nothing is priced"
KEY = f"{NS}, {EP}, {MV}"

COST = pick("version:sluice_cost:usd_per_hour", *SPACE)
IDLE = pick("version:sluice_idle:usd_per_hour", *SPACE)


def content() -> dict[str, Any]:
    """The board."""
    return board(
        "cost",
        "Sluice: cost",
        "What each endpoint costs, what of it is idle, and what a thousand answers cost.",
        since="now-24h",
        of_endpoint=False,
        sections=[_now(), _since(), _prices()],
    )


def _now() -> Section:
    unpriced = pick("version:sluice_unpriced:count", *SPACE)
    return "Now", [
        number(
            About(
                "USD an hour",
                "What all that is provisioned costs.",
                units.Dollars,
                UNPRICED,
                width=6,
                decimals=3,
            ),
            Query(f"sum({COST})"),
        ),
        number(
            About(
                "Idle, USD an hour",
                "What of it is paid for cores that do nothing.",
                units.Dollars,
                UNPRICED,
                width=6,
                decimals=3,
            ),
            Query(f"sum({IDLE})"),
        ),
        number(
            About(
                "Idle share",
                "Its share of the bill.",
                units.PercentUnit,
                UNPRICED,
                {0.8: "orange"},
                width=6,
                decimals=0,
            ),
            Query(f"sum({IDLE}) / (sum({COST}) > 0)"),
        ),
        number(
            About(
                "Versions without a price",
                "Versions that are in no sum of this board, since their file names no price.",
                units.Short,
                "none",
                {1: "orange"},
                width=6,
            ),
            Query(f"sum({unpriced}) or vector(0)"),
        ),
    ]


def _since() -> Section:
    by_1000 = pick("endpoint:sluice_cost:usd_per_1000_1h", *SPACE)
    replicas = pick("version:sluice_replicas:count", *SPACE)
    served = pick("version:sluice_served:rate5m", *SPACE)
    info = pick("sluice_version_info", *SPACE)
    priced = f"{COST} * on ({KEY}) group_left (price) max by ({KEY}, price) ({info})"
    cpu = f"rate({pick('process_cpu_seconds_total', PREDICTOR, *SPACE)}[{R}])"
    return "Since then", [
        lines(
            About(
                "USD an hour, by version",
                "Which version costs how much; two are paid for while a release compares them.",
                units.Dollars,
                UNPRICED,
                width=12,
                decimals=3,
            ),
            Query(f"sum by ({EP}, {MV}) ({COST})", EV),
            stacked=True,
        ),
        lines(
            About(
                "USD per 1,000 answers",
                "What a thousand answers of an endpoint cost, over the"
                " hour before, idle time included. By version it would mislead: a candidate has"
                " few requests for a whole predictor.",
                units.Dollars,
                "no price or no requests",
                width=12,
                decimals=4,
            ),
            Query(by_1000, E),
        ),
        lines(
            About(
                "Idle, USD an hour",
                "What is paid for cores that do nothing, by version.",
                units.Dollars,
                UNPRICED,
                decimals=3,
            ),
            Query(f"sum by ({EP}, {MV}) ({IDLE})", EV),
            stacked=True,
        ),
        lines(
            About(
                "By machine, USD an hour",
                "CPU against GPU: the bill by the machine's price.",
                units.Dollars,
                UNPRICED,
                decimals=3,
            ),
            Query(f"sum by (price) ({priced})", "{{price}}"),
            stacked=True,
        ),
        lines(
            About(
                "CPU seconds per 1,000 answers",
                "How much work an answer takes, whatever the machine costs.",
                units.Seconds,
                "no requests",
            ),
            Query(f"1000 * sum {BY_ENDPOINT} ({cpu}) / (sum {BY_ENDPOINT} ({served}) > 0)", E),
        ),
        bars(
            About(
                "Replicas now",
                "What is provisioned.",
                units.Short,
                "no predictor",
                width=12,
                height=7,
            ),
            Query(f"sum by ({EP}, {MV}) ({replicas})", EV),
        ),
        lines(
            About(
                "Answers served",
                "What the money buys: answers that were no failures.",
                units.RequestsPerSecond,
                "no requests",
                width=12,
                height=7,
            ),
            Query(f"sum {BY_ENDPOINT} ({served})", E),
        ),
    ]


def _prices() -> Section:
    ages = pick("sluice_price_age_days")
    info = f"max by ({NS}, {EP}, {MV}, price) ({pick('sluice_version_info', *SPACE)})"
    return "Prices", [
        rows(
            About(
                "Prices",
                "The prices in force, and how old they are: at 90 days they are to be"
                " looked up again, at 180 they are refused.",
                units.Short,
                "no prices",
                width=12,
                height=7,
            ),
            (
                Query(f"max by (price, revision) ({pick('sluice_price_usd_per_hour')})"),
                Query(f"max by (price) ({ages})"),
            ),
            (
                Column("price", "Price"),
                Column("revision", "Revision"),
                Column("Value #A", "USD/h", units.Dollars, decimals=4),
                Column("Value #B", "Age", "suffix: days", {90: "orange", 180: "red"}, decimals=0),
            ),
        ),
        rows(
            About(
                "Versions",
                "What each version runs on.",
                units.Short,
                "no version serves",
                width=12,
                height=7,
            ),
            (
                Query(info),
                Query(f"sum by ({NS}, {EP}, {MV}) ({COST})"),
            ),
            (
                Column(
                    EP,
                    "Endpoint",
                    link=to_board("endpoint", field_of("Endpoint")),
                    title="The endpoint",
                ),
                Column(MV, "Version"),
                Column("price", "Price"),
                Column("Value #B", "USD/h", units.Dollars, decimals=4),
            ),
        ),
    ]
