"""Plots as SVG paths: scales and shapes, each a small function that returns text.

A drawing is 1000 units wide and as high as its pixels, and is stretched to the page's width.
Strokes keep their width (`vector-effect`), dots are round caps of empty lines, and all lettering is
HTML beside the drawing: so a plot reads the same on a phone, on a wide screen and on paper.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

WIDTH = 1000.0

Place = tuple[float, float | None]
"""Time and value; no value is a gap."""


@dataclass(frozen=True)
class Scale:
    """Maps values from ``low`` to ``high`` onto 0 to 1; values outside sit on the edge."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Value and label."""

    def at(self, value: float) -> float:
        """Where ``value`` lies, 0 to 1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def time_scale(low: float, high: float) -> Scale:
    """Seconds, with about six ticks at round times."""
    high = max(high, low + 1)
    wanted = (high - low) / 7
    step = next((size for size in _TIMES if size >= wanted), 86400 * math.ceil(wanted / 86400))
    ticks = range(math.ceil(low / step) * step, math.floor(high) + 1, step)
    return Scale(low, high, tuple((float(t), time_label(t, step)) for t in ticks))


def time_label(seconds: float, step: float) -> str:
    """A tick's label: with seconds below minute steps, in hours from hour steps on."""
    minutes, rest = divmod(round(seconds), 60)
    if step < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes} min" if step < 1800 else f"{minutes // 60}:{minutes % 60:02d} h"


def clock_scale(low: float, high: float) -> Scale:
    """Seconds since the epoch, with about five ticks at round times of the day, in UTC."""
    wanted = (high - low) / 6
    step = next((size for size in _TIMES if size >= wanted), 86400 * math.ceil(wanted / 86400))
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%d %b"
    ticks = range(math.ceil(low / step) * step, math.floor(high) + 1, step)
    return Scale(low, high, tuple((float(t), time.strftime(form, time.gmtime(t))) for t in ticks))


def value_scale(high: float, unit: str) -> Scale:
    """From zero to ``high``, with three to five round ticks."""
    step = _round_up((high or 1.0) / 4)
    count = math.floor(high * (1 + 1e-9) / step)
    ticks = tuple((i * step, f"{i * step:,.6g}{unit}") for i in range(count + 1))
    return Scale(0.0, high or 1.0, ticks)


def _round_up(value: float) -> float:
    size = 10.0 ** math.floor(math.log10(value))
    return next(size * step for step in (1, 2, 2.5, 5, 10) if size * step >= value * (1 - 1e-9))


def log_scale(low: int, high: float) -> Scale:
    """Powers of ten from 10^low to 10^high; the values mapped are exponents."""
    step = max(1, round((high - low) / 5))
    powers = range(-(-low // step) * step, math.floor(high) + 1, step)
    return Scale(float(low), high, tuple((float(p), _power(p)) for p in powers))


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(exponent: int) -> str:
    if -2 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return f"10{str(exponent).translate(_SUPERSCRIPT)}"


@dataclass(frozen=True)
class Area:
    """Where a plot is drawn: its scales and its height in pixels."""

    x: Scale
    y: Scale
    height: float

    def place(self, t: float, value: float) -> str:
        """Coordinates of a point, as a path has them."""
        return f"{WIDTH * self.x.at(t):.1f} {self.height * (1 - self.y.at(value)):.1f}"


def line(area: Area, places: Sequence[Place], css: str) -> str:
    """A line through the places, broken at gaps."""
    parts = []
    for there, group in groupby(places, key=lambda place: place[1] is not None):
        if there:
            points = [area.place(t, value) for t, value in group if value is not None]
            parts.append(f"M{points[0]}h.01" if len(points) == 1 else "M" + "L".join(points))
    return f'<path class="{css}" d="{"".join(parts)}"/>'


def stairs(area: Area, levels: Sequence[tuple[float, float]], css: str) -> str:
    """From each time on its level, up to the plot's end; filled below by a class with a fill."""
    corners: list[tuple[float, float]] = [(levels[0][0], 0.0)]
    for (t, level), (until, _) in zip(levels, [*levels[1:], (area.x.high, 0.0)], strict=True):
        corners += [(t, level), (until, level)]
    corners.append((area.x.high, 0.0))
    path = "L".join(area.place(t, level) for t, level in corners)
    return f'<path class="{css}" d="M{path}"/>'


def dots(area: Area, places: Iterable[Place], css: str) -> str:
    """A dot at each place that has a value."""
    marks = "".join(f"M{area.place(t, value)}h.01" for t, value in places if value is not None)
    return f'<path class="{css}" d="{marks}"/>'


def level(area: Area, value: float, css: str) -> str:
    """A line across at ``value``."""
    y = f"{area.height * (1 - area.y.at(value)):.1f}"
    return f'<path class="{css}" d="M0 {y}H{WIDTH:.0f}"/>'


def moment(area: Area, t: float, css: str) -> str:
    """A line from top to bottom at ``t``."""
    return f'<path class="{css}" d="M{WIDTH * area.x.at(t):.1f} 0V{area.height:.0f}"/>'


def stretch(area: Area, begin: float, end: float, css: str) -> str:
    """The time from ``begin`` to ``end``, over the whole height."""
    left, right = WIDTH * area.x.at(begin), WIDTH * area.x.at(end)
    size = f'width="{right - left:.1f}" height="{area.height:.0f}"'
    return f'<rect class="{css}" x="{left:.1f}" {size}/>'


def cells(
    area: Area, boxes: Iterable[tuple[tuple[float, float], tuple[float, float]]], css: str
) -> str:
    """Filled boxes: from time and value of one corner to those of the opposite one."""
    parts = []
    for (begin, low), (end, high) in boxes:
        left, right = WIDTH * area.x.at(begin), WIDTH * area.x.at(end)
        top, bottom = (area.height * (1 - area.y.at(value)) for value in (high, low))
        parts.append(f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}Z")
    return f'<path class="{css}" d="{"".join(parts)}"/>'


def grid(area: Area) -> str:
    """Lines at the ticks of both axes."""
    across = "".join(
        f"M0 {area.height * (1 - area.y.at(value)):.1f}H{WIDTH:.0f}" for value, _ in area.y.ticks
    )
    return f'<path class="grid" d="{across}"/>'


def columns(area: Area, spans: Iterable[tuple[float, float, str]]) -> str:
    """Invisible columns from time to time, each with a text that shows under the pointer."""
    parts = []
    for begin, end, text in spans:
        left, right = WIDTH * area.x.at(begin), WIDTH * area.x.at(end)
        title = Markup.escape(text)
        parts.append(
            f'<rect class="col" x="{left:.1f}" width="{max(right - left, 0.1):.1f}"'
            f' height="{area.height:.0f}"><title>{title}</title></rect>'
        )
    return "".join(parts)


def drawing(area: Area, key: str, title: str, description: str, shapes: Iterable[str]) -> Markup:
    """The shapes as one SVG that screen readers can name."""
    body = Markup("".join(shapes))  # noqa: S704 (numbers, our class names and escaped titles only)
    return Markup(
        '<svg viewBox="0 0 {width:.0f} {height:.0f}" height="{height:.0f}"'
        ' preserveAspectRatio="none" role="img" aria-labelledby="{key}-title {key}-desc">'
        '<title id="{key}-title">{title}</title><desc id="{key}-desc">{description}</desc>'
        "{body}</svg>"
    ).format(
        width=WIDTH, height=area.height, key=key, title=title, description=description, body=body
    )
