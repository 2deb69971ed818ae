"""Simulated polls of many releases at once: releases x polls arrays of counts.

Requests arrive as a Poisson process. Failures are binomial, or beta-binomial in each poll when
they come in bursts. Latencies are lognormal and are kept as the gateway keeps them: as counts
beyond the gateway's own histogram edges.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from components import gateway
from components.simulation.scenario import Scenario

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LATENCY_SIGMA = 0.5
"""Standard deviation of the logarithm of a latency."""
MEDIAN_MS = 60.0
"""Lower end of the champion's median. Each release draws its own, at most `MEDIAN_SPREAD` times
that, so that the p95 falls anywhere between two edges, where they lie densest and where not."""
MEDIAN_SPREAD = 1.6
COLD_HALF_S = 120.0
"""A new predictor has lost half of what makes it slower at first."""
HISTORY_S = 3600.0
"""The champion's counters have run for this long when a release begins."""
_TAIL_Z = (0.0, 4.0)
"""Edges are simulated between these normal quantiles of both versions' latency."""


@dataclass(frozen=True)
class Arm:
    """Counts per poll of one version; `slower[..., k]` answers took longer than edge k."""

    requests: Ints
    errors: Ints
    slower: Ints
    refused: Ints = field(default_factory=lambda: np.zeros((1, 1), dtype=np.int64))
    """Requests besides, which the version refused as the client's fault."""
    unanswered: Ints = field(default_factory=lambda: np.zeros((1, 1), dtype=np.int64))
    """Of the errors: no answer came; they are slower than every edge."""


@dataclass(frozen=True)
class Traffic:
    """Polls of many releases: arrays of shape (releases, polls), `slower` (.., .., edges)."""

    scenario: Scenario
    edges_ms: Floats
    candidate: Arm
    champion: Arm
    """What the candidate is compared with: production, or the baseline."""
    history: Arm
    """The champion before the release; shape (releases, 1)."""

    @property
    def times_s(self) -> Floats:
        """Seconds at the end of each poll."""
        return self.scenario.poll * np.arange(1, self.scenario.polls + 1, dtype=np.float64)


def edges_ms(scenario: Scenario) -> Floats:
    """The histogram edges in ms that the tails of both versions can reach, then and now."""
    usual = (0.0, math.log1p(scenario.load))
    new = math.log1p(scenario.cold) + max(usual) + max(math.log(scenario.latency_ratio), 0.0)
    before = math.log(scenario.earlier_ratio)
    shifts = (
        *(shift + fault for shift in usual for fault in (0.0, math.log(scenario.latency_ratio))),
        *(shift + before for shift in usual),
        new,
    )
    low = MEDIAN_MS * math.exp(min(shifts) + _TAIL_Z[0] * LATENCY_SIGMA)
    high = MEDIAN_MS * MEDIAN_SPREAD * math.exp(max(shifts) + _TAIL_Z[1] * LATENCY_SIGMA)
    found = np.array(gateway.EDGES_US) / gateway.PER_MS
    first, last = np.searchsorted(found, low) - 1, np.searchsorted(found, high)
    return np.asarray(found[max(first, 0) : last + 1])


class _Faults(NamedTuple):
    """Shares per poll of what a version's requests come to besides failures."""

    burst: float
    refused: Floats | float
    given_up: Floats | float


def _failures(rng: np.random.Generator, requests: Ints, rate: Floats, burst: float) -> Ints:
    """Failed requests; `burst` is the correlation of two failures in one poll."""
    if burst == 0:
        return rng.binomial(requests, rate)
    strength = 1 / burst - 1
    certain = (rate <= 0) | (rate >= 1)
    inner = np.where(certain, 0.5, rate)
    drawn = rng.beta(inner * strength, (1 - inner) * strength, size=requests.shape)
    return rng.binomial(requests, np.where(certain, rate, drawn))


def _beyond(log_median: Floats, edges: Floats, sigma: float) -> Floats:
    """(releases, polls, edges): the share of answers slower than each edge."""
    return np.asarray(ndtr((log_median[..., None] - np.log(edges)) / sigma))


