"""Plain answers as V2 tensors: data as many as the shape says, and of the declared type."""

import json
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

from components.errors import InputError
from components.predictor.model import ModelFailure, Spec, Tensor
from components.predictor.runtimes.contract.array_input import datatype_of
from components.predictor.runtimes.contract.kinds import ListOf, Scalar, kind_of

UNNAMED = "predict"
"""The output of a model that gives its answers no name."""

_BITS = {f"INT{bits}": bits for bits in (8, 16, 32, 64)}
_LARGEST = {"FP16": 65_520.0, "FP32": 3.4028235677973366e38}
"""Half a step above the largest number of a type: what rounds to infinity."""
_EXACT = 1 << 53
"""Up to so far every whole number is a float."""
_UNSIGNED = {f"UINT{bits}": bits for bits in (8, 16, 32, 64)}


class Outputs:
    """The outputs of a model: their names and types, learnt from its signature and its answers."""

    def __init__(self, schema: Any, answers: Sequence[Any]) -> None:
        """Learn.

        Args:
            schema: the outputs of the signature (``mlflow.types.Schema``), or None.
            answers: plain answers to the samples; none for a model that has no samples.
        """
        self._declared = _declared(schema)
        self._learnt: dict[str, str] = {}
        seen: dict[str, list[Any]] = {}
        for answer in answers:
            for name, cells in columns(answer).items():
                seen.setdefault(name, []).extend(cells)
        if not seen:
            seen = {name or UNNAMED: [] for name in self._declared} or {UNNAMED: []}
        self.specs = tuple(self._spec(name, cells) for name, cells in seen.items())
        self._usual = list(seen)

    def tensors(self, answer: Any, wanted: Sequence[str]) -> list[Tensor]:
        """The wanted outputs of a plain answer.

        All that are known stand for all that the model answered, and all that it declares: samples
        need not have shown every output, nor a row have each.

        Raises:
            ModelFailure: the answer lacks one, or holds what its declared type cannot.
            InputError: it has no one shape or type; V1 can send it.
        """
        found = columns(answer)
        if list(wanted) == self._usual:
            here = [n for n in self._usual if n in found or self._declared_of(n) is not None]
            wanted = list(dict.fromkeys([*here, *found]))
        tensors = []
        for name in wanted:
            if name not in found:
                raise ModelFailure(
                    f"the model answered no {name!r}, but {', '.join(found) or 'nothing'}"
                )
            tensors.append(self._tensor(name, found[name]))
        return tensors

    def _spec(self, name: str, cells: list[Any]) -> Spec:
        """An output of the metadata; what differs between rows has no fixed shape."""
        declared = self._declared_of(name)
        if not cells:
            return Spec(name, declared or "BYTES", (-1,))
        shapes = _shapes(cells)
        if None in shapes or len(shapes) > 1:
            self._learnt[name] = "JSON"
            return Spec(name, "BYTES", (-1,))
        flat = _flat(cells)
        shape = shapes.pop() or ()
        if declared is None:
            self._learnt[name] = _inferred(flat) or "JSON"
        datatype = declared or self._learnt[name]
        return Spec(name, "BYTES" if datatype == "JSON" else datatype, (-1, *shape))

    def _tensor(self, name: str, cells: list[Any]) -> Tensor:
        shapes = _shapes(cells)
        if None in shapes or self._learnt.get(name) == "JSON":
            return Tensor(name, "BYTES", [len(cells)], [_text(cell) for cell in cells])
        if len(shapes) > 1:
            raise InputError(
                f"output {name!r} has rows of different lengths, which are no tensor: "
                "send these rows one by one, or over V1"
            )
        shape = [len(cells), *(shapes.pop() or ())] if shapes else [0]
        flat = _flat(cells)
        declared = self._declared_of(name)
        if declared is not None:
            try:
                return Tensor(name, declared, shape, _as(declared, flat))
            except ValueError as error:
                raise ModelFailure(
                    f"output {name!r} is {declared} by the model's signature, "
                    f"but the model answered {error}"
                ) from error
        learnt = self._learnt.get(name, "")
        if learnt == "FP64" and not _are_exact(flat):
            learnt = ""
        try:
            return Tensor(name, learnt, shape, _as(learnt, flat))
        except ValueError:  # the samples did not show all that the model answers
            datatype = _inferred(flat)
        if datatype is None:
            raise InputError(
                f"output {name!r} mixes numbers, texts or nulls, which is no tensor: "
                "send these rows over V1"
            )
        return Tensor(name, datatype, shape, _as(datatype, flat))

    def _declared_of(self, name: str) -> str | None:
        if name in self._declared:
            return self._declared[name]
        if len(self._declared) == 1:
            ((only, datatype),) = self._declared.items()
            if only is None or name == UNNAMED:
                return datatype
        return None


