"""Argo Rollouts' rule for an AnalysisRun.

Written from argoproj/argo-rollouts at 9f8d111: `analysis/analysis.go` (lines 579 to 690) and
`utils/evaluate/evaluate.go`.

A measurement is Successful, Failed or Inconclusive by the conditions that the template spells
out; each metric counts them over the whole run; the run is as bad as its worst metric. Failed
aborts the rollout, Inconclusive pauses it.
"""

import numpy as np
import numpy.typing as npt

from components.judge import Policy
from components.simulation.outcome import HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.scenario import ArgoSettings
from components.simulation.traffic import Floats, Traffic
from components.simulation.windows import error_rate, p95_ratio, windowed

Bools = npt.NDArray[np.bool_]


def measured(value: Floats, limit: float, conditions: str) -> tuple[Bools, Bools]:
    """Which measurements are Failed and which Inconclusive; NaN compares false with everything.

    Args:
        value: what the query returned.
        limit: successCondition is `value <= limit`, failureCondition is `value > limit`.
        conditions: `success`, `failure` or `both`: which of the two the template spells out.
    """
    success, failure = value <= limit, value > limit
    if conditions == "success":
        return ~success, np.zeros_like(success)
    if conditions == "failure":
        return failure, np.zeros_like(failure)
    return failure, ~failure & ~success


def decide(traffic: Traffic, policy: Policy, settings: ArgoSettings) -> Outcomes:
    """Roll back, promote or hold (pause) each release."""
    counts = windowed(traffic, settings.initial_delay_s, settings.interval_s, settings.window_s)
    shape = counts.candidate.requests.shape
    abort, pause = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    metrics = []
    if "errors" in traffic.scenario.peers_watch:
        metrics.append((error_rate(counts.candidate), policy.error_rate))
    if "p95" in traffic.scenario.peers_watch:
        metrics.append((p95_ratio(counts), policy.p95_ratio))
    for value, limit in metrics:
        failed, inconclusive = measured(value, limit, settings.conditions)
        abort |= np.cumsum(failed, axis=1) > settings.failure_limit
        pause |= np.cumsum(inconclusive, axis=1) > settings.inconclusive_limit
    ended = abort | pause
    first = ended.argmax(axis=1)
    rows = np.arange(shape[0])
    decision = np.where(abort[rows, first], ROLLED_BACK, HELD)
    done = ended.any(axis=1)
    return Outcomes(
        decision=np.where(done, decision, PROMOTED).astype(np.int8),
        at_s=np.where(done, counts.times_s[first], counts.times_s[-1]),
    )
