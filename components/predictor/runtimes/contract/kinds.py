"""What one value of a column may be, by the type that the signature gives it.

Every reader raises ValueError with words that end the sentence "column 'age' ...".
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from components.predictor.runtimes.contract.scalars import (
    DATATYPES,
    FIT,
    INTEGERS,
    PYTHON,
    READERS,
    check_json,
    read_datetime,
    shown,
)

_MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "nat")  # as pandas reads CSV
)
_TRUE = {"true": True, "1": True, "false": False, "0": False}
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)

_DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "datetime": "datetime64[ns]",
}
_NEUTRAL: Mapping[str, Any] = {"boolean": False, "string": "", "binary": b"", "float": 0.0}
_NARROW = {"integer": "int32", "float": "float32", "datetime": "datetime64[ns]"}
"""Types that MLflow knows within a list or a record only as NumPy's, not as Python's."""


class Kind:
    """One type: ``rank`` dimensions of ``datatype`` in V2, or JSON text when ``is_json``."""

    name: str
    datatype = "BYTES"
    rank = 0
    is_json = False
    dtype: str | None = None
    """Of a column of a data frame; None is Python's objects."""
    narrow = False
    """It is, or holds, what MLflow knows within a list or a record only as `within` makes it."""

    def value(self, given: Any) -> Any:
        """``given``, which is not null, as the model takes it."""
        raise NotImplementedError

    def are_values(self, given: Sequence[Any]) -> bool:
        """True when all of ``given`` are values already, as nearly always; else look at each."""
        return False

    def within(self, value: Any) -> Any:
        """A value or null as it stands in a list or a record for MLflow; see `narrow`."""
        return value

    def null(self, required: bool) -> Any:
        """What stands for a null.

        Raises:
            KeyError: nothing does; a column that need not be there is then left out.
        """
        if required:
            raise KeyError
        return None

    def cell(self, text: str) -> Any:
        """The text of a CSV file's cell as JSON would have it."""
        if text.strip().lower() in _MISSING:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"{shown(text)} is no JSON, which a {self.name} takes") from error

    def neutral(self) -> Any:
        """A value that is as good as any."""
        return None

    def unlike(self, value: Any, turn: int) -> Any:
        """Another value near ``value``; it may be one that the model refuses."""
        return value


class Scalar(Kind):
    """One of MLflow's plain types, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.datatype = DATATYPES.get(name, "BYTES")
        self.dtype = _DTYPES.get(name)
        self.narrow = name in _NARROW
        self._read = READERS[name]
        self._python = PYTHON.get(name)
        self._fit = FIT.get(name)

    def value(self, given: Any) -> Any:
        """See `Kind`."""
        return self._read(given)

    def are_values(self, given: Sequence[Any]) -> bool:
        """See `Kind`."""
        return set(map(type, given)) == {self._python} and (self._fit is None or self._fit(given))

    def within(self, value: Any) -> Any:
        """See `Kind`."""
        if value is None or not self.narrow:
            return value
        import numpy as np

        return np.array(value, _NARROW[self.name])[()]

    def null(self, required: bool) -> Any:
        """See `Kind`."""
        if self.name in ("float", "double"):
            return math.nan
        if self.name in ("string", "datetime"):
            return None
        if self.name == "boolean" and not required:
            return None
        raise KeyError

    def cell(self, text: str) -> Any:
        """See `Kind`."""
        if self.name in ("string", "binary"):
            return text
        if text.strip().lower() in _MISSING:
            return None
        if self.name == "datetime":
            return text
        try:
            if self.name == "boolean":
                return _TRUE[text.strip().lower()]
            number = int(text) if _WHOLE.fullmatch(text) else float(text)
            if isinstance(number, float) and ("_" in text or not math.isfinite(number)):
                raise ValueError
        except (ValueError, KeyError) as error:
            raise ValueError(f"{shown(text)} is no {self.datatype}") from error
        return number

    def neutral(self) -> Any:
        """See `Kind`."""
        if self.name == "datetime":
            return read_datetime("2000-01-01")
        return _NEUTRAL.get(self.name, 0)

    def unlike(self, value: Any, turn: int) -> Any:
        """See `Kind`."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self.neutral()
        if self.name == "boolean":
            return not value
        if self.name == "string":
            return f"{value} {turn}".strip() if turn % 2 else value
        if self.name == "binary":
            return bytes(reversed(value)) + bytes([turn])
        if self.name == "datetime":
            import pandas as pd

            return value + pd.Timedelta(hours=7 * turn + 5)
        changed = value + (2 * turn + 1) if turn % 2 else value * 2 + turn
        if self.name in INTEGERS:
            return changed if abs(changed) < 1 << INTEGERS[self.name] else value
        return changed


