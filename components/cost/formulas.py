"""What a rate of requests costs, when a GPU is cheaper, and what it saves to stop when idle.

Rates are in requests a second, prices in USD an hour, times in seconds. ``share`` is the target
utilisation: a replica that can answer ``capacity`` requests a second within the latency's limit is
given ``share`` times as many.
"""

import math
from dataclasses import dataclass

TARGET_SHARE = 0.65
"""The middle of what is usual, 0.6 to 0.7."""
COOLDOWN_S = 300.0
COLD_START_S = 60.0
"""Where neither was measured: a pod's, its image on the node."""


def per_1000(usd: float, count: float | None) -> float | None:
    """What 1,000 of what was counted cost; None where nothing was."""
    return 1000 * usd / count if count else None


def per_1000_at(usd_per_hour: float, rate: float) -> float:
    """What 1,000 requests cost at a rate, for what is provisioned: idle is in it."""
    return 1000 * usd_per_hour / (3600 * rate)


def replicas(rate: float, capacity: float, least: int = 1, share: float = TARGET_SHARE) -> int:
    """How many replicas a rate needs."""
    return max(least, math.ceil(rate / (capacity * share)))


def break_even(
    capacity_cpu: float, usd_cpu: float, usd_gpu: float, share: float = TARGET_SHARE
) -> float:
    """The rate above which one GPU costs less than the CPU replicas that it replaces.

    That is where one CPU replica more than the GPU's price buys would be needed. The GPU must be
    able to answer it: see `gpu_is_never_cheaper`.
    """
    return share * capacity_cpu * math.floor(usd_gpu / usd_cpu)


def gpu_is_never_cheaper(
    capacity_cpu: float, usd_cpu: float, capacity_gpu: float, usd_gpu: float
) -> bool:
    """Whether even a GPU in full use costs no less than the CPU replicas for the same rate."""
    return math.ceil(capacity_gpu / capacity_cpu) <= usd_gpu / usd_cpu


@dataclass(frozen=True)
class ScaleToZero:
    """What happens to requests that come at random if nobody is kept waiting for them."""

    awake: float
    """The share of time in which there is a replica."""
    cold: float
    """The share of requests that come when there is none."""
    waiting: float
    """The share of requests that wait for a start: those, and who comes while it lasts."""


def scale_to_zero(rate: float, cooldown_s: float, cold_start_s: float) -> ScaleToZero:
    """Requests come at random (Poisson) at ``rate``; the last replica goes ``cooldown_s`` after.

    The cooldown begins when a request came, or when the replica was ready if that was later. A
    cycle is a sleep of 1/rate, a start, and then requests until none comes for the cooldown, which
    takes (e^(rate cooldown) - 1) / rate; in it come e^(rate cooldown) + rate start requests. For a
    start that takes no time this is the usual e^(-rate cooldown) of requests that are cold. More
    than one replica, and requests that come in bursts, are not in it.
    """
    try:
        kept = math.exp(rate * cooldown_s)
    except OverflowError:
        return ScaleToZero(1.0, 0.0, 0.0)
    started = rate * cold_start_s
    return ScaleToZero(
        awake=(kept - 1 + started) / (kept + started),
        cold=1 / (kept + started),
        waiting=(1 + started) / (kept + started),
    )
