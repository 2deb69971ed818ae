"""A simulated release as the polls that the judge reads."""

import msgspec
import numpy as np

from components.arms import baseline_of
from components.judge import Poll, Sample
from components.simulation import readings
from components.simulation.scenario import Scenario
from components.simulation.traffic import Arm, Ints, Traffic, generate

CHAMPION, CANDIDATE = "1", "2"
BASELINE = baseline_of(CHAMPION)
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

    def counted(*arms: Arm) -> list[Sample]:
        """The counters of what these arms have counted one after the other."""
        return samples(
            *(
                np.concatenate([getattr(arm, name)[release] for arm in arms])
                for name in ("requests", "errors", "slower", "refused", "unanswered")
            )
        )

    of, candidate = traffic.scenario, counted(traffic.candidate)
    before = counted(traffic.history)[0]
    split = {CHAMPION: 100.0 - of.share, CANDIDATE: float(of.share)}
    series = {CHAMPION: counted(traffic.history, traffic.champion)[1:], CANDIDATE: candidate}
    if of.baseline:
        # A new predictor has counted nothing before; what production counts on is not simulated.
        series |= {CHAMPION: [before] * len(candidate), BASELINE: counted(traffic.champion)}
        split |= {CHAMPION: 100.0 - 2 * of.share, BASELINE: float(of.share)}
    return [
        Poll(0.0, {CHAMPION: 100.0}, {CHAMPION: {_SOURCE: before}}),
        *(
            Poll(float(time), split, {arm: {_SOURCE: read[at]} for arm, read in series.items()})
            for at, time in enumerate(traffic.times_s)
        ),
    ]


def poll_lines(scenario: Scenario, seed: int) -> str:
    """The polls of one release as JSON lines."""
    traffic = generate(scenario, np.random.default_rng([seed, 0]), 1)
    read = readings.faulty(scenario.readings, polls(traffic, 0))
    return "".join(f"{msgspec.json.encode(poll).decode()}\n" for poll in read)
