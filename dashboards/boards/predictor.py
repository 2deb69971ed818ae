"""What predictors say of themselves: the lower half of the board *Endpoint*, and who is silent."""

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models import units

from dashboards.boards.frame import Section
from dashboards.boards.parts import About, Query, bars, lines, number
from dashboards.boards.promql import (
    BY_VERSION,
    OF,
    PREDICTOR,
    R,
    V,
    latency_mean_ms,
    mean,
    pick,
    rate,
    requests,
    stage_mean_ms,
    stage_ms,
)

NOBODY = "no requests"
_PROCESS = (PREDICTOR, *OF)


def silent(where: tuple[str, ...]) -> stat.Panel:
    """How many predictors Prometheus cannot ask."""
    return number(
        About(
            "Predictors silent",
            "Predictors that do not answer Prometheus.",
            units.Short,
            "none known",
            {1: "red"},
            width=4,
        ),
        Query(f"count({pick('up', PREDICTOR, *where)} == 0) or vector(0)"),
    )


def time() -> Section:
    """Where the time goes."""
    stages = {"queue": "in the queue", "prepare": "preparing", "model": "in the model"}
    busy = pick("inference_executors_busy", *OF)
    executors = pick("inference_calibration_executors", *OF)
    sizes = pick("inference_batch_size_bucket", *OF)
    active = pick("envoy_cluster_upstream_rq_active", *OF)
    return "Where time goes", [
        lines(
            About(
                "p95 of each stage",
                "Which stage of the predictor is slow.",
                units.Milliseconds,
                NOBODY,
                width=12,
            ),
            *(
                Query(stage_ms(f"inference_{stage}_seconds", 0.95, OF), name)
                for stage, name in stages.items()
            ),
        ),
        lines(
            About(
                "Between gateway and predictor",
                "What the way costs: the gateway's mean latency"
                " without the predictor's. A histogram's edge is 14% wide, so means are"
                " compared, not quantiles.",
                units.Milliseconds,
                NOBODY,
                width=12,
            ),
            Query(
                f"{latency_mean_ms(BY_VERSION, OF)} - "
                f"{stage_mean_ms('inference_latency_seconds', BY_VERSION, OF)}",
                V,
            ),
            Query(stage_mean_ms("inference_latency_seconds", BY_VERSION, OF), f"predictor {V}"),
        ),
        lines(
            About(
                "Waiting and in flight",
                "Whether requests pile up: at its limit (256 in most files) the queue sheds.",
                units.Short,
                "no predictor",
            ),
            Query(f"sum {BY_VERSION} ({pick('inference_queue_depth', *OF)})", f"queued {V}"),
            Query(f"sum {BY_VERSION} ({pick('inference_in_flight', *OF)})", f"in flight {V}"),
            Query(f"sum {BY_VERSION} ({active})", f"open at the gateway {V}"),
        ),
        lines(
            About(
                "Executors busy",
                "Whether the predictor has time left: at 100% requests wait.",
                units.PercentUnit,
                "no predictor",
                {0.9: "orange"},
            ),
            Query(f"avg {BY_VERSION} (avg_over_time({busy}[{R}]) / ({executors} > 0))", V),
        ),
        lines(
            About(
                "Padding",
                "Share of the model's work that is filler between texts of unequal length.",
                units.PercentUnit,
                NOBODY,
                {0.3: "orange"},
            ),
            Query(mean("inference_padding_waste", BY_VERSION, OF), V),
        ),
        lines(
            About(
                "Predictors",
                "How many there are of each version: the autoscaler adds some where requests wait.",
                units.Short,
                "no predictor",
                width=24,
                height=6,
            ),
            Query(pick("version:sluice_replicas:count", *OF), V),
        ),
        bars(
            About(
                "Rows of a batch, whole time",
                "Whether requests run together: batches by their number of rows.",
                units.Short,
                NOBODY,
                width=24,
                height=7,
            ),
            Query(f"sum by (le) (increase({sizes}[$__range]))", "{{le}}"),
            buckets=True,
        ),
    ]


def machine() -> Section:
    """What the version takes of its machine."""
    cpu = rate(pick("process_cpu_seconds_total", *_PROCESS))
    asked = f"max {BY_VERSION} ({pick('sluice_version_cpu_cores', *OF)})"
    room = f"max {BY_VERSION} ({pick('sluice_version_memory_bytes', *OF)})"
    return "Machine", [
        lines(
            About(
                "CPU",
                "How many cores each version uses, and what its file asks for (dashed).",
                "suffix: cores",
                "no predictor",
            ),
            Query(f"sum {BY_VERSION} ({cpu})", V),
            Query(asked, f"asked {V}"),
            stepped="^asked",
        ),
        lines(
            About(
                "Memory",
                "Whether a version leaks or outgrows what its file asks for (dashed).",
                units.BytesIEC,
                "no predictor",
            ),
            Query(f"sum {BY_VERSION} ({pick('process_resident_memory_bytes', *_PROCESS)})", V),
            Query(room, f"asked {V}"),
            stepped="^asked",
        ),
        lines(
            About(
                "CPU seconds per 1,000 requests",
                "Whether a version needs more work for the same answers.",
                units.Seconds,
                NOBODY,
            ),
            Query(f"1000 * sum {BY_VERSION} ({cpu}) / ({requests(BY_VERSION, OF)} > 0)", V),
        ),
        lines(
            About(
                "Restarts in the last hour",
                "Whether predictors die and come back (a fixed 1h window).",
                units.Short,
                "no predictor",
                {1: "orange"},
                width=12,
            ),
            Query(
                f"sum {BY_VERSION} (changes({pick('process_start_time_seconds', *_PROCESS)}[1h]))",
                V,
            ),
        ),
        lines(
            About(
                "Open files",
                "Whether connections or files leak.",
                units.Short,
                "no predictor",
                width=12,
            ),
            Query(f"sum {BY_VERSION} ({pick('process_open_fds', *_PROCESS)})", V),
        ),
    ]
