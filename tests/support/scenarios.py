"""Realistic decision records: the real judge over synthetic polls, written as a release writes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from components import judge
from components.endpoint import Endpoint
from components.evaluation.result import EvaluationResult, Scores, assess
from components.judge import Eta, Poll, Sample
from components.record import (
    SCHEMA,
    AliasSet,
    Deployed,
    Ended,
    Fetched,
    ForecastMade,
    Noted,
    Opened,
    WeightsSet,
)
from components.release.ending import OUTCOMES
from tests.support.endpoints import endpoint_settings
from tests.support.polls import Arm
from tests.support.records import Recorder

FORECAST = ForecastMade(
    budget={"errors": 0.002, "p95": 0.0075, "split": 0.0005},
    faults=(Eta("50% errors", 6.0, True), Eta("p95 x1.5", 114.0, False)),
    safe=(Eta("error rate safe", None, False),),
    preflight="the buckets decide a p95 ratio of 1.3 at production's p95 (edge 51 ms)",
    warnings=("error rate safe: cannot be shown, the watch is 40 s: raise the watch",),
)
SETTINGS = endpoint_settings(
    "banking77",
    model="banking77-intent",
    evaluation={
        "dataset": {"uri": "s3://datasets/banking77/test.csv", "target": "category"},
        "accuracy": {"min": 0.85},
    },
)


@dataclass
class Scenario:
    """A release: how it is judged, what happens to it."""

    candidate: Arm = field(default_factory=Arm)
    champion: str | None = "1"
    steps: tuple[int, ...] = (10, 50, 100)
    watch: str = "40s"
    poll: float = 2.0
    rps: float = 60.0
    accuracy: float = 0.94
    down: tuple[float, float] = (math.inf, math.inf)
    """The metrics server does not answer between these times."""
    killed_at: float = math.inf
    """The pipeline dies then; nothing follows."""
    release_id: str = "banking77-v2-20261118-094640-000"
    seed: int = 7


def head(endpoint: Endpoint, **changes: Any) -> Opened:
    """The first line of a canary release of version 2 beside version 1."""
    first = Opened(
        schema=SCHEMA,
        release_id="banking77-v2",
        endpoint=endpoint.name,
        model=endpoint.model,
        candidate="2",
        champion="1",
        run_id="0" * 32,
        settings=endpoint.model_dump(mode="json"),
    )
    return msgspec.structs.replace(first, **changes)


def release(scenario: Scenario) -> Recorder:
    """The record of the release, as the steps of `components.release` write it."""
    endpoint = Endpoint.model_validate(
        SETTINGS
        | {
            "release": {
                "steps": scenario.steps,
                "watch": scenario.watch,
                "poll": f"{scenario.poll}s",
                "lease": f"{max(30.0, 4 * scenario.poll)}s",
            }
        }
    )
    record = Recorder(scenario.release_id)
    champion, candidate = scenario.champion, "2"
    record.append(
        head(
            endpoint,
            release_id=scenario.release_id,
            champion=champion,
            release_kind="canary" if champion else "first",
        )
    )
    record.t += 1.6
    versions = tuple(version for version in (champion, candidate) if version)
    record.append(Fetched(candidate, {version: _stored(version) for version in versions}))
    record.t += 11.2
    found = evaluation(scenario.accuracy, 0.88 if champion else None)
    record.append(found)
    if not found.passed:
        record.append(Ended("rolled_back", "; ".join(found.reasons)))
        return record
    record.t += 4.1
    if champion:
        record.append(FORECAST)
    record.append(Deployed(versions))
    if champion is None:
        _weights(record, {candidate: 100})
        _alias(record, "champion")
        record.append(Ended("promoted", "the first version of this endpoint"))
        return record
    _watch(scenario, record, endpoint.release.policy())
    return record


def _stored(version: str) -> dict[str, str]:
    digest = version * 64
    return {"digest": digest, "uri": f"s3://sluice/versions/{digest}"}


def _weights(record: Recorder, weights: dict[str, int]) -> None:
    record.t += 0.02
    record.append(WeightsSet(weights, 0.0142))


def _alias(record: Recorder, alias: str) -> None:
    record.t += 0.05
    record.append(AliasSet(alias, "2"))


def _watch(scenario: Scenario, record: Recorder, policy: judge.Policy) -> None:
    rng = np.random.default_rng(scenario.seed)
    arms = {"1": Arm(), "2": scenario.candidate}
    arms["1"].serve(round(scenario.rps * 60), rng)
    weights = {"1": 100}
    state = judge.begin(policy, "1", "2")

    def poll(seconds: float) -> judge.Verdict:
        nonlocal state
        record.t += seconds
        for version, percent in weights.items():
            arms[version].serve(int(rng.poisson(scenario.rps * seconds * percent / 100)), rng)
        sources: dict[str, dict[str, Sample | None]]
        if scenario.down[0] <= record.t <= scenario.down[1]:
            record.append(Noted("metrics_unreachable", "Prometheus: refused"))
            sources = {version: {"metrics": None} for version in arms}
        else:
            sources = {
                version: {"envoy": msgspec.convert(arm.counters(), Sample)}
                for version, arm in arms.items()
            }
        shares = {version: float(percent) for version, percent in weights.items()}
        taken = Poll(round(record.t, 3), shares, sources)
        state, verdict = judge.observe(policy, state, taken)
        record.append(taken, verdict)
        return verdict

    for percent in policy.steps[:-1]:
        poll(1.0)
        weights = {"1": 100 - percent, "2": percent}
        _weights(record, weights)
        while True:
            if record.t > scenario.killed_at:
                return
            verdict = poll(scenario.poll)
            if verdict.decision != "HOLD" or verdict.final:
                break
        if verdict.decision != "PROMOTE":
            _weights(record, {"1": 100})
            record.append(Ended(OUTCOMES[verdict.decision], verdict.text))
            return
    poll(1.0)
    _weights(record, {"2": 100})
    _alias(record, "champion")
    record.append(Ended("promoted", "every watched step found it safe"))


def evaluation(
    accuracy: float = 0.94, champion_accuracy: float | None = 0.88, seed: int = 3
) -> EvaluationResult:
    """The evaluation of two versions that are right at random, on 77 classes of 40 rows."""
    rng = np.random.default_rng(seed)
    targets = [f"class_{n % 77:02d}" for n in range(3080)]

    def scores(share: float, p95: float) -> Scores:
        latencies = np.exp(rng.normal(math.log(p95 / 2), 0.4, len(targets)))
        return Scores(
            right=tuple(bool(b) for b in rng.random(len(targets)) < share),
            latencies_ms=tuple(float(latency) for latency in latencies),
        )

    champion = scores(champion_accuracy, 30.0) if champion_accuracy else None
    return assess(
        Endpoint.model_validate(SETTINGS).evaluation,
        targets,
        scores(accuracy, 31.0),
        champion,
        dataset="s3://datasets/banking77/test.csv",
        dataset_digest="5ad3" * 16,
    )


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "promoted": lambda: Scenario(watch="30m", poll=15.0),
    "demo": Scenario,
    "slow": lambda: Scenario(candidate=Arm(median_ms=41.0)),
    "failing": lambda: Scenario(candidate=Arm(error_rate=0.08)),
    "first": lambda: Scenario(champion=None),
    "refused": lambda: Scenario(accuracy=0.81),
    "cut": lambda: Scenario(watch="30m", poll=15.0, down=(600.0, 900.0), killed_at=1300.0),
    "long": lambda: Scenario(watch="24h", poll=15.0, rps=4.0, steps=(10, 100)),
}
