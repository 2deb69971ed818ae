"""The metrics that boards and rules may read, and of which type each is.

What is scraped stands here by who says it; what is recorded is read from the rules. A test asks the
live Prometheus whether every scraped one is there, and of this type.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from components import gateway

Type = Literal["counter", "gauge", "histogram", "constant"]
"""A constant is recorded as ``vector(number)``: it is never zero."""

SCRAPED: Mapping[str, Mapping[str, Type]] = {
    "gateway": {
        gateway.REQUESTS_SERIES: "counter",
        gateway.LATENCY_SERIES.removesuffix("_bucket"): "histogram",
        gateway.RATE_LIMITED_SERIES: "counter",
        "envoy_cluster_upstream_rq_active": "gauge",
    },
    "predictor": {
        "inference_refused_total": "counter",
        "inference_in_flight": "gauge",
        "inference_queue_depth": "gauge",
        "inference_executors_busy": "gauge",
        "inference_calibration_executors": "gauge",
        "inference_latency_seconds": "histogram",
        "inference_queue_seconds": "histogram",
        "inference_prepare_seconds": "histogram",
        "inference_model_seconds": "histogram",
        "inference_batch_size": "histogram",
        "inference_padding_waste": "histogram",
        "process_cpu_seconds_total": "counter",
        "process_resident_memory_bytes": "gauge",
        "process_start_time_seconds": "gauge",
        "process_open_fds": "gauge",
    },
    "sluice": {
        "sluice_endpoint_info": "gauge",
        "sluice_version_info": "gauge",
        "sluice_version_cpu_cores": "gauge",
        "sluice_version_memory_bytes": "gauge",
        "sluice_release_phase": "gauge",
        "sluice_release_weight_percent": "gauge",
        "sluice_release_evidence": "gauge",
        "sluice_release_evidence_bound": "gauge",
        "sluice_release_started_timestamp_seconds": "gauge",
        "sluice_release_finished_total": "counter",
        "sluice_release_held": "gauge",
        "sluice_lease_expires_timestamp_seconds": "gauge",
        "sluice_drift_evidence": "gauge",
        "sluice_drift_evidence_bound": "gauge",
        "sluice_drift_alarm": "gauge",
        "sluice_drift_last_run_timestamp_seconds": "gauge",
        "sluice_exporter_damaged_records": "gauge",
        "sluice_exporter_damaged_leases": "gauge",
        "sluice_exporter_damaged_endpoints": "gauge",
        "sluice_price_usd_per_hour": "gauge",
        "sluice_price_age_days": "gauge",
    },
}
"""By the scrape job."""

_CONSTANT = re.compile(r"vector\(0*[.0-9]*[1-9][.0-9]*\)")

PROMETHEUS_OWN: Mapping[str, Type] = {"up": "gauge", "ALERTS": "gauge"}


def known(groups: Iterable[Mapping[str, Any]]) -> dict[str, Type]:
    """Every series' name and type: what is scraped, and what these groups of rules record."""
    found: dict[str, Type] = dict(PROMETHEUS_OWN)
    for metrics in SCRAPED.values():
        for name, kind in metrics.items():
            parts = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
            found |= {f"{name}{part}": "counter" if part else kind for part in parts}
    for rule in (rule for group in groups for rule in group["rules"]):
        if "record" in rule:
            found[rule["record"]] = "constant" if _CONSTANT.fullmatch(rule["expr"]) else "gauge"
    return found
