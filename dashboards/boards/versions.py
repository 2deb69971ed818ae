"""The table of an endpoint's versions, which two boards show."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import units

from dashboards.boards.frame import field_of, to_board, to_registry
from dashboards.boards.parts import About, Column, Query, rows
from dashboards.boards.promql import (
    ARM,
    BY_VERSION,
    MV,
    failed_share,
    latency_ms,
    pick,
    requests,
)

_TOLD = (MV, ARM, "model", "model_number", "runtime", "price")


def rows_of(where: tuple[str, ...]) -> table.Panel:
    """What each version is, what its users get, and where it is in MLflow."""
    info = pick("sluice_version_info", *where)
    known = f"max by ({', '.join(_TOLD)}) ({info})"
    return rows(
        About(
            "Versions",
            "Which versions serve, as what, and what users got of each over the last 5 minutes.",
            units.Short,
            "no version serves",
            width=24,
            height=6,
        ),
        (
            Query(known),
            *(
                Query(f"({expr}) and on ({MV}) {info}")
                for expr in (
                    requests(BY_VERSION, where, "5m"),
                    failed_share(BY_VERSION, where, "5m"),
                    latency_ms(0.95, (MV,), where, "5m"),
                )
            ),
        ),
        (
            Column(
                MV,
                "Version",
                link=to_board("endpoint", version=field_of("Version")),
                title="This version alone",
            ),
            Column(ARM, "Arm", link=to_board("release"), title="The release"),
            Column("Value #B", "Requests", units.RequestsPerSecond, decimals=2),
            Column("Value #C", "Failed", units.PercentUnit, {0.01: "red"}, decimals=2),
            Column("Value #D", "p95", units.Milliseconds, {200: "red"}, decimals=0),
            Column("model", "Model"),
            Column(
                "model_number",
                "MLflow",
                link=to_registry(field_of("Model"), field_of("MLflow")),
                title="The version in MLflow",
            ),
            Column("runtime", "Runtime"),
            Column("price", "Price"),
        ),
    )