class ListOf(Kind):
    """MLflow's Array: a list of values of one kind."""

    def __init__(self, item: Kind) -> None:
        self.name = f"list of {item.name}"
        self.item = item
        self.datatype, self.rank = item.datatype, item.rank + 1
        self.is_json = item.is_json
        self.narrow = item.narrow

    def value(self, given: Any) -> Any:
        """See `Kind`."""
        if not isinstance(given, list):
            raise ValueError(f"holds {shown(given)}, which is no {self.name}")
        return [_item(self.item, part) for part in given]

    def within(self, value: Any) -> Any:
        """See `Kind`."""
        return value if value is None else [self.item.within(part) for part in value]

    def neutral(self) -> Any:
        """See `Kind`."""
        return [self.item.neutral()]

    def unlike(self, value: Any, turn: int) -> Any:
        """See `Kind`."""
        return value and [self.item.unlike(part, turn) for part in value]


class Record(Kind):
    """MLflow's Object: a dict of named properties, each with its kind."""

    is_json = True

    def __init__(self, properties: Mapping[str, tuple[Kind, bool]]) -> None:
        self.name = f"record of {', '.join(properties)}"
        self.properties = properties
        self.narrow = any(kind.narrow for kind, _ in properties.values())

    def value(self, given: Any) -> Any:
        """See `Kind`."""
        if not isinstance(given, dict):
            raise ValueError(f"holds {shown(given)}, which is no {self.name}")
        if unknown := sorted(set(given) - set(self.properties)):
            raise ValueError(f"has the unknown field {unknown[0]!r}: it is a {self.name}")
        read = {}
        for name, (kind, required) in self.properties.items():
            if name in given:
                read[name] = _field(kind, given[name], required)
            elif required:
                raise ValueError(f"lacks the field {name!r}: it is a {self.name}")
        return read

    def within(self, value: Any) -> Any:
        """See `Kind`."""
        return value and {
            name: self.properties[name][0].within(part) for name, part in value.items()
        }

    def neutral(self) -> Any:
        """See `Kind`."""
        return {name: kind.neutral() for name, (kind, _) in self.properties.items()}

    def unlike(self, value: Any, turn: int) -> Any:
        """See `Kind`."""
        return value and {
            name: self.properties[name][0].unlike(part, turn) for name, part in value.items()
        }


class MapOf(Kind):
    """MLflow's Map: a dict of any names with values of one kind."""

    is_json = True

    def __init__(self, item: Kind) -> None:
        self.name = f"map to {item.name}"
        self.item = item
        self.narrow = item.narrow

    def value(self, given: Any) -> Any:
        """See `Kind`."""
        if not isinstance(given, dict):
            raise ValueError(f"holds {shown(given)}, which is no {self.name}")
        return {str(name): _field(self.item, part, required=True) for name, part in given.items()}

    def within(self, value: Any) -> Any:
        """See `Kind`."""
        return value and {name: self.item.within(part) for name, part in value.items()}

    def neutral(self) -> Any:
        """See `Kind`."""
        return {}

    def unlike(self, value: Any, turn: int) -> Any:
        """See `Kind`."""
        return value and {name: self.item.unlike(part, turn) for name, part in value.items()}


class Anything(Kind):
    """MLflow's AnyType: whatever JSON can say, in numbers of 64 bits."""

    name = "value of any type"
    is_json = True

    def value(self, given: Any) -> Any:
        """See `Kind`."""
        check_json(given)
        return given

    def null(self, required: bool) -> Any:
        """See `Kind`."""
        return None


def kind_of(described: Any) -> Kind:
    """The kind of an MLflow type: a ``DataType``, ``Array``, ``Object``, ``Map`` or ``AnyType``.

    Raises:
        ValueError: it is none of these.
    """
    from mlflow.types.schema import AnyType, Array, DataType, Map, Object

    match described:
        case DataType():
            return Scalar(described.name)
        case Array():
            return ListOf(kind_of(described.dtype))
        case Object():
            return Record({p.name: (kind_of(p.dtype), p.required) for p in described.properties})
        case Map():
            return MapOf(kind_of(described.value_type))
        case AnyType():
            return Anything()
    raise ValueError(f"is of type {described}, which is not served")


def _item(kind: Kind, given: Any) -> Any:
    """An item of a list: of numbers a null is NaN, as in a column."""
    if given is not None:
        return kind.value(given)
    try:
        return kind.null(required=True)
    except KeyError:
        raise _no_null(kind) from None


def _field(kind: Kind, given: Any, required: bool) -> Any:
    """A value of a record or a map: one that need not be there may be null, of whatever type."""
    if given is not None:
        return kind.value(given)
    if required and not isinstance(kind, Anything):
        raise _no_null(kind)
    return None


def _no_null(kind: Kind) -> ValueError:
    return ValueError(f"holds a null where a {kind.name} is needed")
