"""What every board and every rule keeps to: each function returns its faults, one line each.

The rules for boards are those of Grafana's dashboard-linter that mean something here, and our own:
a unit, a question, an empty text and thresholds of each panel; whole lines; only metrics that are
there; counters only as rates; no division by what may be zero; windows that fit every scrape.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import promql_parser
from promql_parser import BinaryExpr, Expr, VectorSelector

from dashboards.macros import variables, without_variables
from dashboards.vocabulary import Type

Board = Mapping[str, Any]
Panel = Mapping[str, Any]
Known = Mapping[str, Type]

LINE = 24
DEFAULT_LIMIT = 80
"""What a panel has for a threshold when nobody thought of one."""
RATES = {"rate", "irate", "increase", "changes"}
BUILT_IN = {"__rate_interval", "__interval", "__range", "__range_s", "__url_time_range"}
_WINDOW = re.compile(r"\[(\d+(?:ms|[smhdwy]))[]:]")
_NAMED = {"5m": "5 minutes", "1h": "1h"}
"""Fixed windows, and how a panel says that it has one."""


def board_faults(boards: Mapping[str, Board], known: Known) -> list[str]:
    """What is wrong with these boards, by name."""
    faults = [
        f"{name}: {fault}" for name, board in boards.items() for fault in _board(board, known)
    ]
    uids = [board["uid"] for board in boards.values()]
    faults += [f"two boards have the uid {uid}" for uid in {u for u in uids if uids.count(u) > 1}]
    return faults


def rule_faults(groups: Iterable[Mapping[str, Any]], known: Known) -> list[str]:
    """What is wrong with the expressions of these groups of rules."""
    return [
        f"{rule.get('record') or rule['alert']}: {fault}"
        for group in groups
        for rule in group["rules"]
        for fault in expression_faults(rule["expr"], known)
    ]


def _board(board: Board, known: Known) -> Iterator[str]:
    if board.get("editable") is not False:
        yield "is editable: what somebody changes there is lost at the next start"
    yield from _variables(board)
    yield from _grid(board)
    ids = [panel.get("id") for panel in board["panels"]]
    if None in ids or len(set(ids)) < len(ids):
        yield "its panels have no ids, or the same"
    defined = BUILT_IN | {variable["name"] for variable in board["templating"]["list"]}
    for panel in board["panels"]:
        if panel["type"] != "row":
            for fault in (*_panel(panel, known), *_queries(panel, defined, known)):
                yield f"{panel.get('title')!r}: {fault}"
    for mark in board["annotations"]["list"]:
        for fault in expression_faults(mark["expr"], known):
            yield f"annotation {mark['name']!r}: {fault}"
    for hidden in (*board["links"], *board["annotations"]["list"]):
        if "placement" in hidden:
            yield "a link or annotation is hidden in a menu (placement)"


def _variables(board: Board) -> Iterator[str]:
    found = board["templating"]["list"]
    if not any(v["type"] == "datasource" and v["query"] == "prometheus" for v in found):
        yield "has no variable for the data source"
    for variable in found:
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"variable {variable['name']} is not read again when the time changes"


def _grid(board: Board) -> Iterator[str]:
    taken: dict[int, set[int]] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        columns = set(range(place["x"], place["x"] + place["w"]))
        for y in range(place["y"], place["y"] + place["h"]):
            line = taken.setdefault(y, set())
            if line & columns or max(columns) >= LINE:
                yield f"{panel['title']!r} overlaps another panel, or the border"
                return
            line |= columns
    gaps = [y for y, line in taken.items() if len(line) < LINE]
    if gaps:
        yield f"line {min(gaps)} is not full"


def _panel(panel: Panel, known: Known) -> Iterator[str]:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    said = panel.get("description", "")
    if not panel.get("title"):
        yield "has no title"
    if panel.get("datasource", {}).get("uid") != "${datasource}":
        yield "does not ask the board's data source"
    for key, what in (("unit", "unit"), ("noValue", "text for when there is nothing")):
        if not defaults.get(key):
            yield f"has no {what}"
    steps = defaults.get("thresholds", {}).get("steps", [])
    if not steps or any(step["value"] == DEFAULT_LIMIT for step in steps):
        yield "has no thresholds of its own"
    values = [step["value"] for step in steps[1:]]
    if values != sorted(set(values)):
        yield "its thresholds do not rise"
    named = {name for name in known if f"`{name}`" in said}
    read = {name for target in panel["targets"] for name in _names(target["expr"])}
    if missing := sorted(read - named):
        yield f"its description does not name {', '.join(missing)}"


def _queries(panel: Panel, defined: set[str], known: Known) -> Iterator[str]:
    said = f"{panel.get('title')} {panel.get('description')}"
    refs = [target["refId"] for target in panel["targets"]]
    if not refs or len(set(refs)) < len(refs):
        yield "its targets have no names of their own"
    for target in panel["targets"]:
        expr = target["expr"]
        if unknown := sorted(variables(expr) - defined):
            yield f"reads variables that are not there: {', '.join(unknown)}"
        for window in sorted(set(_WINDOW.findall(expr))):
            if _NAMED.get(window, window) not in said:
                yield f"has a window of {window} and does not say so: use $__rate_interval"
        yield from expression_faults(expr, known)


def expression_faults(expr: str, known: Known) -> Iterator[str]:
    """What is wrong with one expression, whose variables may stand in it."""
    try:
        parsed = promql_parser.parse(without_variables(expr))
    except ValueError as error:
        yield f"is no PromQL: {error}"
        return
    yield from _walk(parsed, known, rated=False)


def _names(expr: str) -> set[str]:
    try:
        parsed = promql_parser.parse(without_variables(expr))
    except ValueError:
        return set()
    return {node.name for node in _nodes(parsed) if isinstance(node, VectorSelector) and node.name}


def _walk(node: Expr, known: Known, *, rated: bool) -> Iterator[str]:
    if isinstance(node, VectorSelector):
        kind = known.get(node.name or "")
        if kind is None:
            yield f"reads {node.name or 'series without a name'}, which nothing scrapes or records"
        elif kind == "counter" and not rated:
            yield f"reads the counter {node.name} without a rate"
    if isinstance(node, BinaryExpr) and str(node.op) == "/" and not _is_guarded(node.rhs, known):
        yield f"divides by {node.rhs.prettify().strip()[:60]}, which may be zero: guard it by > 0"
    if isinstance(node, promql_parser.Call):
        rated = rated or node.func.name in RATES
    for child in _children(node):
        yield from _walk(child, known, rated=rated)


def _nodes(node: Expr) -> Iterator[Expr]:
    yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: Expr) -> Iterator[Expr]:
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        child = getattr(node, name, None)
        if isinstance(child, Expr):
            yield child
    for argument in getattr(node, "args", None) or ():
        if isinstance(argument, Expr):
            yield argument


def _is_guarded(divisor: Expr, known: Known) -> bool:
    """Whether it is a constant, or a comparison takes zeros out of it."""
    while isinstance(divisor, promql_parser.ParenExpr):
        divisor = divisor.expr
    if isinstance(divisor, VectorSelector):
        return known.get(divisor.name or "") == "constant"
    if isinstance(divisor, promql_parser.NumberLiteral):
        return divisor.val != 0
    return isinstance(divisor, BinaryExpr) and str(divisor.op) in {">", ">="}
