"""The edges of the gateway's latency histogram.

Envoy keeps a latency in a bin of two significant digits and counts a bin below an edge only when
all of it lies below: an edge inside a bin is silently rounded down, by up to 9 %. The judge holds
the share of answers slower than u against the share slower than v = 1.3 u, so a ladder of ratio
sqrt(1.3), rounded that way, has pairs from 1.22 to 1.36, and a ratio under 1.3 accuses good
versions. These edges lie on the bins' own borders, and each has another 1.300 to 1.353 times as
high: the tightest that two digits allow with 16 edges in a decade.
"""

_DIGITS = (10, 12, 13, 16, 17, 21, 23, 28, 31, 37, 41, 49, 55, 66, 74, 89)

EDGES_US: tuple[int, ...] = tuple(
    edge
    for scale in (100, 1000, 10_000, 100_000, 1_000_000)
    for digit in _DIGITS
    if (edge := digit * scale) <= 41_000_000
)
"""Microseconds, from 1 ms to 41 s."""


def milliseconds(edge_us: str) -> str:
    """The edge as `components.platform.Counters` writes it."""
    return edge_us if edge_us == "+Inf" else f"{float(edge_us) / 1000:g}"
