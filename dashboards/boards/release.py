"""*Release*: is it the release? Where it stands, and what the judge sees."""

from typing import Any

from grafana_foundation_sdk.models import units

from dashboards.boards import versions
from dashboards.boards.frame import Section, board
from dashboards.boards.parts import About, Query, bars, lines, number, states
from dashboards.boards.promql import (
    BY_ENDPOINT,
    BY_VERSION,
    EP,
    IN,
    MV,
    NS,
    V,
    failed_share,
    latency_ms,
    pick,
    requests,
)

NOBODY = "no requests"
NONE = "no release under way"


def content() -> dict[str, Any]:
    """The board."""
    return board(
        "release",
        "Sluice: release",
        "Where the endpoint's release stands, and what the judge sees of both versions.",
        since="now-1h",
        of_endpoint=True,
        sections=[_stands(), _judged()],
    )


def _stands() -> Section:
    lease = pick("sluice_lease_expires_timestamp_seconds", *IN)
    began = pick("sluice_release_started_timestamp_seconds", *IN)
    ended = pick("sluice_release_finished_total", *IN)
    phase = pick("sluice_release_phase", *IN)
    return "Where it stands", [
        number(
            About(
                "Lease left",
                "How long the release may still be silent before the reaper ends"
                " it; red: it is silent.",
                units.Seconds,
                NONE,
                {-86400: "red", 0: "green"},
                width=6,
            ),
            Query(f"max({lease}) - time()"),
        ),
        number(
            About(
                "Held",
                "Whether the release waits for a person.",
                units.Short,
                "no release yet",
                {1: "orange"},
                width=6,
                values={"0": ("no", "text"), "1": ("held", "orange")},
            ),
            Query(f"max({pick('sluice_release_held', *IN)})"),
        ),
        number(
            About(
                "Newest release began",
                "How long ago the newest release began.",
                units.Seconds,
                "no release yet",
                width=6,
            ),
            Query(f"time() - max({began})"),
        ),
        bars(
            About(
                "Ended in this time",
                "How the endpoint's releases ended.",
                units.Short,
                "no release has ended",
                width=6,
                height=4,
                decimals=0,
            ),
            Query(f"sum by (outcome) (round(increase({ended}[$__range])))", "{{outcome}}"),
        ),
        states(
            About(
                "Phase",
                "What the release did, and when.",
                units.Short,
                "no release yet",
                width=24,
                height=8,
                values={"0": ("", "transparent"), "1": ("here", "blue")},
            ),
            Query(f"max by (phase) ({phase})", "{{phase}}"),
        ),
        versions.rows_of(IN),
    ]


def _judged() -> Section:
    rates = requests(f"by ({NS}, {EP}, {MV})", IN)
    whole = requests(BY_ENDPOINT, IN)
    evidence = pick("sluice_release_evidence", *IN)
    bound = pick("sluice_release_evidence_bound", *IN)
    asked = pick("sluice_release_weight_percent", *IN)
    return "What the judge sees", [
        lines(
            About(
                "Share of the traffic",
                "Whether the gateway gives each version what the release asks for (dashed).",
                units.Percent,
                NONE,
                width=12,
            ),
            Query(f"100 * {rates} / on ({NS}, {EP}) group_left () ({whole} > 0)", f"observed {V}"),
            Query(f"max by ({MV}, arm) ({asked})", f"asked {V} {{{{arm}}}}"),
            stepped="^asked",
        ),
        lines(
            About(
                "Evidence against its bound",
                "How near each test is to a decision: at 1 it decides.",
                units.Short,
                NONE,
                {1: "red"},
                width=12,
            ),
            Query(f"max by (test) ({evidence} / ({bound} > 0))", "{{test}}"),
            least=None,
        ),
        lines(
            About("p95", "Whether the candidate is slower.", units.Milliseconds, NOBODY),
            Query(latency_ms(0.95, (MV,), IN), V),
        ),
        lines(
            About(
                "Failed share",
                "Whether the candidate fails more; the line is the usual limit, 1%.",
                units.PercentUnit,
                NOBODY,
                {0.01: "red"},
            ),
            Query(failed_share(BY_VERSION, IN), V),
        ),
        lines(
            About("Requests", "How fast evidence can come.", units.RequestsPerSecond, NOBODY),
            Query(requests(BY_VERSION, IN), V),
        ),
    ]
