"""Realistic decision records: the real judge over synthetic polls, in the shape of a release."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from components import judge
from components.endpoint import Endpoint
from components.evaluation.result import Scores, assess
from components.judge import Poll
from components.record import FIRST, Line, verify
from tests.support.endpoints import endpoint_settings
from tests.support.polls import Arm

STARTED_AT = 1_795_000_000.0


class Record:
    """The lines of a record as the documentation has them, written without a disk."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self._prev = FIRST
        self.t = 0.0

    def append(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        at, content = repr(STARTED_AT + self.t).encode(), msgspec.json.encode(body, order="sorted")
        begin = b'{"at":%b,"body":%b' % (at, content)
        end = b',"kind":"%b","prev":"%b","seq":%d}' % (
            kind.encode(),
            self._prev.encode(),
            len(self.raw),
        )
        self._prev = hashlib.sha256(begin + end).hexdigest()
        self.raw.append(begin + b',"hash":"%b"' % self._prev.encode() + end)
        read: dict[str, Any] = msgspec.json.decode(content)
        return read

    def lines(self) -> list[Line]:
        lines = [msgspec.json.decode(raw, type=Line) for raw in self.raw]
        verify(lines, "test")
        return lines

    def write(self, path: Path) -> Path:
        path.write_bytes(b"".join(raw + b"\n" for raw in self.raw))
        return path


FORECAST = {
    "budget": {"errors": 0.002, "p95": 0.0075, "split": 0.0005},
    "faults": [
        {"what": "50% errors", "seconds": 6.0, "in_watch": True},
        {"what": "p95 x1.5", "seconds": 114.0, "in_watch": False},
    ],
    "safe": [{"what": "error rate safe", "seconds": None, "in_watch": False}],
    "preflight": "the buckets decide a p95 ratio of 1.3 at production's p95 (edge 51 ms)",
    "warnings": ["error rate safe: cannot be shown, the watch is 40 s: raise the watch"],
}
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


def release(scenario: Scenario) -> Record:
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
    policy = endpoint.release.policy()
    record = Record()
    champion, candidate = scenario.champion, "2"
    record.append(
        "release",
        {
            "schema": 1,
            "release_id": scenario.release_id,
            "endpoint": endpoint.name,
            "model": endpoint.model,
            "candidate": candidate,
            "champion": champion,
            "path": "canary" if champion else "first",
            "run_id": "0" * 32,
            "policy": policy.model_dump(mode="json"),
            "settings": endpoint.model_dump(mode="json"),
        },
    )
    record.t += 1.6
    record.append("action", {"action": "fetch", "version": candidate})
    record.t += 11.2
    found = evaluation(scenario.accuracy, 0.88 if champion else None)
    record.append("evaluation", found)
    if not found["passed"]:
        reason = "; ".join(found["reasons"])
        record.append("end", {"outcome": "rolled_back", "reason": reason})
        return record
    record.t += 4.1
    versions = [version for version in (champion, candidate) if version]
    if champion:
        record.append("forecast", FORECAST)
    record.append("action", {"action": "deploy", "versions": versions})
    if champion is None:
        _weights(record, {candidate: 100})
        _alias(record, "champion")
        record.append(
            "end", {"outcome": "promoted", "reason": "the first version of this endpoint"}
        )
        return record
    _watch(scenario, record, policy)
    return record


def _weights(record: Record, weights: dict[str, int]) -> None:
    record.t += 0.02
    record.append("action", {"action": "set_weights", "weights": weights, "applied_s": 0.0142})


def _alias(record: Record, alias: str) -> None:
    record.t += 0.05
    record.append("action", {"action": "set_alias", "alias": alias, "version": "2"})


def _watch(scenario: Scenario, record: Record, policy: judge.Policy) -> None:
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
        if scenario.down[0] <= record.t <= scenario.down[1]:
            record.append(
                "event", {"event": "metrics_unreachable", "detail": "Prometheus: refused"}
            )
            sources: dict[str, Any] = {version: {"metrics": None} for version in arms}
        else:
            sources = {version: {"envoy": arm.counters()} for version, arm in arms.items()}
        body = {"t": round(record.t, 3), "weights": weights, "sources": sources}
        state, verdict = judge.observe(policy, state, Poll.from_json(record.append("poll", body)))
        record.append("verdict", verdict.to_json())
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
            outcome = {"ROLLBACK": "rolled_back", "HOLD": "held"}.get(verdict.decision, "error")
            record.append("end", {"outcome": outcome, "reason": verdict.text})
            return
    poll(1.0)
    _weights(record, {"2": 100})
    _alias(record, "champion")
    record.append("end", {"outcome": "promoted", "reason": "every watched step found it safe"})


def evaluation(
    accuracy: float = 0.94, champion_accuracy: float | None = 0.88, seed: int = 3
) -> dict[str, Any]:
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
    ).model_dump(mode="json")


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
