"""How figures are printed: minimum, median and maximum, always."""

import statistics
from collections.abc import Sequence


def line(what: str, values: Sequence[float], unit: str) -> str:
    """One line for a figure that was measured several times."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{what:<44} {low:8.2f} {middle:8.2f} {high:8.2f} {unit}  (n = {len(values)})"
