"""One definition of a quantile for all figures that Sluice reports."""

import math
from collections.abc import Collection


def nearest_rank(values: Collection[float], share: float) -> float | None:
    """The smallest of ``values`` that at least ``share`` of them do not exceed; None when empty.

    The nearest-rank method: the answer is always a value that was seen, never one between two.

    Args:
        values: in any order.
        share: above 0, at most 1.
    """
    if not values:
        return None
    return sorted(values)[math.ceil(share * len(values)) - 1]
