"""Polls by the counters of a gateway: exact ones without a random number, and drawn ones."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from components.judge import Poll, Sample

EDGES_MS = tuple(math.sqrt(1.3) ** k for k in range(80))
EDGE_NAMES = (*(f"{edge:.6g}" for edge in EDGES_MS), "+Inf")


def cumulative(answers: float, p95_ms: float, sigma: float = 0.5) -> dict[str, float]:
    """Cumulative buckets of lognormal latencies with that p95, rounded to whole answers."""
    median = p95_ms / math.exp(1.6448536 * sigma)

    def below(edge: float) -> float:
        return round(answers * 0.5 * (1 + math.erf(math.log(edge / median) / sigma / math.sqrt(2))))

    counts = (*(below(edge) for edge in EDGES_MS), float(answers))
    return dict(zip(EDGE_NAMES, counts, strict=True))


@dataclass
class Gateway:
    """Counters of two versions that grow as a test says, read as polls.

    Errors and latencies follow the rates exactly: the cumulative counts are rounded, not drawn.
    """

    champion: str = "1"
    candidate: str = "2"
    t: float = 0.0

    def __post_init__(self) -> None:
        self.requests = {self.champion: 0.0, self.candidate: 0.0}
        self.errors = {self.champion: 0.0, self.candidate: 0.0}
        self.p95 = {self.champion: 100.0, self.candidate: 100.0}
        nothing: Counter[str] = Counter()
        self.earlier = {self.champion: nothing, self.candidate: nothing}
        self.weights: dict[str, float] = {self.champion: 100}
        self.serve(self.champion, 20_000, 0.001)

    def serve(self, version: str, requests: float, errors: float) -> None:
        """Count `requests`, a share of `errors` of which failed."""
        self.requests[version] += requests
        self.errors[version] += requests * errors

    def change_p95(self, version: str, p95_ms: float) -> None:
        """What is answered from now on has this p95; earlier answers keep theirs."""
        self.earlier[version] = self._buckets(version)
        self.p95[version] = p95_ms

    def _buckets(self, version: str) -> Counter[str]:
        earlier = self.earlier[version]
        since = round(self.requests[version]) - earlier["+Inf"]
        return earlier + Counter(cumulative(since, self.p95[version]))

    def sample(self, version: str) -> Sample:
        """The version's counters now."""
        requests = round(self.requests[version])
        buckets = self._buckets(version)
        return Sample(
            float(requests),
            float(min(round(self.errors[version]), requests)),
            {edge: float(buckets[edge]) for edge in cumulative(0, self.p95[version])},
        )

    def poll(self, **sources: dict[str, Sample | None]) -> Poll:
        """The counters now; `champion=` or `candidate=` replaces what is read of one."""
        read = {
            self.champion: sources.get("champion", {"gateway": self.sample(self.champion)}),
            self.candidate: sources.get("candidate", {"gateway": self.sample(self.candidate)}),
        }
        return Poll(self.t, dict(self.weights), read)

    def watch(
        self,
        polls: int,
        *,
        rps: float = 5.0,
        share: float = 10.0,
        errors: float = 0.001,
        champion_errors: float = 0.001,
        poll_s: float = 15.0,
    ) -> list[Poll]:
        """So many polls with the candidate at `share` percent and `rps` requests per second."""
        self.weights = {self.champion: 100 - share, self.candidate: share}
        found = []
        for _ in range(polls):
            self.t += poll_s
            self.serve(self.candidate, rps * poll_s, errors)
            self.serve(self.champion, rps * poll_s * (100 - share) / share, champion_errors)
            found.append(self.poll())
        return found


@dataclass
class Arm:
    """A version's behaviour and its counters at the gateway, drawn at random."""

    error_rate: float = 0.0005
    median_ms: float = 24.0
    sigma: float = 0.45
    requests: int = 0
    errors: int = 0
    buckets: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(EDGES_MS) + 1))

    def serve(self, requests: int, rng: np.random.Generator) -> None:
        self.requests += requests
        self.errors += int(rng.binomial(requests, self.error_rate))
        latencies = np.exp(rng.normal(math.log(self.median_ms), self.sigma, requests))
        np.add.at(self.buckets, np.searchsorted(EDGES_MS, latencies), 1)

    def counters(self) -> dict[str, Any]:
        counts = np.cumsum(self.buckets).astype(int).tolist()
        return {
            "requests": self.requests,
            "errors": self.errors,
            "buckets": dict(zip(EDGE_NAMES, counts, strict=True)) if self.requests else {},
        }


MakeGateway = Callable[..., Gateway]
"""The fixture `gateway`: makes a gateway with these fields."""
