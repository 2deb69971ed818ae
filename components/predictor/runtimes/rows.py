"""Rows as they arrive: the columns of a data set, and the values of a V2 tensor."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from components.errors import InputError
from components.predictor.model import Tensor

_MANY_PARTS = 256
_FEW_DIGITS = 3


def require(row: Mapping[str, str], columns: Iterable[str]) -> None:
    """Refuse a row that lacks one of ``columns``.

    Raises:
        InputError: it does.
    """
    if missing := [name for name in columns if name not in row]:
        raise InputError(
            f"the data set has no column {missing[0]!r}, which the model needs: "
            f"it has {', '.join(row)}"
        )


def values_of(tensor: Tensor) -> Sequence[Any]:
    """The tensor's values, flat. Null is None; BYTES are str, or bytes as they were sent.

    Raises:
        InputError: they are not as many as the shape says.
    """
    shape, data = tensor.shape, tensor.data
    if not shape or min(shape) < 0:
        raise InputError(f"input {tensor.name!r} has shape {shape}: send [rows, ...]")
    values = _flat(data, len(shape)) if isinstance(data, list) else data.ravel().tolist()
    if len(values) != math.prod(shape):
        raise InputError(f"input {tensor.name!r} has shape {shape} and {len(values)} values")
    return values


def text_of(value: Any, name: str) -> Any:
    """The text of a value of a BYTES tensor; all else as it is.

    Raises:
        InputError: it is not UTF-8.
    """
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"input {name!r} is not UTF-8") from error


def nested(flat: Sequence[Any], shape: Sequence[int]) -> Any:
    """Flat values as lists within lists of ``shape``; a scalar for an empty shape."""
    if not shape:
        return flat[0]
    if len(shape) == 1:
        return list(flat)
    step = len(flat) // shape[0] if shape[0] else 0
    return [nested(flat[n * step : (n + 1) * step], shape[1:]) for n in range(shape[0])]


def splits(count: int) -> Iterator[list[bool]]:
    """Ways to share out ``count`` parts among two: each pair of parts is divided both ways.

    As the digits of the parts' numbers divide them: twice as many ways as digits. Of very many
    parts, as an image has, some pairs only.
    """
    digits = max(count - 1, 0).bit_length() if count <= _MANY_PARTS else _FEW_DIGITS
    for digit in range(digits):
        first = [bool(number >> digit & 1) for number in range(count)]
        yield first
        yield [not part for part in first]


def _flat(data: list[Any], depth: int) -> list[Any]:
    """The values of a list that is flat, or nested as deep as the shape."""
    for _ in range(depth - 1):
        if not data or not isinstance(data[0], list):
            break
        data = [value for row in data for value in (row if isinstance(row, list) else [row])]
    return data
