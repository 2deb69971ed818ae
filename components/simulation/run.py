"""Many simulated releases through this project's rule and its peers'."""

import math
import multiprocessing
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import betaincinv

from components.judge import Policy
from components.simulation import argo, flagger, kayenta, sequential
from components.simulation.outcome import ERROR, HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.scenario import Expectation, PeerSettings, Scenario, peer_settings
from components.simulation.traffic import Traffic, generate

_CHUNK_POLLS = 120_000
"""Polls drawn at a time, which bounds the memory."""

RULES = {"sluice": "Sluice", "flagger": "Flagger", "argo": "Argo Rollouts", "kayenta": "Kayenta"}
"""Name in JSON and in `scenarios.yaml`, and name for people."""


@dataclass(frozen=True)
class Summary:
    """What one rule did; shares of all releases."""

    rolled_back: float
    rolled_back_at_most: float
    """Upper end of the exact 99 % interval (Clopper and Pearson, one-sided)."""
    promoted: float
    held: float
    error: float
    stopped: float
    """Rolled back or ended as an error: both spend the budget, and both end a good release."""
    stopped_at_most: float
    """Its upper end, likewise."""
    median_detection_s: float | None
    """Seconds from the fault's onset to the rollback, half of all releases being rolled back by
    then; None when fewer than half are."""


@dataclass(frozen=True)
class Simulation:
    """One scenario through all four rules."""

    scenario: Scenario
    policy: Policy
    releases: int
    seed: int
    outcomes: dict[str, Outcomes]

    def summary(self, rule: str) -> Summary:
        """The shares and times of one rule."""
        outcomes = self.outcomes[rule]
        rolled_back = outcomes.decision == ROLLED_BACK
        stopped = rolled_back | (outcomes.decision == ERROR)
        # With an even number, the later of the two middle times: never flattering.
        median = float(
            np.quantile(np.where(rolled_back, outcomes.at_s, np.inf), 0.5, method="higher")
        )
        return Summary(
            rolled_back=float(rolled_back.mean()),
            rolled_back_at_most=upper_bound(int(rolled_back.sum()), self.releases),
            promoted=float((outcomes.decision == PROMOTED).mean()),
            held=float((outcomes.decision == HELD).mean()),
            error=float((outcomes.decision == ERROR).mean()),
            stopped=float(stopped.mean()),
            stopped_at_most=upper_bound(int(stopped.sum()), self.releases),
            median_detection_s=median - self.scenario.onset if math.isfinite(median) else None,
        )

    def rolled_back_within(self, rule: str, seconds: float) -> float:
        """The share of all releases rolled back at most so long after the fault's onset."""
        outcomes = self.outcomes[rule]
        in_time = outcomes.at_s - self.scenario.onset <= seconds
        return float(((outcomes.decision == ROLLED_BACK) & in_time).mean())


def percent(share: float) -> str:
    """A share in percent; one that is not quite nothing or all never reads 0% or 100%."""
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    if 0 < share < 0.1 or 0.99 < share < 1:
        return f"{share:.1%}"
    return f"{share:.0%}"


def upper_bound(hits: int, trials: int, confidence: float = 0.99) -> float:
    """The exact binomial upper confidence bound of a share (Clopper and Pearson, 1934)."""
    return 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, confidence))


def simulate(
    scenario: Scenario,
    policy: Policy,
    peers: PeerSettings,
    releases: int,
    seed: int,
    *,
    rules: Collection[str] = tuple(RULES),
) -> Simulation:
    """Run the same simulated releases through every one of `rules`.

    The policy's watch and poll are those of the scenario, whatever it says.
    """
    watched = policy.model_copy(
        update={
            "steps": (scenario.share, 100),
            "watch_s": scenario.minutes * 60,
            "poll_s": scenario.poll,
        }
    )
    deciders: dict[str, Callable[[Traffic], Outcomes]] = {
        "sluice": lambda traffic: sequential.decide(traffic, watched),
        "flagger": lambda traffic: flagger.decide(traffic, watched, peers.flagger),
        "argo": lambda traffic: argo.decide(traffic, watched, peers.argo),
        "kayenta": lambda traffic: kayenta.decide(traffic, peers.kayenta),
    }
    parts: dict[str, list[Outcomes]] = {rule: [] for rule in rules}
    size = max(1, _CHUNK_POLLS // scenario.polls)
    for chunk, first in enumerate(range(0, releases, size)):
        rng = np.random.default_rng([seed, chunk])
        traffic = generate(scenario, rng, min(size, releases - first))
        for rule in rules:
            parts[rule].append(deciders[rule](traffic))
    return Simulation(
        scenario=scenario,
        policy=watched,
        releases=releases,
        seed=seed,
        outcomes={
            rule: Outcomes(
                decision=np.concatenate([part.decision for part in of_rule]),
                at_s=np.concatenate([part.at_s for part in of_rule]),
            )
            for rule, of_rule in parts.items()
        },
    )


def simulate_all(
    scenarios: Sequence[Scenario],
    policy: Policy,
    peers: PeerSettings,
    releases: int,
    seed: int,
    *,
    rules: Collection[str] = tuple(RULES),
    jobs: int = 1,
) -> list[Simulation]:
    """`simulate` each of the scenarios, so many of them at a time, each in a process of its own.

    How many there are at a time changes nothing in what comes out.
    """
    one = partial(
        simulate, policy=policy, peers=peers, releases=releases, seed=seed, rules=tuple(rules)
    )
    jobs = min(jobs, len(scenarios))
    if jobs <= 1:
        return [one(scenario) for scenario in scenarios]
    # NumPy has threads, which a forked process would inherit locks from.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=fresh) as pool:
        return list(pool.map(one, scenarios))


def extended(simulation: Simulation) -> Simulation | None:
    """Releases watched on to the end of the policy's longest extension, by this project's rule.

    Those that are undecided even then are rolled back. The rule may promote at any poll of the
    extension; here it is asked at the last, which has the most evidence. None if the policy does
    not extend.
    """
    policy, scenario = simulation.policy, simulation.scenario
    if policy.undecided != "extend" or policy.max_extension == 0:
        return None
    minutes = scenario.minutes * (1 + policy.max_extension)
    longer = scenario.model_copy(update={"minutes": minutes})
    return simulate(
        longer, policy, peer_settings(), simulation.releases, simulation.seed, rules=("sluice",)
    )


def measured(expectation: Expectation, simulation: Simulation) -> float | None:
    """The value that the expectation is about; None for a time that never came."""
    if expectation.within_s is not None:
        return simulation.rolled_back_within(expectation.rule, expectation.within_s)
    value: float | None = getattr(simulation.summary(expectation.rule), expectation.measure)
    return value


def holds(expectation: Expectation, simulation: Simulation) -> bool:
    """True when the measured value keeps the bound; a time that never came keeps none."""
    value = measured(expectation, simulation)
    if value is None:
        return False
    low, high = expectation.at_least, expectation.at_most
    return (low is None or value >= low) and (high is None or value <= high)
