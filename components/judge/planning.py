"""Before a release: can the buckets decide the rule, and how soon is each fault seen?"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from components.judge import budget, latency
from components.judge.constants import (
    ERROR_RATIOS,
    FIRST_WEIGHT,
    LIMIT_FRACTIONS,
    MIN_TAIL_PAST,
    P95_RATIOS,
    P95_SAFE_RATIOS,
    PRIOR_RATE,
    RATIO_SLACK,
    SAFE_FRACTIONS,
    Grid,
)
from components.judge.evidence import (
    Count,
    binomial_bet,
    limit_bet,
    two_sample_bet,
)
from components.judge.growth import edges_of
from components.judge.policy import Policy

ERROR_FAULTS = (0.5, 0.05, 0.03)
P95_FAULTS = (2.0, 1.5)
_MAX_COUNTS = 400
"""Beyond so many requests a poll's error share is taken at its mean."""


class Preflight(msgspec.Struct, frozen=True):
    """Whether the histogram's edges can decide the policy's p95 ratio."""

    ok: bool
    ratio: float
    """The smallest ratio, from the policy's up, that they can decide; infinite if none."""
    text: str


class Eta(msgspec.Struct, frozen=True):
    """How long until a fault is seen, or safety is shown, at the present traffic."""

    what: str
    seconds: float | None
    """The median, about; None if never."""
    in_watch: bool
    """Within one watch."""