def _slower(rng: np.random.Generator, requests: Ints, beyond: Floats) -> Ints:
    """Answers beyond each edge; `beyond` (..., edges) is the share beyond it, falling."""
    counts = np.empty((*requests.shape, beyond.shape[-1]), dtype=np.int64)
    left, previous = requests, np.ones(beyond.shape[:-1])
    for k in range(beyond.shape[-1]):
        left = rng.binomial(left, beyond[..., k] / previous)
        counts[..., k] = left
        previous = beyond[..., k]
    return counts


def _arm(
    rng: np.random.Generator, mean_requests: Floats, error_rate: Floats, beyond: Floats, of: _Faults
) -> Arm:
    requests = rng.poisson(mean_requests)
    refused = unanswered = np.zeros_like(requests)
    if np.any(of.refused):
        refused = rng.binomial(requests, of.refused)
    if np.any(of.given_up):
        unanswered = rng.binomial(requests - refused, of.given_up)
    answered = requests - refused - unanswered
    return Arm(
        requests=requests - refused,
        errors=_failures(rng, answered, error_rate, of.burst) + unanswered,
        slower=_slower(rng, answered, beyond) + unanswered[..., None],
        refused=refused,
        unanswered=unanswered,
    )


def generate(scenario: Scenario, rng: np.random.Generator, releases: int) -> Traffic:
    """Draw the polls of `releases` releases."""
    times = scenario.poll * (np.arange(scenario.polls) + 0.5)
    end = math.inf if scenario.until is None else scenario.until
    faulty = (times >= scenario.onset) & (times < end)

    phase = rng.uniform(0, 2 * math.pi, (releases, 1))
    day = 1 + scenario.diurnal * np.sin(2 * math.pi * times / 86_400 + phase)
    candidate_mean = scenario.rps * scenario.poll * day
    production_odds = (100 - scenario.share) / scenario.share
    champion_odds = 1.0 if scenario.baseline else production_odds
    history_mean = scenario.rps * HISTORY_S * production_odds * day[:, :1]

    edges = edges_ms(scenario)
    log_median = math.log(MEDIAN_MS) + math.log(MEDIAN_SPREAD) * rng.uniform(size=(releases, 1))
    slowed = np.where(faulty, math.log(scenario.latency_ratio), 0.0)

    share = scenario.share / 100
    warming = np.log1p(scenario.cold * 0.5 ** (times / COLD_HALF_S))
    candidate_load = math.log1p(scenario.load * share) + warming
    production_load = np.full_like(times, math.log1p(scenario.load * (1 - share)))
    champion_load = candidate_load if scenario.baseline else production_load

    def beyond(slowdown: Floats) -> Floats:
        wobble = rng.normal(0, scenario.wobble, (releases, scenario.polls))
        return _beyond(log_median + slowdown + wobble, edges, LATENCY_SIGMA)

    fault_errors = np.where(faulty, scenario.errors, scenario.baseline_errors)
    champion_errors = (
        fault_errors if scenario.shared else np.full_like(fault_errors, scenario.baseline_errors)
    )
    ours = _Faults(
        scenario.burst,
        np.where(faulty, scenario.refused, scenario.baseline_refused),
        np.where(faulty, scenario.given_up, 0.0),
    )
    theirs = ours if scenario.shared else _Faults(scenario.burst, scenario.baseline_refused, 0.0)
    # An hour holds so many bursts and wobbles that they only widen the spread.
    earlier = log_median + math.log(scenario.earlier_ratio) + math.log1p(scenario.load)
    history_beyond = _beyond(earlier, edges, math.hypot(LATENCY_SIGMA, scenario.wobble))
    return Traffic(
        scenario=scenario,
        edges_ms=edges,
        candidate=_arm(rng, candidate_mean, fault_errors, beyond(slowed + candidate_load), ours),
        champion=_arm(
            rng,
            candidate_mean * champion_odds,
            champion_errors,
            beyond(champion_load + (slowed if scenario.shared else 0.0)),
            theirs,
        ),
        history=_arm(
            rng,
            history_mean,
            np.array([scenario.baseline_errors]),
            history_beyond,
            _Faults(0.0, scenario.baseline_refused, 0.0),
        ),
    )
