"""The constants of the judge's bets; `components.simulation` vectorises the same rule from them."""

import math
from collections.abc import Mapping
from typing import NamedTuple


class Grid(NamedTuple):
    """Bet sizes and the log of their weights in the mixture; the weights sum to 1."""

    values: tuple[float, ...]
    log_weights: tuple[float, ...]


def even(*values: float) -> Grid:
    """A grid of equal weights."""
    return Grid(values, (-math.log(len(values)),) * len(values))


def weighted(weights: Mapping[float, float]) -> Grid:
    """A grid of these weights, which sum to 1."""
    return Grid(tuple(weights), tuple(map(math.log, weights.values())))


LIMIT_FRACTIONS = weighted({0.1: 0.3, 0.2: 0.3, 0.5: 0.1, 0.9: 0.3})
"""Bets against the error limit, as fractions of 1/limit (the bet that could lose everything): small
ones see an error rate a few times the limit, the large one sees an outage in two polls."""
ERROR_RATIOS = even(1.5, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
"""Candidate's over champion's odds of an error, that the relative test bets on."""
P95_RATIOS = weighted({1.5: 0.15, 1.9: 0.65, 5.0: 0.2})
"""Candidate's over champion's odds of a slow answer, that the p95 test bets on; most weight lies on
what a p95 1.5 times production's makes of a limit of 1.3."""
P95_SAFE_RATIOS = even(0.1, 0.25, 0.5)
"""Candidate's over champion's odds of a slow answer, that the promotion test of the p95 bets on."""
SAFE_FRACTIONS = even(0.0, 0.1, 0.25, 0.5, 0.75)
"""Error rates below the limit that the promotion test bets on, as fractions of the limit."""
SPLIT_FACTORS = even(0.05, 0.5, 1 / 1.5, 1.5, 2.0, 10.0)
"""The candidate's odds of a request over the weights' odds, that the split check bets on."""
SPLIT_TOLERANCE = 1.2
"""The observed odds may differ from the weights' by this factor."""

FIRST_WEIGHT = 0.9
"""Prior weight of a fault that is there from the first poll on."""
LATER_HAZARD = 0.01
"""The rest: a fault begins at each later poll with this probability."""

TAIL = 0.05
"""The share of answers slower than the p95."""
PRIOR_ERRORS = 0.5
"""Errors that stand for what is unknown of the champion before its first poll..."""
PRIOR_RATE = 0.25
"""...at this fraction of the limit."""
HISTORY_REQUESTS = 5_000.0
"""Requests of the champion before the release that count as its past, at most; of its latencies,
the older ones then fade:"""
RECENT_LATENCIES = 1_000.0
"""The weights of the champion's latencies, which tell where its p95 is, come to this sum..."""
RECENT_POLLS = 20.0
"""...or to what so many polls bring, if that is more. Latency moves with the load: older answers,
say of a busier hour, would hold both versions against an edge that hardly any answer reaches now.
A shorter memory would take a slow minute of the candidate for its p95."""
MIN_TAIL_PAST = 100.0
"""Latencies of the champion that must be known before an edge is chosen."""
PRIOR_CORRELATION = 0.002
"""Correlation of two latencies of one poll that stands, as one poll would, for what is unknown."""
RATIO_SLACK = 1.05
"""An edge pair may miss the policy's p95 ratio by this factor; beyond, it decides nothing."""
P95_MARGIN = 1.5 / 1.3
"""Promotion needs evidence against a p95 ratio this much over the policy's."""

STARVED_NATS = 4.6
"""The candidate is starved once this many of its requests were due and none came: chance 1 %."""
PATIENCE_POLLS = 4.0
"""The comparison of the versions waits at most so many polls for a source that was not read..."""
STILL_POLLS = 20
"""...and for a version whose counter stands still though requests were due to it: it may be scraped
less often than it is judged."""
GONE_AFTER_POLLS = 20.0
"""A source that has not been listed for this many polls may be forgotten."""
LATE_POLLS = 10.0
"""A reading that is at most so many polls behind may come from a metrics server that is late."""
NEAR_ZERO = 0.25
"""While a source is known for a shorter time, only a reading below this share of its first one is
a restart rather than late."""
LIFE_SLACK_S = 5.0
"""Starts of one process that are read at two times differ by less than this."""
NEAR_TAIL = 0.25
"""An edge stands for the p95 in a wide bucket if its share of slower answers is within this of 5 %,
relatively."""
SUSPECT_NATS = 1.0
"""From this evidence on a verdict names what it suspects."""
