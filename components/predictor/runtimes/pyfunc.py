"""`runtime: mlflow`: any MLflow pyfunc model, its rows batched into one data frame."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import yaml

from components.bundle import executable_kind
from components.dataset import Dataset
from components.errors import ArtifactError, InputError
from components.load.mix import row_bodies
from components.predictor.model import ModelFailure, Row, Spec, Tensor
from components.predictor.runtimes.rows import require, typed
from components.predictor.runtimes.signature import Column, read_examples, read_schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_TRUSTED = ("numpy.", "scipy.", "sklearn.", "builtins.", "collections.")
"""Packages whose types a model saved as skops may name; their constructors run no foreign code."""
_V2_OF_DTYPE = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64"}
_UNNAMED_INPUT = "input"
_UNNAMED_OUTPUT = "predict"


class Pyfunc:
    """One loaded model; rows are records (columns by name) or lists of numbers (one tensor)."""

    name: ClassVar[str] = "mlflow"
    needs_arrow: ClassVar[bool] = True
    threaded = False

    def __init__(self, model: Any, columns: Mapping[str, Column] | None, width: int) -> None:
        self._model = model
        self._columns = columns
        self._width = width
        self.inputs: tuple[Spec, ...] = (
            (Spec(_UNNAMED_INPUT, "FP64", (-1, width)),)
            if columns is None
            else tuple(Spec(name, c.datatype, (-1,)) for name, c in columns.items())
        )
        self.outputs: tuple[Spec, ...] = ()
        self.default_outputs = 0
        self._samples: list[Any] = []

    @classmethod
    def load(cls, folder: Path, allow_pickle: bool = False) -> Self:
        """The model in ``folder``, after one prediction on its input example.

        Raises:
            ArtifactError: it cannot be loaded, or would run code and ``allow_pickle`` is false.
        """
        if not allow_pickle:
            _refuse_code(folder)
        # MLflow's own switch refuses skops as well, whose types are checked above.
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"
        import mlflow.pyfunc

        try:
            model = mlflow.pyfunc.load_model(str(folder))
        except Exception as error:  # a flavour may raise anything
            raise ArtifactError(f"{folder}: MLflow cannot load it: {error}") from error
        loaded = cls(model, *read_schema(folder, model))
        loaded._learn_outputs(folder)
        return loaded

    @staticmethod
    def instance(row: Mapping[str, str], inputs: Sequence[Spec]) -> Any:
        """A row as a record of the model's columns, or all of its values for the one tensor."""
        if len(inputs) == 1 and inputs[0].datatype != "BYTES" and inputs[0].name not in row:
            return [typed(text, inputs[0].datatype, name) for name, text in row.items()]
        require(row, [spec.name for spec in inputs])
        return {spec.name: typed(row[spec.name], spec.datatype, spec.name) for spec in inputs}

    @staticmethod
    def bodies(data: Dataset, long_share: float, seed: int) -> Iterator[bytes]:
        """Requests of one row each; no row of a table is longer than another."""
        return row_bodies(data.rows, seed)

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """V1: records by column name, or lists in the order of the columns."""
        if self._columns is None:
            return [self._numbers(row, number) for number, row in enumerate(instances)]
        names = list(self._columns)
        return [self._record(_named(row, names, n), n) for n, row in enumerate(instances)]

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """V2: one tensor a column, each [n] or [n, 1]; or one tensor [n, width]."""
        if self._columns is None:
            return self._matrix(tensors)
        columns = {tensor.name: _flat(tensor) for tensor in tensors}
        if len(columns) != len(tensors):
            raise InputError("an input stands twice")
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise InputError(f"the inputs have different numbers of rows: {sorted(lengths)}")
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [self._record(row, number) for number, row in enumerate(rows)]

    def is_heavy(self, raw: Sequence[Any]) -> bool:
        """Never: rows are taken as they are."""
        return False

    def prepare(self, raw: Sequence[Any]) -> list[Row]:
        """Rows as they are, each of size 1."""
        return [Row(row, 1, len(row) if self._columns is None else None) for row in raw]

    def run(self, rows: Sequence[Row], alone: bool) -> list[Any]:
        """One prediction over the rows as one data frame, or one array."""
        return _rows_of(self._model.predict(self._frame([row.payload for row in rows])))

    def to_predictions(self, answers: Sequence[Any]) -> list[Any]:
        """What the model predicted: a value, a list or a record for each row."""
        return list(answers)

    def to_tensors(self, answers: Sequence[Any], wanted: Sequence[str]) -> list[Tensor]:
        """One tensor for each output."""
        kinds = {spec.name: spec for spec in self.outputs}
        return [_tensor(kinds[name], answers) for name in wanted]

    def predict(self, rows: Sequence[Any]) -> list[Any]:
        """V1 instances in, predictions out; in one data frame."""
        prepared = self.prepare(self.from_instances(rows))
        try:
            return self.run(prepared, alone=True)
        except Exception as error:
            raise ModelFailure.of(error) from error

    def samples(self) -> list[Any]:
        """The rows of the model's input example."""
        return (self._samples * 8)[:8]

    def use_threads(self, shared: int, alone: int) -> None:
        """Nothing: how many threads a prediction takes is the model's own business."""

    def difference(self, one: Any, other: Any) -> float:
        """The largest difference of a number in two predictions."""
        return _difference(one, other)

    def _record(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        columns = self._columns or {}
        if unknown := sorted(set(row) - set(columns)):
            raise InputError(
                f"row {number}: unknown column {unknown[0]!r}: the model takes {', '.join(columns)}"
            )
        return {name: column.value(row.get(name), name, number) for name, column in columns.items()}

    def _numbers(self, row: Any, number: int) -> list[float]:
        width = self._width
        if (
            not isinstance(row, list)
            or (width >= 0 and len(row) != width)
            or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in row)
        ):
            raise InputError(f"row {number} is no list of {width if width >= 0 else ''} numbers")
        return row

    def _matrix(self, tensors: Sequence[Tensor]) -> list[Any]:
        if len(tensors) != 1 or len(tensors[0].shape) != 2:
            raise InputError("the model takes one input of shape [rows, width]")
        rows, width = tensors[0].shape
        values = _values(tensors[0])
        if len(values) != rows * width:
            raise InputError(f"shape {tensors[0].shape}, but {len(values)} values")
        return [self._numbers(values[n * width : (n + 1) * width], n) for n in range(rows)]

    def _frame(self, rows: list[Any]) -> "pd.DataFrame | np.ndarray[Any, Any]":
        import numpy as np
        import pandas as pd

        if self._columns is None:
            return np.asarray(rows, dtype=np.float64)
        return pd.DataFrame(
            {
                name: pd.Series([row[name] for row in rows], dtype=column.dtype)
                for name, column in self._columns.items()
            }
        )

    def _learn_outputs(self, folder: Path) -> None:
        """The outputs' names and types, from one prediction on the input example."""
        self._samples = self.from_instances(read_examples(folder, self._columns, self._width))
        first = self._warm(self._samples)[0]
        named = first if isinstance(first, dict) else {_UNNAMED_OUTPUT: first}
        self.outputs = tuple(_output(name, value) for name, value in named.items())
        self.default_outputs = len(self.outputs)

    def _warm(self, raw: Sequence[Any]) -> list[Any]:
        """Answers to rows that were checked already.

        Raises:
            ArtifactError: the model cannot predict its own example.
        """
        try:
            return self.run(self.prepare(raw), alone=True)
        except Exception as error:
            raise ArtifactError(
                f"the model cannot predict its own input example: {error}"
            ) from error