def columns(answer: Any) -> dict[str, list[Any]]:
    """A plain answer as a list of cells for each output."""
    if isinstance(answer, dict):
        return {
            name: value if isinstance(value, list) else [value] for name, value in answer.items()
        }
    if not isinstance(answer, list):
        return {UNNAMED: [answer]}
    if answer and all(isinstance(row, dict) for row in answer):
        names = dict.fromkeys(name for row in answer for name in row)
        if all(names.keys() == row.keys() for row in answer):
            return {name: [row[name] for row in answer] for name in names}
        return {name: [row.get(name) for row in answer] for name in names}
    return {UNNAMED: answer}


def _declared(schema: Any) -> dict[str | None, str]:
    """V2 datatypes by the names of the signature; None for an output without a name."""
    from mlflow.types import TensorSpec

    found: dict[str | None, str] = {}
    for spec in schema.inputs if schema is not None else ():
        if isinstance(spec, TensorSpec):
            if spec.type.kind != "O":
                found[spec.name] = datatype_of(spec.type)
            continue
        try:
            kind = kind_of(spec.type)
        except ValueError:
            continue
        while isinstance(kind, ListOf):
            kind = kind.item
        if isinstance(kind, Scalar):
            found[spec.name] = kind.datatype
    return found


def _shapes(cells: list[Any]) -> set[tuple[int, ...] | None]:
    """The shapes of rows; see `_shape`."""
    if set(map(type, cells)).isdisjoint((list, dict)):
        return {()} if cells else set()
    return {_shape(cell) for cell in cells}


def _shape(cell: Any) -> tuple[int, ...] | None:
    """The shape of one row's value; None when it is no regular array of one type."""
    if isinstance(cell, dict):
        return None
    if not isinstance(cell, list):
        return ()
    if not cell:
        return (0,)
    inner = {_shape(part) for part in cell}
    if len(inner) != 1 or None in inner:
        return None
    if inner == {()} and _inferred(cell) is None:
        return None
    return (len(cell), *(inner.pop() or ()))


def _flat(cells: list[Any]) -> list[Any]:
    """The values of lists within lists, which all have one shape."""
    while cells and type(cells[0]) is list:
        cells = list(chain.from_iterable(cells))
    return cells


def _inferred(flat: Sequence[Any]) -> str | None:
    """The V2 datatype of plain values; None when they have none in common."""
    kinds = {type(value) for value in flat}
    if kinds == {str}:
        return "BYTES"
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        if max(flat) < 1 << 63:
            return "INT64"
        return "UINT64" if min(flat) >= 0 else None
    return "FP64" if kinds <= {int, float, type(None)} and _are_exact(flat) else None


def _are_exact(flat: Sequence[Any]) -> bool:
    """No whole number is another one as a float."""
    return int not in set(map(type, flat)) or all(
        type(v) is not int or abs(v) <= _EXACT or int(float(v)) == v for v in flat
    )


def _as(datatype: str, flat: list[Any]) -> list[Any]:
    """Plain values as ``datatype``.

    Raises:
        ValueError: one of them is none.
    """
    kinds = {type(value) for value in flat}
    if datatype == "BYTES":
        return _all(flat, kinds <= {str})
    if datatype == "BOOL":
        return _all(flat, kinds <= {bool})
    if datatype.startswith("FP"):
        if not kinds <= {float}:
            _all(flat, kinds <= {int, float, bool, type(None)})
            flat = [math.nan if value is None else float(value) for value in flat]
        largest = _LARGEST.get(datatype)
        if largest and flat and not (max(flat) < largest and min(flat) > -largest):
            _all(flat, not any(largest <= abs(value) < math.inf for value in flat))
        return flat
    if datatype in _BITS:
        low, high = -(1 << (_BITS[datatype] - 1)), 1 << (_BITS[datatype] - 1)
    elif datatype in _UNSIGNED:
        low, high = 0, 1 << _UNSIGNED[datatype]
    else:
        raise ValueError(f"nothing of type {datatype}")
    whole = kinds <= {int, bool} or all(
        type(v) in (int, bool) or (type(v) is float and v.is_integer()) for v in flat
    )
    _all(flat, whole)
    numbers = [int(value) for value in flat]
    return _all(numbers, not numbers or (low <= min(numbers) and max(numbers) < high))


def _all(flat: list[Any], fits: bool) -> list[Any]:
    if not fits:
        raise ValueError(" and ".join(sorted({repr(value)[:40] for value in flat})[:3]))
    return flat


def _text(cell: Any) -> str:
    return json.dumps(cell, ensure_ascii=False)
