"""Rows of tensors: one without a name, or several by name, of any type and rank."""

import json
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.errors import ArtifactError, InputError
from components.predictor.model import Tensor
from components.predictor.runtimes.contract.array_input import Input, input_of
from components.predictor.runtimes.contract.kinds import Scalar
from components.predictor.runtimes.rows import nested, require, splits, text_of, values_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_LIKE = {"b": "boolean", "i": "long", "u": "long", "f": "double", "M": "datetime"}
"""The kind of a cell of a data set, by the kind of the tensor's type."""


class Arrays:
    """Rows as dicts of arrays by input; see `Form`."""

    def __init__(self, specs: Sequence[Any]) -> None:
        """Tensors as the signature has them (``mlflow.types.TensorSpec``).

        Raises:
            ArtifactError: one has no rows, or a type that is not served.
        """
        self.parts = {spec.name: input_of(spec) for spec in specs}
        """By name; None for one that has none."""
        self.inputs = tuple(part.spec for part in self.parts.values())
        fixed = {part.rows for part in self.parts.values() if part.rows != -1}
        if len(fixed) > 1 or (fixed and any(p.rows == -1 for p in self.parts.values())):
            raise ArtifactError("the signature's tensors have different numbers of rows")
        self._rows = fixed.pop() if fixed else -1
        self.together = self._rows != -1
        self.finite = False
        """The model was seen to raise on what is no finite number."""
        self._varies = any(-1 in part.shape for part in self.parts.values())

    @property
    def _lone(self) -> Input | None:
        """The one input, when the signature gives it no name."""
        return self.parts.get(None)

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """Each row's tensor as lists; several by name. One that has a name may do without it."""
        return self._checked([self._row(instance, n) for n, instance in enumerate(instances)])

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """Tensors of shape [rows, ...]; a lone one may have any name."""
        if len({tensor.name for tensor in tensors}) != len(tensors):
            raise InputError("an input stands twice")
        if self._lone is not None:
            if len(tensors) > 1 and len(self._lone.shape) == 1:
                return self.from_instances(_side_by_side(tensors))
            if len(tensors) != 1:
                raise InputError(f"the model takes one input, not {len(tensors)}")
            return self._checked([{None: row} for row in _tensor_rows(tensors[0], self._lone)])
        by_name = {tensor.name: tensor for tensor in tensors}
        if missing := [name for name in self.parts if name not in by_name]:
            raise InputError(f"input {missing[0]!r} is missing")
        read = {name: _tensor_rows(by_name[str(name)], p) for name, p in self.parts.items()}
        lengths = {len(rows) for rows in read.values()}
        if len(lengths) != 1:
            raise InputError(f"the inputs have different numbers of rows: {sorted(lengths)}")
        return self._checked(
            [{name: rows[n] for name, rows in read.items()} for n in range(*lengths)]
        )

    def instance(self, cells: Mapping[str, str]) -> Any:
        """All cells for a lone tensor; else a cell a tensor: a value, or lists as JSON text."""
        if len(self.parts) == 1:
            (part,) = self.parts.values()
            if part.name not in cells:
                return _reshaped([_cell(text, part, name) for name, text in cells.items()], part)
        require(cells, [str(name) for name in self.parts])
        return {name: _cell(cells[str(name)], part, str(name)) for name, part in self.parts.items()}

    def group(self, row: Any) -> Hashable:
        """The shapes of the row, where they may vary."""
        return tuple(array.shape for array in row.values()) if self._varies else None

    def even(self, rows: Sequence[Any]) -> list[Any]:
        """Rows of one shape, as many as the signature wants."""
        if self._rows not in (-1, len(rows)):
            raise InputError(f"the model takes {self._rows} rows at a time, not {len(rows)}")
        if len({self.group(row) for row in rows}) > 1:
            raise InputError("the rows have different shapes: send rows of one shape together")
        return list(rows)

    def together_as(self, rows: Sequence[Any]) -> Any:
        """One array, or a dict of them by name."""
        import numpy as np

        stacked = {name: np.stack([row[name] for row in rows]) for name in self.parts}
        return stacked[None] if self._lone is not None else stacked

    def neutral(self) -> Any:
        """Zeros, or empty texts."""
        import numpy as np

        return {
            name: np.zeros([max(size, 1) for size in part.shape], dtype=part.dtype)
            for name, part in self.parts.items()
        }

    def unlike(self, row: Any, turn: int) -> Any:
        """Every number changed."""
        changed = {}
        for name, array in row.items():
            if array.dtype.kind == "f":
                changed[name] = (array * (1.5 + turn) + turn).astype(array.dtype)
            elif array.dtype.kind in "iu":
                moved = array + turn if turn % 2 or not array.ndim else array[..., ::-1]
                changed[name] = moved.astype(array.dtype)
            elif array.dtype.kind == "b":
                changed[name] = ~array
            elif array.dtype.kind in "UO" and turn % 2:
                changed[name] = _reworded(array, turn)
            else:
                changed[name] = array
        return changed

    def with_gaps(self, row: Any) -> Any:
        """``row`` with all floating-point numbers missing, if the model takes that."""
        import numpy as np

        if self.finite:
            return None
        floats = {name: a for name, a in row.items() if a.dtype.kind == "f" and a.size}
        return (
            {**row, **{n: np.full_like(a, np.nan) for n, a in floats.items()}} if floats else None
        )

    def crossed(self, one: Any, other: Any) -> Iterator[Any]:
        """The values of both rows, which are of one shape."""
        import numpy as np

        for way in splits(sum(array.size for array in one.values())):
            row, place = {}, 0
            for name, array in one.items():
                own = np.array(way[place : place + array.size]).reshape(array.shape)
                row[name] = np.where(own, array, other[name])
                place += array.size
            yield row

    def vary(self, rows: Sequence[Any]) -> bool:
        """No input has one value in all rows."""
        return all(len({repr(row[name].tolist()) for row in rows}) > 1 for name in self.parts)

    def _checked(self, rows: list[Any]) -> list[Any]:
        """``rows``, if the model takes them.

        Raises:
            InputError: one has a null, NaN or infinity, and the model takes none.
        """
        if self.finite:
            import numpy as np

            for number, row in enumerate(rows):
                for name, array in row.items():
                    if array.dtype.kind == "f" and not np.isfinite(array).all():
                        raise InputError(
                            f"row {number} of {self.parts[name].called} holds a null, NaN or "
                            "infinity, which the model cannot take"
                        )
        return rows

    def _row(self, instance: Any, number: int) -> Any:
        if isinstance(instance, dict) and self._lone is None:
            if missing := [name for name in self.parts if name not in instance]:
                raise InputError(f"row {number}: input {missing[0]!r} is missing")
            return {name: part.read(instance[name], number) for name, part in self.parts.items()}
        if len(self.parts) > 1:
            names = ", ".join(str(name) for name in self.parts)
            raise InputError(f"row {number}: send a record of the inputs {names}")
        ((name, part),) = self.parts.items()
        if isinstance(instance, dict) and len(part.shape) == 1:
            instance = list(instance.values())  # as MLflow takes a frame for a matrix
        return {name: part.read(instance, number)}


