"""*Drift*: does the world still look as it did when the version was made?"""

from typing import Any

from grafana_foundation_sdk.models import units

from dashboards.boards.frame import Section, board
from dashboards.boards.parts import About, Query, lines, number, states
from dashboards.boards.promql import IN, pick

NO_JOB = "no drift job has run"


def content() -> dict[str, Any]:
    """The board."""
    return board(
        "drift",
        "Sluice: drift",
        "Whether what users send and what the version answers has moved.",
        since="now-7d",
        of_endpoint=True,
        sections=[_now(), _since()],
    )


def _now() -> Section:
    ran = pick("sluice_drift_last_run_timestamp_seconds", *IN)
    return "Now", [
        number(
            About(
                "Alarms",
                "How many signals have moved beyond doubt.",
                units.Short,
                NO_JOB,
                {1: "red"},
                width=12,
            ),
            Query(f"sum({pick('sluice_drift_alarm', *IN)})"),
        ),
        number(
            About(
                "Last run",
                "How long ago the drift job looked; it is to run every day.",
                units.Seconds,
                NO_JOB,
                {90_000: "orange", 180_000: "red"},
                width=12,
            ),
            Query(f"time() - max({ran})"),
        ),
    ]


def _since() -> Section:
    evidence = pick("sluice_drift_evidence", *IN)
    bound = pick("sluice_drift_evidence_bound", *IN)
    return "Since then", [
        lines(
            About(
                "Evidence against its bound",
                "How near each signal is to an alarm: at 1 it has moved.",
                units.Short,
                NO_JOB,
                {1: "red"},
                width=24,
                height=9,
            ),
            Query(f"max by (signal) ({evidence} / ({bound} > 0))", "{{signal}}"),
            least=None,
        ),
        states(
            About(
                "Alarms",
                "Which signal had moved, and when.",
                units.Short,
                NO_JOB,
                width=24,
                height=7,
                values={"0": ("quiet", "transparent"), "1": ("moved", "red")},
            ),
            Query(f"max by (signal) ({pick('sluice_drift_alarm', *IN)})", "{{signal}}"),
        ),
    ]
