"""The readers of single values, by MLflow's plain types: of JSON, a cell or a binary tensor.

Each raises ValueError with words that end the sentence "column 'age' ...".
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

MAX_DEPTH = 100
"""Of lists and records within each other, where a signature sets no limit."""
INTEGERS = {"integer": 31, "long": 63}
"""Bits without the sign."""
_LARGEST_FLOAT32 = 3.4028235677973366e38
"""Half a step above the largest number of 32 bits: what rounds to infinity."""
_DATED = re.compile(r"\d{4}|.*\b\d{4}\b", re.ASCII)
"""A date names its year in full: pandas would take '12' for a day of this month."""
DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
}


def _boolean(given: Any) -> bool:
    if not isinstance(given, bool):
        raise ValueError(f"holds {shown(given)}, which is no boolean")
    return given


def _integer(name: str) -> Callable[[Any], int]:
    bound = 1 << INTEGERS[name]

    def read(given: Any) -> int:
        if isinstance(given, float) and given.is_integer():
            given = int(given)  # many JSON writers know no integers
        if not isinstance(given, int) or isinstance(given, bool):
            raise ValueError(f"holds {shown(given)}, which is no {name}")
        if not -bound <= given < bound:
            raise ValueError(
                f"holds {shown(given)}, which is out of the range of {DATATYPES[name]}"
            )
        return given

    return read


def _number(name: str) -> Callable[[Any], float]:
    largest = _LARGEST_FLOAT32 if name == "float" else math.inf

    def read(given: Any) -> float:
        if not isinstance(given, int | float) or isinstance(given, bool):
            raise ValueError(f"holds {shown(given)}, which is no {name}")
        try:
            number = float(given)
        except OverflowError:
            number = math.inf
        if abs(number) >= largest and given not in (math.inf, -math.inf):
            raise ValueError(
                f"holds {shown(given)}, which is out of the range of {DATATYPES[name]}"
            )
        return number

    return read


def _string(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError(f"holds {shown(given)}, which is no string")
    return given


def _binary(given: Any) -> bytes:
    if isinstance(given, bytes):
        return given
    text = given["b64"] if isinstance(given, dict) and list(given) == ["b64"] else given
    if isinstance(text, str):
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise ValueError(f"holds {shown(given)}, which is no base64: send bytes so")


def read_datetime(given: Any) -> Any:
    """A time of day without a zone, as MLflow's ``datetime``: one with an offset becomes UTC."""
    import pandas as pd

    if isinstance(given, str) and _DATED.match(given.strip()):
        try:
            read = pd.Timestamp(given.strip())
            if not pd.isna(read):
                naive = read.tz_convert("UTC").tz_localize(None) if read.tzinfo else read
                return naive.as_unit("ns")
        except (ValueError, OverflowError, TypeError):  # what pandas raises on text that is none
            pass
    raise ValueError(
        f"holds {shown(given)}, which is no datetime between 1678 and 2261: "
        "send ISO 8601, such as 2024-05-01T13:00:00Z"
    )


def check_json(given: Any, depth: int = 0) -> None:
    """Refuse what no answer could hold, though JSON can say it, in a value of any form.

    Raises:
        ValueError: a whole number beyond 64 bits, or lists and records nested too deeply.
    """
    if isinstance(given, int) and not -(1 << 63) <= given < 1 << 64:
        raise ValueError(f"holds {shown(given)}, which is beyond 64 bits")
    if isinstance(given, list | dict):
        if depth == MAX_DEPTH:
            raise ValueError(f"is nested more than {MAX_DEPTH} deep")
        for part in given.values() if isinstance(given, dict) else given:
            check_json(part, depth + 1)


def shown(given: Any) -> str:
    """A value in a message, of bounded length."""
    text = repr(given)
    return text if len(text) <= 80 else f"{text[:77]}..."


READERS: Mapping[str, Callable[[Any], Any]] = {
    "boolean": _boolean,
    "integer": _integer("integer"),
    "long": _integer("long"),
    "float": _number("float"),
    "double": _number("double"),
    "string": _string,
    "binary": _binary,
    "datetime": read_datetime,
}
