"""What is asked: the bodies of the requests, made from the rows of a data set."""

import json
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

_UNKNOWN: Mapping[str, str] = MappingProxyType({})
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
"""What fits into 64 bits, however it begins."""

LONG_SHARE = 0.1
"""Share of long messages in the production mix: well over 5%, so that the p95 lies among them, not
where the two kinds meet and hardly any ratio can be told from another."""

LONG_WORDS = 110
"""Words in a long message, at least; each is one token or more."""


def long_message(texts: Sequence[str], draw: random.Random) -> str:
    """Real sentences strung together to at least `LONG_WORDS` words."""
    parts: list[str] = []
    words = 0
    while words < LONG_WORDS:
        parts.append(draw.choice(texts))
        words += len(parts[-1].split())
    return " ".join(parts)


def text_bodies(texts: Sequence[str], long_share: float, seed: int) -> Iterator[bytes]:
    """Endless V2 requests of one text each; ``long_share`` of them are long messages."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    while True:
        is_long = draw.random() < long_share
        text = long_message(texts, draw) if is_long else draw.choice(texts)
        yield v2_body({"text": text})


def row_bodies(
    rows: Sequence[Mapping[str, str]], seed: int, datatypes: Mapping[str, str] = _UNKNOWN
) -> Iterator[bytes]:
    """Endless V2 requests of one row each, a column an input.

    A column is sent in the datatype that ``datatypes`` has for its name. Of others, one whose cells
    are numbers is sent as FP64, one of true and false as BOOL, all else as text. A missing number
    is left out: whether the model needs it is the model's to say.
    """
    draw = random.Random(seed)  # noqa: S311 (no secret)
    names = rows[0] if rows else ()
    readers = {n: _reader([row[n] for row in rows], datatypes.get(n, "")) for n in names}
    while True:
        row = draw.choice(rows)
        values = {name: readers[name](text) for name, text in row.items()}
        yield v2_body({name: value for name, value in values.items() if value is not None})


def v2_body(columns: Mapping[str, str | float | bool]) -> bytes:
    """One row as a V2 inference request."""
    inputs: list[dict[str, Any]] = [
        {"name": name, "shape": [1], "datatype": _DATATYPES[type(value)], "data": [value]}
        for name, value in columns.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


_DATATYPES = {str: "BYTES", bool: "BOOL", float: "FP64", int: "INT64"}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _reader(cells: Sequence[str], datatype: str) -> Callable[[str], str | float | bool | None]:
    """How the cells of a column become values: as ``datatype`` has it, which may be unknown.

    Else by all of them: '' and '7' are both numbers.
    """
    if datatype == "BYTES":
        return str
    if datatype == "BOOL":
        return lambda cell: _BOOLEANS.get(cell.strip().lower(), cell or None)
    if datatype:
        return _told_number
    if all(cell.lower() in ("true", "false") for cell in cells):
        return lambda cell: cell.lower() == "true"
    read = [_number(cell) for cell in cells]
    if all(value is not None or not cell for value, cell in zip(read, cells, strict=True)) and any(
        cells
    ):
        return _number
    return str


def _told_number(cell: str) -> str | float | None:
    """The number in a cell; what is none is text, for the model to refuse."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    try:
        number = float(cell)
    except ValueError:
        return cell or None
    return number if math.isfinite(number) else None


def _number(cell: str) -> float | None:
    """The finite number in a cell; None where there is none. Codes such as 007 are none."""
    if len(cell) > 1 and cell[0] == "0" and cell[1].isdigit():
        return None
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
