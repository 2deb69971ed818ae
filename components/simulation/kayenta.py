"""Kayenta's rule for one critical metric.

Written from spinnaker/kayenta at a69573b: `NetflixACAJudge.scala`, `MannWhitneyClassifier.scala`,
`WeightedSumScorer.scala` and `MonitorCanaryTask.java`.

Each metric is two series of one value per step, unweighted by requests. A two-sided Mann-Whitney
test over all values so far, repeated at every judgement without correction, says High or Pass:
only a rise is bad for error rates and latencies (`direction: increase`). One critical metric that
is not Pass scores 0, which ends the release.
"""

import warnings
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from components.simulation.outcome import Outcomes, first_true
from components.simulation.scenario import KayentaSettings
from components.simulation.traffic import Floats, Traffic
from components.simulation.windows import Windowed, error_rate, p95_ms, windowed

Bools = npt.NDArray[np.bool_]


def mann_whitney_z(shifted: Floats, control: Floats) -> Floats:
    """Standard score of "shifted is larger": normal approximation, ties, continuity 0.5.

    NaN values count as absent. Arrays (releases, values); 0 where nothing can be said.
    """
    here, there = ~np.isnan(shifted), ~np.isnan(control)
    n, m = here.sum(axis=1), there.sum(axis=1)
    wins = (shifted[:, :, None] > control[:, None, :]).sum(axis=(1, 2))
    draws = (shifted[:, :, None] == control[:, None, :]).sum(axis=(1, 2))
    pooled = np.concatenate([shifted, control], axis=1)
    tied = (pooled[:, :, None] == pooled[:, None, :]).sum(axis=2)
    total = n + m
    # The sum of t^3 - t over groups of t equal values is the sum of t^2 - 1 over the values.
    ties = np.where(tied > 0, tied**2 - 1, 0).sum(axis=1)
    variance = n * m / 12 * (total + 1 - ties / np.maximum(total * (total - 1), 1))
    excess = wins + draws / 2 - n * m / 2
    corrected = excess - 0.5 * np.sign(excess)
    return np.where(variance > 0, corrected / np.sqrt(np.maximum(variance, 1e-12)), 0.0)


def moved(candidate: Floats, champion: Floats, settings: KayentaSettings) -> Bools:
    """True where the metric is not Pass: High, or without data.

    With [L, U] the confidence interval of the shift and D its Hodges-Lehmann estimate, High is
    L > tolerance * |D| together with a ratio of means of at least the allowed increase. L is
    above a number exactly when the test still rejects after the candidate is moved down by it.
    """
    quantile = NormalDist().inv_cdf((1 + settings.confidence) / 2)
    differences = (candidate[:, :, None] - champion[:, None, :]).reshape(len(candidate), -1)
    with warnings.catch_warnings():
        # Series without any value: they end as Nodata below.
        warnings.filterwarnings("ignore", "All-NaN slice|Mean of empty slice", RuntimeWarning)
        slack = settings.tolerance * np.abs(np.nanmedian(differences, axis=1))[:, None]
        candidate_mean, champion_mean = np.nanmean(candidate, axis=1), np.nanmean(champion, axis=1)
    high = (mann_whitney_z(candidate - slack, champion) > quantile) & (
        candidate_mean >= settings.allowed_increase * champion_mean
    )
    no_data = np.isnan(candidate_mean) | np.isnan(champion_mean)
    return np.asarray(high | no_data)


def _metrics(counts: Windowed, watch: tuple[str, ...]) -> list[tuple[Floats, Floats]]:
    metrics = []
    if "errors" in watch:
        metrics.append((error_rate(counts.candidate), error_rate(counts.champion)))
    if "p95" in watch:
        metrics.append(
            (p95_ms(counts.candidate, counts.edges_ms), p95_ms(counts.champion, counts.edges_ms))
        )
    return metrics


def decide(traffic: Traffic, settings: KayentaSettings) -> Outcomes:
    """Roll back or promote each release; a policy's limits mean nothing to this rule."""
    counts = windowed(traffic, settings.step_s, settings.step_s, settings.step_s)
    end = counts.times_s[-1]
    looks = np.array(sorted({min(at, end) for at in settings.judged_at_s}))
    hits = np.zeros((len(counts.candidate.requests), len(looks)), dtype=bool)
    for candidate, champion in _metrics(counts, traffic.scenario.peers_watch):
        for look, at in enumerate(looks):
            values = int((counts.times_s <= at + 1e-6).sum())
            hits[:, look] |= moved(candidate[:, :values], champion[:, :values], settings)
    return first_true(hits, looks)