class Forecast(msgspec.Struct, frozen=True):
    """What can be seen of a release before it starts."""

    budget: Mapping[str, float]
    """False-rollback probability by test; the sum is the policy's."""
    faults: tuple[Eta, ...]
    safe: tuple[Eta, ...]
    """When a version as good as production can be promoted, by test."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The forecast as a JSON object."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body


def preflight(policy: Policy, buckets: Mapping[str, float]) -> Preflight:
    """Check the champion's cumulative `buckets` (counts by upper edge in ms) against the p95 rule.

    With at least 100 latencies the edge pair at the champion's p95 counts, else the worst pair
    anywhere below the top of the histogram.
    """
    edges, counts = edges_of(buckets)
    if not edges:
        return Preflight(False, math.inf, "production has no latency histogram: no p95 to compare")
    if counts[-1] >= MIN_TAIL_PAST:
        at = latency.p95_edge(edges, counts)
        wide = latency.bucket_ratio(edges, counts, at)
        if wide > policy.p95_ratio * RATIO_SLACK:
            return _wide(policy, edges, counts, wide)
        ratio = latency.ratio_at(edges, at, policy.p95_ratio)
        where = f"at production's p95 (edge {edges[at]:.4g} ms)"
    else:
        below = [u for u in range(len(edges) - 1) if edges[u] * policy.p95_ratio <= edges[-2]]
        ratio = max((latency.ratio_at(edges, u, policy.p95_ratio) for u in below), default=math.inf)
        where = "everywhere in the histogram"
    if ratio <= policy.p95_ratio * RATIO_SLACK:
        return Preflight(True, ratio, f"the buckets decide a p95 ratio of {ratio:.3g} {where}")
    if ratio == math.inf:
        text = f"no bucket edge lies {policy.p95_ratio:g} times beyond production's p95"
    else:
        text = f"the buckets can decide a p95 ratio of {ratio:.3g} {where}"
    return Preflight(
        False,
        ratio,
        f"{text}, {_advice(policy, '')}",
    )


def _wide(
    policy: Policy, edges: Sequence[float], counts: Sequence[float], wide: float
) -> Preflight:
    """The p95 may lie anywhere in a bucket that spans the ratio `wide`."""
    low, high = latency.p95_bucket(edges, counts)
    can = "no p95 ratio"
    if wide < math.inf:
        at = latency.p95_edge(edges, counts)
        wide = latency.ratio_at(edges, at, wide / RATIO_SLACK)
        can = f"a p95 ratio of {wide:.3g}"
    text = (
        f"the buckets can decide {can}: production's p95 lies between {low:.4g} and {high:.4g} ms"
    )
    return Preflight(False, wide, f"{text}, {_advice(policy, ' there')}")


def _advice(policy: Policy, where: str) -> str:
    return (
        f"the policy asks for {policy.p95_ratio:g}: add edges whose ratio is"
        f" {math.sqrt(policy.p95_ratio):.3f}{where}, or ask for more"
    )


def deciding_ratios(edges: Sequence[float], ratio: float) -> tuple[float, ...]:
    """Which p95 ratios these finite edges decide wherever the p95 lies, nearest `ratio` first.

    Tried are the steps of 0.01 up to 10; empty edges decide none.
    """

    def decides(asked: float) -> bool:
        below = [u for u in range(len(edges)) if edges[u] * asked <= edges[-1]]
        listed = [*edges, math.inf]
        found = [latency.ratio_at(listed, u, asked) for u in below]
        spans = [b / a for a, b in pairwise(edges)]
        return bool(found) and max(*found, *spans) <= asked * RATIO_SLACK

    steps = [step / 100 for step in range(101, 1001)]
    return tuple(sorted(filter(decides, {*steps, ratio}), key=lambda one: abs(one - ratio)))


def undecidable(edges: Sequence[float], ratio: float) -> str:
    """Why these finite edges cannot decide the p95 ratio wherever the p95 lies; empty if they can.

    Names the ratios that they can.
    """
    found = deciding_ratios(edges, ratio)
    if ratio in found:
        return ""
    spans: list[list[float]] = []
    for one in sorted(found):
        if spans and one - spans[-1][1] < 0.015:
            spans[-1][1] = one
        else:
            spans.append([one, one])
    said = [f"{a:g}" if a == b else f"{a:g} to {b:g}" for a, b in spans]
    return (
        f"the gateway's histogram cannot decide a p95_ratio of {ratio:g} everywhere: it can decide"
        f" {', '.join(said) or 'none'}"
    )


def eta(
    policy: Policy,
    requests_per_second: float,
    champion_error_rate: float,
    champion_buckets: Mapping[str, float],
    *,
    baseline: bool = False,
) -> Forecast:
    """What to expect of a release at the endpoint's whole present traffic.

    The first step's split is assumed for as long as it takes; with a baseline, both arms that are
    compared have the candidate's share. Times are those at which the log of the e-process reaches
    its line in expectation: about the median.
    """
    shares = budget.split(policy.false_rollback)
    share = min(policy.steps[0], 99) / 100
    ours = requests_per_second * share * policy.poll_s
    theirs = ours if baseline else requests_per_second * (1 - share) * policy.poll_s
    tail = _tail(policy, champion_buckets)

    def row(what: str, polls: float) -> Eta:
        seconds = polls * policy.poll_s if polls < math.inf else None
        return Eta(what, seconds, seconds is not None and seconds <= policy.watch_s)

    faults = [
        row(
            f"{rate:.0%} errors",
            _error_polls(policy, shares.errors, rate, (ours, theirs), champion_error_rate),
        )
        for rate in ERROR_FAULTS
        if rate > max(policy.error_rate, champion_error_rate)
    ]
    faults += [
        row(f"p95 x{ratio:g}", _p95_polls(shares.p95, ratio, (ours, theirs), tail))
        for ratio in P95_FAULTS
        if ratio > policy.p95_ratio
    ]
    safe = (
        row("error rate safe", _safe_polls(policy, champion_error_rate, ours)),
        row("p95 safe", _p95_safe_polls(policy, (ours, theirs), tail)),
    )
    warnings = [
        f"{due.what}: "
        + (f"takes about {due.seconds:.0f} s" if due.seconds is not None else "cannot be shown")
        + f", the watch is {policy.watch_s:.0f} s: raise the watch or the candidate's share"
        for due in safe
        if not due.in_watch
    ]
    return Forecast(
        budget=msgspec.to_builtins(shares),
        faults=tuple(faults),
        safe=safe,
        warnings=tuple(warnings),
    )


class _Tail(msgspec.Struct, frozen=True):
    """The champion's latencies and the edge pair that they choose."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    pair: latency.Pair

    @property
    def rate(self) -> float:
        """The champion's share beyond u."""
        return latency.tail(self.counts, self.pair.u)

    def worse(self, ratio: float) -> float:
        """The share beyond v of a candidate whose latencies are `ratio` times as long."""
        return latency.tail_beyond(self.edges, self.counts, self.edges[self.pair.v] / ratio)


