"""What the exporter tells, as data: `docs/metrics.md` is held against it."""

from typing import Literal, NamedTuple, get_args

from components.gateway import ARM_LABEL, ENDPOINT_LABEL, VERSION_LABEL
from components.record import Outcome

Arm = Literal["champion", "candidate", "baseline", "shadow", "spare"]
"""Which part a version has at its endpoint now. A spare one has a predictor and no part."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Phase = Literal[
    "idle",
    "fetching",
    "evaluating",
    "deploying",
    "watching",
    "waiting",
    "promoting",
    "rolling_back",
]
"""Where an endpoint's release is; idle: none is under way; waiting: its next step is held."""
PHASES: tuple[Phase, ...] = get_args(Phase)


class Family(NamedTuple):
    """Series of one name."""

    name: str
    labels: tuple[str, ...]
    """In the order of each sample's values."""
    unit: str
    """Empty for what is counted or true."""
    about: str
    """One line, for people."""

    @property
    def kind(self) -> Literal["counter", "gauge"]:
        """As Prometheus calls it."""
        return "counter" if self.name.endswith("_total") else "gauge"


_OF_ENDPOINT = (ENDPOINT_LABEL,)
_OF_VERSION = (ENDPOINT_LABEL, VERSION_LABEL)

ENDPOINT = Family("sluice_endpoint_info", (*_OF_ENDPOINT, "model"), "", "Every endpoint: 1.")
VERSION = Family(
    "sluice_version_info",
    (*_OF_VERSION, ARM_LABEL, "model", "model_number", "runtime", "price"),
    "",
    "Every version, or baseline, that has a predictor: 1.",
)
CORES = Family(
    "sluice_version_cpu_cores", _OF_VERSION, "cores", "What one of its predictors may use."
)
MEMORY = Family(
    "sluice_version_memory_bytes", _OF_VERSION, "bytes", "What one of its predictors may use."
)

WEIGHT = Family(
    "sluice_release_weight_percent",
    (*_OF_VERSION, ARM_LABEL),
    "percent",
    "Share of the traffic that was asked for.",
)
PHASE = Family(
    "sluice_release_phase",
    (*_OF_ENDPOINT, "phase"),
    "",
    "1 for the phase in which the endpoint's release is, 0 for the others.",
)
STARTED = Family(
    "sluice_release_started_timestamp_seconds",
    (*_OF_VERSION, "release"),
    "seconds since the epoch",
    "When the endpoint's newest release began.",
)
HELD = Family(
    "sluice_release_held", _OF_ENDPOINT, "", "1 if the endpoint's newest release ended held."
)
FINISHED = Family(
    "sluice_release_finished_total",
    (*_OF_ENDPOINT, "outcome"),
    "releases",
    "Releases that have ended, by outcome; absent until every record was read.",
)
EVIDENCE = Family(
    "sluice_release_evidence",
    (*_OF_ENDPOINT, "test"),
    "nats",
    "The newest verdict's evidence of each test, until five minutes after the release's end.",
)
BOUND = Family(
    "sluice_release_evidence_bound",
    (*_OF_ENDPOINT, "test"),
    "nats",
    "The evidence at which the test speaks.",
)
LEASE = Family(
    "sluice_lease_expires_timestamp_seconds",
    _OF_ENDPOINT,
    "seconds since the epoch",
    "When the endpoint's lease is silent for its length, unless it is renewed before.",
)

PRICE = Family(
    "sluice_price_usd_per_hour", ("price", "revision"), "USD per hour", "The newest price of an id."
)
PRICE_AGE = Family(
    "sluice_price_age_days", ("price",), "days", "How long ago the price was read at its source."
)

DRIFT_EVIDENCE = Family(
    "sluice_drift_evidence",
    (*_OF_ENDPOINT, "signal"),
    "nats",
    "Evidence that the endpoint's traffic has changed.",
)
DRIFT_BOUND = Family(
    "sluice_drift_evidence_bound",
    (*_OF_ENDPOINT, "signal"),
    "nats",
    "The evidence at which the alarm is raised.",
)
DRIFT_ALARM = Family(
    "sluice_drift_alarm", (*_OF_ENDPOINT, "signal"), "", "1 while the signal's alarm stands."
)
DRIFT_RUN = Family(
    "sluice_drift_last_run_timestamp_seconds",
    _OF_ENDPOINT,
    "seconds since the epoch",
    "When drift was looked for last.",
)

DAMAGED_RECORDS = Family(
    "sluice_exporter_damaged_records", (), "records", "Records that cannot be read."
)
DAMAGED_LEASES = Family(
    "sluice_exporter_damaged_leases", (), "leases", "Leases that cannot be read."
)
DAMAGED_ENDPOINTS = Family(
    "sluice_exporter_damaged_endpoints", (), "endpoints", "Endpoints' files that cannot be read."
)
UNREAD_RECORDS = Family(
    "sluice_exporter_unread_records", (), "records", "Records that were not read yet."
)
SOURCE_UP = Family(
    "sluice_exporter_source_up",
    ("source",),
    "",
    "1 if what is told of a source is of this scrape, 0 if it is older.",
)

FAMILIES = (
    *(ENDPOINT, VERSION, CORES, MEMORY),
    *(WEIGHT, PHASE, STARTED, HELD, FINISHED, EVIDENCE, BOUND, LEASE),
    *(PRICE, PRICE_AGE),
    *(DRIFT_EVIDENCE, DRIFT_BOUND, DRIFT_ALARM, DRIFT_RUN),
    *(DAMAGED_RECORDS, DAMAGED_LEASES, DAMAGED_ENDPOINTS, UNREAD_RECORDS, SOURCE_UP),
)
"""In the order in which they are told. Those of drift have no samples yet."""
