"""A table's rows as Grafana makes them of several queries: merged, ordered, renamed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.live.asking import Answer
from dashboards.macros import fill
from dashboards.page import units

_FIELDS = "__data.fields."


@dataclass(frozen=True)
class Cell:
    """What stands in one cell."""

    text: str
    css: str = ""
    link: str = ""
    hint: str = ""
    """Where a link inside of Grafana leads."""


@dataclass(frozen=True)
class Table:
    """Headings, and rows of as many cells."""

    headings: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(panel: Mapping[str, Any], answers: Sequence[Answer], values: Mapping[str, str]) -> Table:
    """The panel's rows; ``values`` are the board's variables."""
    organize = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]
    order, renamed = organize["indexByName"], organize["renameByName"]
    columns = [(field, renamed[field]) for field in sorted(order, key=order.__getitem__)]
    overrides = {
        one["matcher"]["options"]: {found["id"]: found["value"] for found in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }
    merged = _merged(answers)
    # A column that nobody has anything in says nothing.
    used = [(f, name) for f, name in columns if any(f in row for row in merged)]
    rows = []
    for row in sorted(merged, key=lambda row: [str(row.get(f, "")) for f, _ in columns[:2]]):
        fields = {name: str(row.get(field, "")) for field, name in used}
        rows.append(
            tuple(
                _cell(row.get(field), overrides.get(name, {}), fields, values)
                for field, name in used
            )
        )
    numbers = [field.startswith("Value #") for field, _ in used]
    headings = [
        Cell(name, "number" * number) for (_, name), number in zip(used, numbers, strict=True)
    ]
    return Table(tuple(headings), tuple(rows))


def _merged(answers: Sequence[Answer]) -> list[dict[str, str | float]]:
    """Rows with what every query says of the same labels, those that all of them have."""
    frames = [answer for answer in answers if answer.found]
    if not frames:
        return []
    shared = set.intersection(*({*one.labels} for answer in frames for one in answer.found))
    rows: dict[tuple[str, ...], dict[str, str | float]] = {}
    names = sorted(shared)
    for answer in frames:
        for one in answer.found:
            key = tuple(one.labels[name] for name in names)
            row = rows.setdefault(key, {})
            row |= dict(one.labels)
            row[f"Value #{answer.ref}"] = one.points[-1][1]
    return list(rows.values())


def _cell(
    value: str | float | None,
    properties: Mapping[str, Any],
    fields: Mapping[str, str],
    values: Mapping[str, str],
) -> Cell:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Cell("", "number")
    if isinstance(value, str):
        text, css = value, ""
    else:
        text = units.text(value, properties.get("unit", "short"), properties.get("decimals"))
        steps = properties.get("thresholds", {}).get("steps", [])
        reached = [step["color"] for step in steps[1:] if value >= step["value"]]
        css = f"number {reached[-1]}" if reached else "number"
    link, hint = _link(properties.get("links", []), fields, values)
    return Cell(text, css, link, hint)


def _link(
    links: Sequence[Mapping[str, str]], fields: Mapping[str, str], values: Mapping[str, str]
) -> tuple[str, str]:
    """The address outside of Grafana, and what one would do instead of a link inside."""
    for link in links:
        url = link["url"]
        for name, value in fields.items():
            url = url.replace(f"${{{_FIELDS}{name}}}", value)
        url = fill(url, values)
        if url.startswith(("http://", "https://")):
            return url, link["title"]
        board, _, asked = url.removeprefix("/d/sluice-").partition("?")
        chosen = [
            f"--var {pair.removeprefix('var-')}"
            for pair in asked.split("&")
            if pair.startswith(("var-endpoint=", "var-version="))
        ]
        return "", f"sluice dashboard {board} {' '.join(chosen)}"
    return "", ""
