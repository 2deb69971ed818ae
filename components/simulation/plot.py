"""Simulations as pictures: one SVG figure each, or a self-contained HTML page of them."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

from components.simulation.outcome import ERROR, HELD, PROMOTED, ROLLED_BACK, Outcomes
from components.simulation.run import RULES, Simulation, percent

_COLOURS = {"sluice": "#0b5cad", "flagger": "#d1700f", "argo": "#148a63", "kayenta": "#a4509a"}
_ENDINGS = (
    (ROLLED_BACK, "rolled back", "#c8443c"),
    (HELD, "held", "#e2b13c"),
    (ERROR, "error", "#7a7f87"),
    (PROMOTED, "promoted", "#4c9f70"),
)
_INK, _FAINT, _GRID = "#1f2430", "#5c6470", "#e4e7eb"
_WIDTH, _HEIGHT = 760, 372
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 620, 62, 232
"""The chart's frame; labels of the lines stand right of it, the bars below."""


def _text(x: float, y: float, said: str, **attributes: str) -> str:
    styled = {"fill": _INK, "font_size": "12", **attributes}
    listed = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in styled.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" {listed}>{escape(said)}</text>'


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
        f'stroke="{colour}"{dashed}/>'
    )


def _steps(outcomes: Outcomes, minutes: float) -> list[tuple[float, float]]:
    """Corners of the share rolled back so far: (minute, share)."""
    at = np.sort(outcomes.at_s[outcomes.decision == ROLLED_BACK]) / 60
    corners, share = [(0.0, 0.0)], 0.0
    for minute, count in zip(*np.unique(at, return_counts=True), strict=True):
        corners.append((float(minute), share))
        share += count / len(outcomes.decision)
        corners.append((float(minute), share))
    return [*corners, (minutes, share)]


def _apart(heights: Sequence[float], gap: float, lowest: float) -> list[float]:
    """The same heights in their order, moved so that labels keep `gap` and stay above `lowest`."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    for before, now in pairwise(order):
        placed[now] = max(placed[now], placed[before] + gap)
    ceiling = lowest
    for now in reversed(order):
        placed[now] = min(placed[now], ceiling)
        ceiling = placed[now] - gap
    return placed


def _curves(simulation: Simulation) -> list[str]:
    minutes = simulation.scenario.minutes

    def x(minute: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * minute / minutes

    def y(share: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * share

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_line((_LEFT, y(share)), (_RIGHT, y(share)), _GRID))
        parts.append(_text(_LEFT - 6, y(share) + 4, f"{share:.0%}", text_anchor="end", fill=_FAINT))
    for sixth in range(7):
        minute = minutes * sixth / 6
        said = f"{minute:g}" if sixth else "0 min"
        parts.append(_text(x(minute), _BOTTOM + 16, said, text_anchor="middle", fill=_FAINT))
    for moment, said in ((simulation.scenario.onset, "fault"), (simulation.scenario.until, "ends")):
        if moment:
            at = x(moment / 60)
            parts.append(_line((at, _TOP - 4), (at, _BOTTOM), _FAINT, "3 3"))
            parts.append(_text(at + 4, _TOP + 4, said, fill=_FAINT))

    ends = {}
    # The own rule is drawn last, on top.
    for rule in reversed(RULES):
        corners = _steps(simulation.outcomes[rule], minutes)
        points = " ".join(f"{x(minute):.1f},{y(share):.1f}" for minute, share in corners)
        wide = "3" if rule == "sluice" else "1.8"
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{_COLOURS[rule]}" '
            f'stroke-width="{wide}" stroke-linejoin="round"/>'
        )
        ends[rule] = (y(corners[-1][1]), corners[-1][1])
    places = _apart([ends[rule][0] for rule in RULES], 15, _BOTTOM)
    for rule, place in zip(RULES, places, strict=True):
        weight = "700" if rule == "sluice" else "400"
        said = f"{RULES[rule]} {percent(ends[rule][1])}"
        parts.append(_text(_RIGHT + 8, place + 4, said, fill=_COLOURS[rule], font_weight=weight))
    return parts


def _bars(simulation: Simulation) -> list[str]:
    parts, key = [], _LEFT + 96.0
    for _, said, colour in _ENDINGS:
        parts.append(f'<rect x="{key}" y="259" width="10" height="10" rx="2" fill="{colour}"/>')
        parts.append(_text(key + 15, 268, said, fill=_FAINT))
        key += 96
    left, right = _LEFT + 96, _RIGHT
    for row, rule in enumerate(RULES):
        top = 278 + row * 21
        weight = "700" if rule == "sluice" else "400"
        parts.append(_text(left - 8, top + 12, RULES[rule], text_anchor="end", font_weight=weight))
        decisions, at = simulation.outcomes[rule].decision, float(left)
        for ending, _, colour in _ENDINGS:
            share = float((decisions == ending).mean())
            width = share * (right - left)
            parts.append(
                f'<rect x="{at:.1f}" y="{top}" width="{width:.1f}" height="16" fill="{colour}"/>'
            )
            if width > 44:
                parts.append(
                    _text(
                        at + width / 2,
                        top + 12,
                        percent(share),
                        text_anchor="middle",
                        fill=_INK if ending == HELD else "#ffffff",
                        font_size="11",
                    )
                )
            at += width
        median = simulation.summary(rule).median_detection_s
        if median is not None:
            parts.append(_text(right + 8, top + 12, f"half by {median / 60:.3g} min", fill=_FAINT))
    return parts


def svg(simulation: Simulation, title: str, command: str) -> str:
    """One figure: the share rolled back over time, and how the releases ended, per rule."""
    parts = [
        _text(_LEFT - 30, 22, title, font_size="15", font_weight="700"),
        _text(_LEFT - 30, 40, command, fill=_FAINT, font_size="11", font_family="monospace"),
        *_curves(simulation),
        *_bars(simulation),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" font-family="system-ui, sans-serif">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2430; background: #f4f5f7;
       max-width: 820px; margin: 2rem auto; padding: 0 1rem; }
figure { background: #fff; border: 1px solid #e4e7eb; border-radius: 8px; margin: 1rem 0;
         padding: .75rem; }
svg { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: .5rem; }
th, td { text-align: right; padding: .25rem .6rem; border-top: 1px solid #e4e7eb;
         font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
p { color: #5c6470; }
"""

_COLUMNS = ("rule", "rolled back", "at most (99 %)", "promoted", "held", "error", "half by")


def _numbers(simulation: Simulation) -> str:
    rows = ["<tr>" + "".join(f"<th>{column}</th>" for column in _COLUMNS) + "</tr>"]
    for rule, name in RULES.items():
        found = simulation.summary(rule)
        median = found.median_detection_s
        cells = (
            name,
            f"{found.rolled_back:.2%}",
            f"{found.rolled_back_at_most:.2%}",
            f"{found.promoted:.2%}",
            f"{found.held:.2%}",
            f"{found.error:.2%}",
            "never" if median is None else f"{median:g} s",
        )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table>{''.join(rows)}</table>"


def page(title: str, figures: Sequence[tuple[Simulation, str, str]]) -> str:
    """A page that needs no network; `figures` are simulations with their titles and commands."""
    first = figures[0][0]
    drawn = "\n".join(
        f"<figure>{svg(simulation, name, command)}{_numbers(simulation)}</figure>"
        for simulation, name, command in figures
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>"
        f"<p>{first.releases} simulated releases each, seed {first.seed}. The lines show the share "
        "of releases rolled back by each minute; the bars show how the releases ended.</p>"
        f"{drawn}</body></html>\n"
    )
