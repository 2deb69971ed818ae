"""Flagger's rule.

Written from fluxcd/flagger at 15bd6ad: `pkg/controller/scheduler.go`,
`pkg/controller/scheduler_metrics.go` and `pkg/metrics/providers/prometheus.go`.

Every interval the metrics are checked in turn; the first that fails, or has no value, adds one
failed check and ends the tick. Failed checks add up over the whole release. They are compared
with the threshold at the start of the *next* tick, before its own checks.
"""

import numpy as np

from components.judge import Policy
from components.simulation.outcome import Outcomes, first_true
from components.simulation.scenario import FlaggerSettings
from components.simulation.traffic import Traffic
from components.simulation.windows import error_rate, p95_ratio, windowed


def decide(traffic: Traffic, policy: Policy, settings: FlaggerSettings) -> Outcomes:
    """Roll back or promote each release."""
    counts = windowed(traffic, settings.interval_s, settings.interval_s, settings.window_s)
    passed = np.ones(counts.candidate.requests.shape, dtype=bool)
    # A comparison with NaN is false: no value is a failed check.
    if "errors" in traffic.scenario.peers_watch:
        passed &= error_rate(counts.candidate) <= policy.error_rate
    if "p95" in traffic.scenario.peers_watch:
        passed &= p95_ratio(counts) <= policy.p95_ratio
    seen = np.cumsum(~passed, axis=1) >= settings.threshold
    acted = np.concatenate([np.zeros_like(seen[:, :1]), seen[:, :-1]], axis=1)
    return first_true(acted, counts.times_s)
