"""What a Prometheus query of the peers returns, from simulated counts.

Kind to the peers: windows hold the exact counts, without the extrapolation of `rate()` and
without the increments that it loses before a new series' first scrape.
"""

from dataclasses import dataclass

import numpy as np

from components.simulation.traffic import Arm, Floats, Ints, Traffic


@dataclass(frozen=True)
class Windowed:
    """Counts of both arms in the window that ends at each tick; arrays (releases, ticks, ..)."""

    times_s: Floats
    edges_ms: Floats
    candidate: Arm
    champion: Arm


def _sums(counts: Ints, first: Ints, last: Ints) -> Ints:
    """Sums of polls first..last-1 for each tick."""
    total = np.concatenate([np.zeros_like(counts[:, :1]), counts.cumsum(axis=1)], axis=1)
    return np.asarray(total[:, last] - total[:, first])


def windowed(traffic: Traffic, first_s: float, interval_s: float, window_s: float) -> Windowed:
    """Both arms at ticks `first_s`, `first_s + interval_s`, ... to the end of the watch.

    A window reaches back `window_s`, at least one poll.
    """
    poll = traffic.scenario.poll
    end = traffic.scenario.polls * poll
    times = np.arange(first_s, end + 1e-6, max(interval_s, poll))
    last = (times / poll + 1e-9).astype(np.int64)
    first = np.maximum(last - max(1, round(window_s / poll)), 0)

    def arm(of: Arm) -> Arm:
        # What was never answered is in none of their counters, what was refused is a success.
        answered, failed = of.requests + of.refused - of.unanswered, of.errors - of.unanswered
        slower, nothing = of.slower - of.unanswered[..., None], np.zeros_like(of.errors)
        counts = (answered, failed, slower, nothing, nothing)
        return Arm(*(_sums(each, first, last) for each in counts))

    return Windowed(times, traffic.edges_ms, arm(traffic.candidate), arm(traffic.champion))


def error_rate(arm: Arm) -> Floats:
    """Failed over all requests; NaN where there are none, as 0/0 is in PromQL."""
    return np.where(arm.requests > 0, arm.errors / np.maximum(arm.requests, 1), np.nan)


def p95_ms(arm: Arm, edges_ms: Floats) -> Floats:
    """`histogram_quantile(0.95, ..)`: linear inside the bucket; NaN where there are no requests.

    Beyond the last edge it is the last edge, as in Prometheus.
    """
    requests = arm.requests[..., None]
    rank = 0.95 * requests
    below = requests - arm.slower
    bucket = np.minimum((below < rank).sum(axis=-1), len(edges_ms) - 1)[..., None]
    upper = edges_ms[bucket]
    lower = np.where(bucket > 0, edges_ms[np.maximum(bucket - 1, 0)], 0.0)
    under = np.where(bucket > 0, np.take_along_axis(below, np.maximum(bucket - 1, 0), -1), 0)
    inside = np.take_along_axis(below, bucket, -1) - under
    share = np.clip((rank - under) / np.maximum(inside, 1), 0.0, 1.0)
    quantile = lower + (upper - lower) * share
    return np.where(arm.requests > 0, quantile[..., 0], np.nan)


def p95_ratio(counts: Windowed) -> Floats:
    """The candidate's p95 over the champion's; NaN where either has no requests."""
    return p95_ms(counts.candidate, counts.edges_ms) / p95_ms(counts.champion, counts.edges_ms)
