"""A simulated release as the polls that the judge reads."""

import msgspec
import numpy as np

from components.judge import Poll, Sample
from components.simulation import readings
from components.simulation.scenario import Scenario
from components.simulation.traffic import Ints, Traffic, generate

CHAMPION, CANDIDATE = "1", "2"
_SOURCE = "gateway"


def polls(traffic: Traffic, release: int) -> list[Poll]:
    """The cumulative counters of one release, the poll before its first traffic step included."""
    edges = [f"{edge:.9g}" for edge in traffic.edges_ms]

    def samples(
        requests: Ints, errors: Ints, slower: Ints, refused: Ints, unanswered: Ints
    ) -> list[Sample]:
        counts = (requests, errors, requests[:, None] - slower, refused, unanswered)
        rows = zip(*(each.cumsum(0) for each in counts), strict=True)
        return [
            Sample(
                requests=float(asked),
                errors=float(failed),
                buckets={
                    **dict(zip(edges, map(float, below), strict=True)),
                    "+Inf": float(asked - silent),
                },
                refused=float(declined),
                unanswered=float(silent),
            )
            for asked, failed, below, declined, silent in rows
        ]

    def both(name: str) -> Ints:
        parts = (getattr(traffic.history, name)[release], getattr(traffic.champion, name)[release])
        return np.concatenate(parts)

    names = ("requests", "errors", "slower", "refused", "unanswered")
    champion = samples(*map(both, names))
    candidate = samples(*(getattr(traffic.candidate, name)[release] for name in names))
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
    read = readings.faulty(scenario.readings, polls(traffic, 0))
    return "".join(f"{msgspec.json.encode(poll).decode()}\n" for poll in read)
