"""What a model answered, as plain JSON values: as MLflow's own server makes them.

Where MLflow's would send no JSON (NaN, a time that is none) or a number for a date, the plain value
is null or the ISO 8601 text.
"""

import base64
import datetime
import decimal
import math
from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE_FLOOR = 1.0
"""Differences of smaller numbers are absolute, of larger ones relative."""


class Unplain(TypeError):
    """The answer holds what has no JSON form."""

    def __init__(self, value: Any, hint: str = "") -> None:
        kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
        super().__init__(f"the answer holds a {kind}, which has no JSON form{hint}")


class Outputs(dict[str, Any]):
    """One row's share of an answer that gives its outputs by name, each for all rows."""


class Whole:
    """The answer to all rows of a request, in the model's own form."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def plain(value: Any) -> Any:
    """``value`` as dicts, lists, texts, numbers, booleans and None.

    Raises:
        Unplain: it holds a set, a generator, a complex number or whatever else JSON lacks.
    """
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is int:
        if not -(1 << 63) <= value < 1 << 64:
            raise Unplain(value, f": {value} is beyond 64 bits")
        return value
    if kind in (list, tuple):
        return [plain(part) for part in value]
    if isinstance(value, Mapping):
        return _record(value.items())
    return _converted(value)


_AS_IT_IS = (str, float, bool, type(None))


def _converted(value: Any) -> Any:  # noqa: PLR0911, PLR0912 (one case a type)
    import numpy as np
    import pandas as pd

    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, pd.DataFrame):
        if not value.columns.is_unique:
            raise Unplain(value, ": two of its columns have one name")
        return [plain(row) for row in value.to_dict(orient="records")]
    if isinstance(value, pd.Series):
        return [plain(row) for row in pd.DataFrame(value).to_dict(orient="records")]
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64 | np.inexact | np.void):
        return _array(np.asarray(value))
    if isinstance(value, np.generic) and not isinstance(value, np.str_ | np.bytes_):
        return plain(value.item())
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    for base in (str, bool, int, float):
        if isinstance(value, base):
            return plain(base(value))
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if callable(dump := getattr(value, "model_dump", None)):
        return plain(dump())
    if callable(to_list := getattr(value, "tolist", None)):
        return plain(to_list())
    raise Unplain(value)


def _array(array: Any) -> Any:
    import numpy as np
    import pandas as pd

    kind = array.dtype.kind
    if array.dtype == np.longdouble:
        array = array.astype(np.float64)  # a longer float is none of Python's
    if kind in "biufU":
        return array.tolist()
    if kind == "M":
        flat = [None if np.isnat(v) else pd.Timestamp(v).isoformat() for v in array.ravel()]
        return np.array(flat, dtype=object).reshape(array.shape).tolist()
    if kind == "c":
        raise Unplain(array, ": complex numbers")
    if kind == "m":
        raise Unplain(array, ": durations; give seconds")
    return plain(array.tolist())


def _record(items: Any) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in items:
        name = _key(key)
        if name in record:
            raise Unplain(record, f": two of its keys are {name!r}")
        record[name] = plain(value)
    return record


def _key(key: Any) -> str:
    """The name that JSON gives a key."""
    if isinstance(key, str):
        return str(key)
    made = plain(key)
    if isinstance(made, bool) or made is None:
        return {True: "true", False: "false", None: "null"}[made]
    if isinstance(made, int | float):
        return str(made)
    raise Unplain(key, " as a key")


def split(answer: Any, rows: int) -> list[Any]:
    """A plain answer to ``rows`` rows as one answer for each.

    Raises:
        ValueError: it has no part for each row.
    """
    if isinstance(answer, list) and len(answer) == rows:
        return answer
    if isinstance(answer, dict) and answer:
        values = list(answer.values())
        if all(isinstance(value, list) and len(value) == rows for value in values):
            return [Outputs(zip(answer, parts, strict=True)) for parts in zip(*values, strict=True)]
    form = f"{len(answer)} answers" if isinstance(answer, list) else f"a {type(answer).__name__}"
    raise ValueError(f"{form} to {rows} rows")


def joined(answers: Sequence[Any]) -> Any:
    """What `split` took apart, and what was never split."""
    if len(answers) == 1 and isinstance(answers[0], Whole):
        return answers[0].value
    if answers and all(type(answer) is Outputs for answer in answers):
        names = answers[0].keys()
        if all(answer.keys() == names for answer in answers):
            return {name: [answer[name] for answer in answers] for name in names}
    return list(answers)


def difference(one: Any, other: Any) -> float:
    """The largest difference of a number in two plain answers, relative to it beyond 1.

    Infinite when their forms differ.
    """
    if isinstance(one, Whole) and isinstance(other, Whole):
        return difference(one.value, other.value)
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(difference, one, other), default=0.0)
    if isinstance(one, int | float) and isinstance(other, int | float):
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0
        apart = abs(one - other) / max(TOLERANCE_FLOOR, abs(one), abs(other))
        return math.inf if math.isnan(apart) else apart
    return 0.0 if one == other else math.inf
