"""Before a release: can the buckets decide the rule, and how soon is each fault seen?"""

import math
from collections.abc import Iterator, Mapping, Sequence
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
_STEP = 0.01
"""Between the p95 ratios that a refusal tries."""
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
    known = counts[-1] >= MIN_TAIL_PAST
    if known:
        low, high = latency.p95_bucket(edges, counts)
        where = f"at production's p95, between {low:.4g} and {high:.4g} ms"
    else:
        where = "everywhere in the histogram"

    def decided(ratio: float) -> float | None:
        if not known:
            return ratio if latency.decides_everywhere(edges, ratio) else None
        pair = latency.deciding(edges, counts, ratio)
        return edges[pair.v] / edges[pair.u] if pair else None

    ratio = decided(policy.p95_ratio)
    if ratio is not None:
        return Preflight(True, ratio, f"the buckets decide a p95 ratio of {ratio:.3g} {where}")
    can = next(filter(None, map(decided, _ratios(policy.p95_ratio))), math.inf)
    said = f"a p95 ratio of {can:.3g}" if can < math.inf else "no p95 ratio"
    text = (
        f"the buckets can decide {said} {where}, the policy asks for {policy.p95_ratio:g}: add"
        f" edges whose ratio is {math.sqrt(policy.p95_ratio):.3f} there, or ask for more"
    )
    return Preflight(False, can, text)


def _ratios(least: float) -> Iterator[float]:
    """The ratios in steps of 0.01 from above `least` up to the highest that may be asked."""
    first = math.floor(least / _STEP + 1e-6) + 1
    return (round(step * _STEP, 2) for step in range(first, round(10 / _STEP) + 1))


def undecidable(edges: Sequence[float], ratio: float) -> str:
    """Why these finite edges cannot decide the p95 ratio wherever the p95 lies; empty if they can.

    Names the ratios that they can, in steps of 0.01.
    """
    whole = (*edges, math.inf)
    if latency.decides_everywhere(whole, ratio):
        return ""
    spans: list[list[float]] = []
    for one in _ratios(1.0):
        if not latency.decides_everywhere(whole, one):
            continue
        if spans and one - spans[-1][1] < _STEP * 1.5:
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
    pair = latency.deciding(edges, counts, policy.p95_ratio)
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
