"""What an MLflow model's signature and input example say about its rows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.errors import ArtifactError, InputError

_PYTHON: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "string": (str,),
    "datetime": (str,),
}
_NUMPY = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
_V2 = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "datetime": "BYTES",
}


class Column:
    """One column of the signature: what a value may be, and its type in the frame."""

    def __init__(self, kind: str, required: bool) -> None:
        if kind not in _PYTHON:
            raise ArtifactError(f"the signature has a column of type {kind}, which is not served")
        self.type = kind
        self.datatype = _V2[kind]
        self.required = required
        self.dtype: str | None = _NUMPY.get(kind)
        if kind == "boolean" and required:
            self.dtype = "bool"
        if not required and kind in ("integer", "long"):
            self.dtype = "Int32" if kind == "integer" else "Int64"

    def value(self, value: Any, name: str, row: int) -> Any:
        """``value`` if it fits.

        Raises:
            InputError: it does not.
        """
        if value is None:
            if self.required:
                raise InputError(f"row {row}: column {name!r} is missing")
            return None
        if isinstance(value, float) and _PYTHON[self.type] == (int,) and value.is_integer():
            return int(value)  # many JSON writers know no integers
        if not isinstance(value, _PYTHON[self.type]) or (
            isinstance(value, bool) and self.type != "boolean"
        ):
            raise InputError(f"row {row}: column {name!r} holds {value!r}, which is no {self.type}")
        return value


def read_schema(folder: Path, model: Any) -> tuple[dict[str, Column] | None, int]:
    """Columns by name, or None and the width of the one input tensor.

    Raises:
        ArtifactError: there is no signature, or it is of a kind that is not served.
    """
    schema = model.metadata.get_input_schema()
    if schema is None:
        raise ArtifactError(f"{folder}: the model has no signature: log it with one")
    if schema.is_tensor_spec():
        shape = schema.inputs[0].shape
        if len(schema.inputs) != 1 or len(shape) != 2:
            raise ArtifactError(f"{folder}: only one input tensor [rows, width] is served")
        return None, shape[1]
    if not schema.has_input_names():
        raise ArtifactError(f"{folder}: the signature's columns have no names")
    return {c.name: Column(getattr(c.type, "name", "?"), c.required) for c in schema.inputs}, 0


def read_examples(folder: Path, columns: Mapping[str, Column] | None, width: int) -> list[Any]:
    """Rows of `input_example.json`, or one row of neutral values when there is none.

    Raises:
        ArtifactError: the file is not readable.
    """
    try:
        content = json.loads((folder / "input_example.json").read_text(encoding="utf-8"))
        if columns is None:
            rows = content["inputs"] if isinstance(content, dict) else content
            return list(rows)
        names = content["columns"]
        return [dict(zip(names, row, strict=True)) for row in content["data"]]
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder}: input_example.json is not readable: {error}") from error
    if columns is None:
        return [[0.0] * max(width, 1)]
    neutral = {"boolean": False, "string": "", "datetime": "2000-01-01"}
    return [{name: neutral.get(column.type, 0) for name, column in columns.items()}]
