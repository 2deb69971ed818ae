"""Alerts on how things stand: what is not scraped, and what a person must look at.

They are gauges behind a rule, so they resolve by themselves. What merely happened (promoted, rolled
back) is no state: `components.notify.moments` posts it.
"""

from dashboards.rules.form import BY_VERSION, Group, alert

LEASE_GRACE_S = 60
"""Seconds after its end in which the reaper is to have taken a lease over."""
DRIFT_STALE_S = 26 * 3600
"""A day between two looks for drift, and two hours for the look itself."""

_ENDPOINT = "{{ $labels.endpoint }}"
_VERSION = f"{_ENDPOINT} version {{{{ $labels.model_version }}}}"


def groups() -> list[Group]:
    """The alerts; evaluated as often as Prometheus evaluates by default."""
    return [{"name": "sluice-states", "rules": [*_not_scraped(), *_release(), *_endpoint()]}]


def _down(job: str) -> str:
    return f'up{{job="{job}"}} == 0 or absent(up{{job="{job}"}})'


def _not_scraped() -> list[dict[str, object]]:
    return [
        alert(
            "GatewayNotScraped",
            _down("gateway"),
            lasting="15s",
            severity="page",
            summary="The gateway gives no metrics; every release holds.",
            mend="sluice status, then sluice up",
        ),
        alert(
            "PredictorNotScraped",
            'up{job="predictor"} == 0',
            lasting="30s",
            severity="ticket",
            summary=f"{_VERSION} gives no metrics.",
            mend="sluice status shows its log",
        ),
        alert(
            "ExporterNotScraped",
            _down("sluice"),
            lasting="1m",
            severity="ticket",
            summary="The exporter gives no metrics: no lease, drift or price is watched.",
            mend="sluice status, then sluice up",
        ),
    ]


def _release() -> list[dict[str, object]]:
    return [
        alert(
            "LeaseExpired",
            f"time() - sluice_lease_expires_timestamp_seconds > {LEASE_GRACE_S}",
            lasting="1m",
            severity="page",
            summary=f"{_ENDPOINT}: its release is silent, and nobody gave production its traffic.",
            mend=f"sluice rollback {_ENDPOINT}",
        ),
        alert(
            "ReleaseHeld",
            "sluice_release_held == 1",
            lasting="1m",
            severity="ticket",
            summary=f"{_ENDPOINT}: its release was held; a person decides.",
            mend="sluice releases names it, sluice show RELEASE says why",
        ),
    ]


def _endpoint() -> list[dict[str, object]]:
    shed = 'increase(inference_refused_total{reason="shed"}[1m])'
    return [
        alert(
            "DriftFound",
            "sluice_drift_alarm == 1",
            lasting="0s",
            severity="ticket",
            summary=f"{_ENDPOINT}: {{{{ $labels.signal }}}} has drifted.",
            mend="look at the board Drift, then release a version that was trained on newer rows",
        ),
        alert(
            "DriftJobStale",
            f"time() - sluice_drift_last_run_timestamp_seconds > {DRIFT_STALE_S}",
            lasting="5m",
            severity="ticket",
            summary=f"{_ENDPOINT}: nobody has looked for drift for"
            " {{ $value | humanizeDuration }}.",
            mend="look at the newest run of the drift job",
        ),
        alert(
            "VersionUnpriced",
            "version:sluice_unpriced:count > 0",
            lasting="10m",
            severity="ticket",
            summary=f"{_VERSION} has no price: it is missing from the cost.",
            mend=f"set serving.price in endpoints/{_ENDPOINT}.yaml, then sluice apply it",
        ),
        alert(
            "QueueAtLimit",
            f"sum by ({BY_VERSION}) ({shed}) > 0",
            lasting="5m",
            severity="page",
            summary=f"{_VERSION} refuses requests: its queue has been at its limit for 5 minutes.",
            mend=f"raise serving.scaling or serving.execution in endpoints/{_ENDPOINT}.yaml",
        ),
    ]
