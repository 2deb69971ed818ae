"""Numbers of flags: never infinite, and never NaN, which passes for any range."""

import math
from typing import Any

import click


class Finite(click.FloatRange):
    """A finite number, in a range if one is given."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; a usage error if it is none."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is no finite number", param, ctx)
        return found