def _side_by_side(tensors: Sequence[Tensor]) -> list[list[Any]]:
    """Rows of a matrix whose columns came as tensors, in their order."""
    if any(tensor.shape[1:] not in ([], [1]) for tensor in tensors):
        raise InputError(f"the model takes one input, not {len(tensors)}")
    columns = [
        [text_of(value, tensor.name) for value in values_of(tensor)]
        if tensor.datatype == "BYTES"
        else values_of(tensor)
        for tensor in tensors
    ]
    if len({len(column) for column in columns}) != 1:
        raise InputError("the inputs have different numbers of rows")
    return [list(row) for row in zip(*columns, strict=True)]


def _tensor_rows(tensor: Tensor, part: Input) -> list[Any]:
    """The rows of a V2 tensor, cast and checked all at once."""
    import numpy as np

    shape = tensor.shape
    if isinstance(tensor.data, list):
        values: Any = values_of(tensor)
        if tensor.datatype == "BYTES":
            values = [text_of(value, tensor.name) for value in values]
    else:
        values_of(Tensor(tensor.name, tensor.datatype, shape, tensor.data))
        values = tensor.data.ravel()
        if tensor.datatype == "BYTES":
            values = [text_of(value, tensor.name) for value in values.tolist()]
    if len(shape) == 2 and shape[1] == 1 and not part.shape:
        shape = shape[:1]
    count, inner = shape[0], shape[1:]
    if part.dtype.kind == "O":
        flat = list(values)
        step = math.prod(inner)
        return [part.read(nested(flat[n * step : (n + 1) * step], inner), n) for n in range(count)]
    rows = Input(part.name, part.dtype, (-1, *part.shape), -1).read(
        np.asarray(values).reshape(shape)
        if not isinstance(values, list) or None not in values
        else nested(values, shape),
        0,
    )
    return list(rows)


def _cell(text: str, part: Input, name: str) -> Any:
    """A cell of a data set for one tensor: a value, or lists within lists as JSON text."""
    try:
        if text.lstrip().startswith("[") and part.shape:
            return json.loads(text)
        return Scalar(_LIKE.get(part.dtype.kind, "string")).cell(text)
    except ValueError as error:
        raise InputError(f"column {name!r}: {error}") from error


def _reshaped(values: list[Any], part: Input) -> Any:
    """The cells of a row, in the order of the file, as the tensor of a row."""
    if not part.shape:
        return values[0] if len(values) == 1 else values
    if len(values) == 1 and isinstance(values[0], list):
        return values[0]
    if len(part.shape) == 1:
        return values
    if -1 in part.shape or math.prod(part.shape) != len(values):
        raise InputError(f"{part.called} takes {list(part.shape)}, and a row has {len(values)}")
    return nested(values, part.shape)


def _reworded(array: "Array", turn: int) -> "Array":
    """Texts with a word more; whatever else an array of objects holds stays."""
    import numpy as np

    flat = [f"{v} {turn}".strip() if isinstance(v, str) else v for v in array.ravel().tolist()]
    changed = np.empty(array.size, dtype=object)
    changed[:] = flat
    return changed.reshape(array.shape).astype(array.dtype if array.dtype.kind == "O" else str)
