"""A board's variables as Grafana resolves them: one value as it is, several as a regex."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.errors import InputError
from dashboards.live.server import Server
from dashboards.macros import fill

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)", re.DOTALL)
_SPECIAL = re.compile(r"[\\^$.*+?()[\]{}|]")

ALL = "All"


@dataclass(frozen=True)
class Choice:
    """What a board is shown for."""

    values: Mapping[str, tuple[str, ...]]
    """The chosen values of each variable, in the board's order."""
    several: frozenset[str]
    """The variables of which more than one may be chosen."""

    def filled(self) -> dict[str, str]:
        """What stands in a query for each variable."""
        return {
            name: _as_regex(chosen) if name in self.several else (chosen or ("",))[0]
            for name, chosen in self.values.items()
        }


def _as_regex(values: Sequence[str]) -> str:
    """One value or any of several, literal in a regex that stands in a quoted string."""
    literal = [_SPECIAL.sub(r"\\\\\g<0>", value) for value in values]
    return literal[0] if len(literal) == 1 else f"({'|'.join(literal)})"


def resolve(
    board: Mapping[str, Any],
    server: Server,
    start: float,
    end: float,
    given: Mapping[str, Sequence[str]],
) -> Choice:
    """The variables' values: those given, else the first there is, else (of several) all.

    Raises:
        InputError: a given variable is not the board's, or has a value that there is not; names
            what there is.
        Unreachable: the server did not answer.
    """
    listed = board["templating"]["list"]
    names = [variable["name"] for variable in listed]
    if unknown := sorted(given.keys() - set(names)):
        raise InputError(f"the board has no variable {unknown[0]!r}: it has {', '.join(names)}")
    values: dict[str, tuple[str, ...]] = {}
    several: set[str] = set()
    for variable in listed:
        name, asked = variable["name"], tuple(given.get(variable["name"], ()))
        if variable.get("multi"):
            several.add(name)
        if variable["type"] == "query":
            filled = Choice(values, frozenset(several)).filled()
            there = _there(variable["query"], server, start, end, filled)
            values[name] = _chosen(name, asked, there, several=name in several)
        else:
            values[name] = asked or (str(variable.get("query", "")),)
    return Choice(values, frozenset(several))


def _there(
    query: str, server: Server, start: float, end: float, filled: Mapping[str, str]
) -> tuple[str, ...]:
    found = _LABEL_VALUES.fullmatch(fill(query, filled))
    if found is None:
        raise InputError(f"a variable asks {query!r}: only label_values(SELECTOR, LABEL) is known")
    return tuple(sorted(server.values(found["selector"], found["label"], start, end)))


def _chosen(
    name: str, asked: tuple[str, ...], there: tuple[str, ...], *, several: bool
) -> tuple[str, ...]:
    if missing := [value for value in asked if value not in there]:
        known = ", ".join(there) or "none"
        raise InputError(f"there is no {name} {missing[0]!r} in that time: there is {known}")
    if asked:
        return asked
    return there if several else there[:1]
