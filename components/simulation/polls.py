"""A simulated release as the polls that the judge reads."""

import msgspec
import numpy as np

from components.judge import Poll, Sample
from components.simulation.scenario import Scenario
from components.simulation.traffic import Traffic, generate

CHAMPION, CANDIDATE = "1", "2"
_SOURCE = "gateway"


def polls(traffic: Traffic, release: int) -> list[Poll]:
    """The cumulative counters of one release, the poll before its first traffic step included."""
    edges = [f"{edge:.9g}" for edge in traffic.edges_ms]

    def samples(requests: np.ndarray, errors: np.ndarray, slower: np.ndarray) -> list[Sample]:
        rows = zip(
            requests.cumsum(), errors.cumsum(), (requests[:, None] - slower).cumsum(0), strict=True
        )
        return [
            Sample(
                requests=float(asked),
                errors=float(failed),
                buckets={
                    **dict(zip(edges, map(float, below), strict=True)),
                    "+Inf": float(asked),
                },
            )
            for asked, failed, below in rows
        ]

    def both(name: str) -> np.ndarray:
        parts = (getattr(traffic.history, name)[release], getattr(traffic.champion, name)[release])
        return np.concatenate(parts)

    of = traffic.candidate
    champion = samples(both("requests"), both("errors"), both("slower"))
    candidate = samples(of.requests[release], of.errors[release], of.slower[release])
    share = traffic.scenario.share
    first = Poll(0.0, {CHAMPION: 100.0}, {CHAMPION: {_SOURCE: champion[0]}})
    return [first] + [
        Poll(
            float(time),
            {CHAMPION: 100.0 - share, CANDIDATE: float(share)},
            {CHAMPION: {_SOURCE: theirs}, CANDIDATE: {_SOURCE: ours}},
        )
        for time, theirs, ours in zip(traffic.times_s, champion[1:], candidate, strict=True)
    ]


def poll_lines(scenario: Scenario, seed: int) -> str:
    """The polls of one release as JSON lines."""
    traffic = generate(scenario, np.random.default_rng([seed, 0]), 1)
    return "".join(f"{msgspec.json.encode(poll).decode()}\n" for poll in polls(traffic, 0))