def _refuse_code(folder: Path) -> None:
    """Refuse a model whose files, loader or types could run foreign code.

    Raises:
        ArtifactError: naming the file or the type.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (kind := executable_kind(path)):
            raise ArtifactError(
                f"{folder}: {path.name} {kind}, which can run any code: save the model in another "
                "format (skops), or set serving.allow_pickle: true"
            )
    try:
        text = (folder / "MLmodel").read_text(encoding="utf-8")
        flavors = yaml.safe_load(text)["flavors"]
        loader = flavors["python_function"]["loader_module"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ArtifactError(f"{folder}: no MLflow pyfunc model: MLmodel is not readable") from error
    if not str(loader).startswith("mlflow."):
        raise ArtifactError(f"{folder}: loader {loader!r} is not one of MLflow's own")
    for flavor in flavors.values():
        for name in flavor.get("skops_trusted_types") or ():
            if not str(name).startswith(_TRUSTED):
                raise ArtifactError(
                    f"{folder}: the model asks to trust {name}: set serving.allow_pickle: true "
                    "if you do"
                )


def _named(row: Any, names: Sequence[str], number: int) -> Mapping[str, Any]:
    if isinstance(row, dict):
        return row
    if isinstance(row, list) and len(row) == len(names):
        return dict(zip(names, row, strict=True))
    raise InputError(f"instance {number}: send a record of {', '.join(names)}")


def _flat(tensor: Tensor) -> list[Any]:
    """The values of a column, [n] or [n, 1], text decoded."""
    values = _values(tensor)
    shape = tensor.shape
    if not shape or shape[0] != len(values) or shape[1:] not in ([], [1]):
        raise InputError(f"input {tensor.name!r} has shape {shape} and {len(values)} values")
    if tensor.datatype != "BYTES":
        return values
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError as error:
        raise InputError(f"input {tensor.name!r} is not UTF-8") from error


def _values(tensor: Tensor) -> list[Any]:
    data = tensor.data if isinstance(tensor.data, list) else tensor.data.ravel().tolist()
    if data and isinstance(data[0], list):
        return [value for row in data for value in (row if isinstance(row, list) else [row])]
    return list(data)


def _rows_of(result: Any) -> list[Any]:
    """A prediction as one plain Python value for each row."""
    if hasattr(result, "to_dict") and hasattr(result, "columns"):
        return list(result.to_dict(orient="records"))
    return list(result.tolist() if hasattr(result, "tolist") else result)


def _output(name: str, value: Any) -> Spec:
    import numpy as np

    array = np.asarray(value)
    return Spec(str(name), _V2_OF_DTYPE.get(array.dtype.kind, "BYTES"), (-1, *array.shape))


def _tensor(spec: Spec, answers: Sequence[Any]) -> Tensor:
    values = [answer[spec.name] if isinstance(answer, dict) else answer for answer in answers]
    shape = [len(values), *spec.shape[1:]]
    for _ in spec.shape[1:]:
        values = [item for value in values for item in value]
    return Tensor(spec.name, spec.datatype, shape, values)


def _difference(one: Any, other: Any) -> float:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((_difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(_difference, one, other), default=0.0)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return 0.0 if one == other or (math.isnan(one) and math.isnan(other)) else abs(one - other)
    return 0.0 if one == other else math.inf
