"""Values as Grafana writes them in the units that our boards use."""

import math
from typing import NamedTuple


class Shown(NamedTuple):
    """What a value is divided by to be shown, and what stands behind it."""

    by: float
    suffix: str


_LADDERS: dict[str, tuple[Shown, ...]] = {
    "percentunit": (Shown(0.01, "%"),),
    "percent": (Shown(1, "%"),),
    "reqps": (Shown(1, "/s"),),
    "currencyUSD": (Shown(1, " USD"),),
    "none": (Shown(1, ""),),
    "short": (Shown(1, ""), Shown(1e3, " K"), Shown(1e6, " M"), Shown(1e9, " G")),
    "s": (
        *(Shown(1e-3, " ms"), Shown(1, " s"), Shown(60, " min")),
        *(Shown(3600, " h"), Shown(86400, " days")),
    ),
    "ms": (Shown(1, " ms"), Shown(1e3, " s")),
    "µs": (Shown(1, " µs"), Shown(1e3, " ms"), Shown(1e6, " s")),
    "bytes": (Shown(1, " B"), Shown(2**10, " KiB"), Shown(2**20, " MiB"), Shown(2**30, " GiB")),
}
"""From small to large."""


def shown(unit: str, magnitude: float) -> Shown:
    """How values of about this magnitude are shown."""
    if unit.startswith("suffix:"):
        return Shown(1, unit.removeprefix("suffix:"))
    ladder = _LADDERS.get(unit, (Shown(1, f" {unit}" if unit else ""),))
    fitting = [step for step in ladder if abs(magnitude) >= step.by]
    return fitting[-1] if fitting else ladder[0]


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """The value with its unit; three digits where nobody says how many."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "-∞"}.get(value, "no value")
    by, suffix = shown(unit, value)
    number = value / by
    if decimals is not None:
        said = f"{number:,.{decimals}f}"
    else:
        # A whole number below ten million keeps its digits; of others three say enough.
        whole = number == round(number) and abs(number) < 1e7
        said = f"{number:,.0f}" if whole else _three_digits(number)
    return f"{said}{suffix}"


def _three_digits(number: float) -> str:
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}"
