"""What stands in a board's queries for the viewer's choice, and what Grafana puts in its place."""

import re
from collections.abc import Mapping

VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))")

INTERVALS = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "1h",
    "__range_s": "3600",
}
"""Durations that would be there in an hour's view, for whoever only reads a query."""


def variables(text: str) -> set[str]:
    """The names of the variables in ``text``."""
    return {found["braced"] or found["bare"] for found in VARIABLE.finditer(text)}


def fill(text: str, values: Mapping[str, str]) -> str:
    """``text`` with these variables' values; others stay as they are."""

    def value(found: re.Match[str]) -> str:
        return values.get(found["braced"] or found["bare"], found[0])

    return VARIABLE.sub(value, text)


def without_variables(expr: str) -> str:
    """An expression that a parser takes: with an hour's durations and any value."""
    return VARIABLE.sub("x", fill(expr, INTERVALS))