def _tail(policy: Policy, buckets: Mapping[str, float]) -> _Tail | None:
    edges, counts = edges_of(buckets)
    if not edges or counts[-1] < MIN_TAIL_PAST:
        return None
    pair = latency.pair(edges, latency.p95_edge(edges, counts), policy.p95_ratio)
    return _Tail(edges, counts, pair) if pair else None


def _polls(log_needed: float, grid: Grid, growths: list[float]) -> float:
    """Polls until the fastest bet size has earned the line and its own weight in the mixture."""
    return min(
        math.ceil((log_needed - log_weight - math.log(FIRST_WEIGHT)) / growth)
        if growth > 0
        else math.inf
        for log_weight, growth in zip(grid.log_weights, growths, strict=True)
    )


def _error_polls(
    policy: Policy,
    alpha: float,
    rate: float,
    requests: tuple[float, float],
    champion_rate: float,
) -> float:
    """Polls until an error rate of `rate` is seen by both tests."""
    ours, theirs = requests
    if ours <= 0 or theirs <= 0:
        return math.inf
    past = max(champion_rate, policy.error_rate * PRIOR_RATE)
    relative = [
        two_sample_bet(Count(rate * ours, ours), Count(champion_rate * theirs, theirs), past, ratio)
        for ratio in ERROR_RATIOS.values
    ]
    limit = [_limit_growth(policy, rate, ours, fraction) for fraction in LIMIT_FRACTIONS.values]
    return max(
        _polls(-math.log(alpha), LIMIT_FRACTIONS, limit),
        _polls(-math.log(alpha), ERROR_RATIOS, relative),
    )


def _limit_growth(policy: Policy, rate: float, requests: float, fraction: float) -> float:
    """Expected `limit_bet` of a poll with binomial errors; below one request, polls are empty."""
    trials = min(max(round(requests), 1), _MAX_COUNTS)
    growth, chance = 0.0, (1 - rate) ** trials
    for hits in range(trials + 1):
        growth += chance * limit_bet(Count(hits, trials), policy.error_rate, fraction)
        chance *= (trials - hits) / (hits + 1) * rate / (1 - rate)
    return growth * min(requests, 1.0)


def _p95_polls(
    alpha: float, ratio: float, requests: tuple[float, float], tail: _Tail | None
) -> float:
    """Polls until a p95 `ratio` times production's is seen."""
    ours, theirs = requests
    if tail is None or ours <= 0 or theirs <= 0:
        return math.inf
    rate, worse = tail.rate, tail.worse(ratio)
    growths = [
        two_sample_bet(Count(worse * ours, ours), Count(rate * theirs, theirs), rate, odds)
        for odds in P95_RATIOS.values
    ]
    return _polls(-math.log(alpha), P95_RATIOS, growths)


def _safe_polls(policy: Policy, champion_rate: float, requests: float) -> float:
    """Polls until a candidate with the champion's error rate is shown to be below the limit."""
    growths = [
        binomial_bet(
            Count(champion_rate * requests, requests),
            fraction * policy.error_rate,
            policy.error_rate,
        )
        for fraction in SAFE_FRACTIONS.values
    ]
    return _polls(-math.log(policy.false_promotion), SAFE_FRACTIONS, growths)


def _p95_safe_polls(policy: Policy, requests: tuple[float, float], tail: _Tail | None) -> float:
    """Polls until a candidate as fast as the champion is shown not to be slower."""
    ours, theirs = requests
    if tail is None or ours <= 0 or theirs <= 0:
        return math.inf
    rate, same = tail.rate, latency.tail(tail.counts, tail.pair.safe)
    growths = [
        two_sample_bet(Count(same * ours, ours), Count(rate * theirs, theirs), rate, odds)
        for odds in P95_SAFE_RATIOS.values
    ]
    return _polls(-math.log(policy.false_promotion), P95_SAFE_RATIOS, growths)
