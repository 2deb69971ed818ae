"""Tensors as they travel: what a client says of one must be true of what it sent.

A tensor names its datatype and its shape, and the values come as JSON, as protobuf's lists or as
bytes. Here they are held against each other, for every protocol alike; what the model makes of
them is the model's business.
"""

import math
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

from components.errors import InputError
from components.predictor.model import ModelFailure, Tensor

if TYPE_CHECKING:
    import numpy as np

MAX_DIMENSIONS = 32
"""Of a shape: NumPy knows no more than 64, and no tensor is like that."""
MAX_VALUES = 2**48
"""The sizes besides zeros, multiplied: NumPy refuses a shape beyond, though it holds nothing."""

_NUMPY = {
    "BOOL": "u1",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""The little-endian layout of one element, by datatype; BYTES has none of fixed size."""
DATATYPES = (*_NUMPY, "BYTES")
_KNOWN = frozenset(DATATYPES)

_INTEGERS: Mapping[str, tuple[int, int]] = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS: Mapping[str, tuple[float, float]] = {
    "FP32": (-3.4028235677973366e38, 3.4028235677973366e38),
    "FP64": (-sys.float_info.max, sys.float_info.max),
}
_RANGES: Mapping[str, tuple[float, float]] = {**_INTEGERS, **_FLOATS}
"""The least and the greatest value, by datatype."""

_ALLOWED: Mapping[str, frozenset[type]] = {
    "BOOL": frozenset({bool}),
    "BYTES": frozenset({str, bytes}),
    **dict.fromkeys(_INTEGERS, frozenset({int})),
    **dict.fromkeys(_FLOATS, frozenset({int, float})),
}
"""The Python types of a datatype's values; None, a missing value, is the model's to judge."""
_USUAL: Mapping[str, set[type]] = {"BOOL": {bool}, "BYTES": {str}, "FP64": {float}}
"""Types of which any value is right: no reader of JSON yields a float beyond FP64."""


def from_values(name: str, datatype: str, shape: Sequence[Any], data: Any) -> Tensor:
    """A tensor of JSON values, flat or nested as its shape is; the result's data are flat.

    Raises:
        InputError: the datatype is unknown, the shape is none, or the values do not fit them.
    """
    usual = _USUAL.get(datatype)
    if (
        usual
        and type(data) is list
        and len(shape) == 1
        and type(shape[0]) is int
        and shape[0] == len(data)
        and set(map(type, data)) == usual
    ):
        return Tensor(name, datatype, list(shape), data)  # nearly every request, at little cost
    known = _datatype(name, datatype)
    sizes, count = _sizes(name, shape)
    if type(data) is not list:
        raise InputError(f"input {name!r}: 'data' is no list of values")
    if data and type(data[0]) is list and len(sizes) > 1:
        data = _flattened(name, sizes, data)
    if len(data) != count:
        raise InputError(
            f"input {name!r} has shape {sizes}, which is {count} values, and {len(data)} values: "
            f"send shape [{len(data)}{', ...' if len(sizes) > 1 else ''}]"
        )
    kinds = set(map(type, data))
    if kinds != _USUAL.get(known):
        data = _checked(name, known, data, kinds)
    return Tensor(name, known, sizes, data)


def _checked(name: str, datatype: str, data: list[Any], kinds: set[type]) -> list[Any]:
    """Values that are of the datatype, or can be made so without a loss.

    Raises:
        InputError: one cannot.
    """
    if datatype not in _ALLOWED:
        raise InputError(
            f"input {name!r}: there is no {datatype} in JSON or protobuf's contents: send it in "
            "binary, or as FP32"
        )
    if not kinds <= _ALLOWED[datatype]:
        data = _converted(name, datatype, data)
    if datatype in _RANGES:
        _check_range(name, datatype, data, missing=type(None) in kinds)
    return data


def from_bytes(name: str, datatype: str, shape: Sequence[Any], raw: bytes) -> Tensor:
    """A tensor in the binary form; numbers become an array of its shape, BYTES a flat list.

    Raises:
        InputError: the datatype is unknown, the shape is none, or the bytes are not those of as
            many elements.
    """
    datatype = _datatype(name, datatype)
    sizes, count = _sizes(name, shape)
    if datatype == "BYTES":
        return Tensor(name, datatype, sizes, _elements(name, raw, count))
    import numpy as np

    layout = np.dtype(_NUMPY[datatype])
    if len(raw) != count * layout.itemsize:
        raise InputError(
            f"input {name!r}: {len(raw)} bytes, but {datatype} of shape {sizes} "
            f"has {count * layout.itemsize}"
        )
    array = np.frombuffer(raw, dtype=layout).reshape(sizes)
    if datatype == "BOOL":
        if array.size and array.max() > 1:
            raise InputError(f"input {name!r}: a byte of BOOL is 0 or 1, not {array.max()}")
        array = array.astype(bool)
    return Tensor(name, datatype, sizes, array)


def to_bytes(tensor: Tensor) -> bytes:
    """The tensor's values in the binary form.

    Raises:
        ModelFailure: the model's values are not of the tensor's datatype.
    """
    if tensor.datatype == "BYTES":
        values = tensor.data if isinstance(tensor.data, list) else tensor.data.ravel().tolist()
        encoded = [v if isinstance(v, bytes) else str(v).encode() for v in values]
        return b"".join(struct.pack("<I", len(value)) + value for value in encoded)
    return _array(tensor).tobytes()


def to_values(tensor: Tensor) -> list[Any]:
    """The tensor's values as a flat list, as JSON and protobuf carry them."""
    if isinstance(tensor.data, list):
        return tensor.data
    return list(tensor.data.ravel().tolist())


def _array(tensor: Tensor) -> "np.ndarray[Any, Any]":
    """The values in the datatype's own layout; a fraction never becomes a whole number in it."""
    import numpy as np

    layout = np.dtype(_NUMPY[tensor.datatype])
    values = np.asarray(tensor.data)
    if not values.size:
        return values.astype(layout)
    if values.dtype.kind == "O" and layout.kind == "f":
        # Whole numbers beyond 64 bits, or None for what is missing.
        with suppress(TypeError, ValueError, OverflowError):
            values = np.asarray(tensor.data, dtype=np.float64)
    if values.dtype.kind not in "biuf":
        raise ModelFailure(f"output {tensor.name!r} holds {values.ravel()[0]!r} among numbers")
    with np.errstate(all="ignore"):
        packed = values.astype(layout)
    if layout.kind in "iu" and not np.array_equal(packed, values):
        raise ModelFailure(f"output {tensor.name!r} holds what is no {tensor.datatype}")
    return packed


def _datatype(name: str, datatype: str) -> str:
    known = datatype.upper()
    if known not in _KNOWN:
        raise InputError(
            f"input {name!r}: there is no datatype {datatype!r}: choose {', '.join(DATATYPES)}"
        )
    return known


def _sizes(name: str, shape: Sequence[Any]) -> tuple[list[int], int]:
    """The shape, and how many values it has."""
    sizes = []
    for given in shape:
        # Many JSON writers know no integers.
        size = int(given) if type(given) is float and given.is_integer() else given
        if type(size) is not int or not 0 <= size < 2**63:
            raise InputError(
                f"input {name!r} has shape {list(shape)[:MAX_DIMENSIONS]}: each size is a whole "
                "number from 0, that of what is sent"
            )
        sizes.append(size)
    if len(sizes) > MAX_DIMENSIONS:
        raise InputError(
            f"input {name!r} has {len(sizes)} dimensions: {MAX_DIMENSIONS} is the most"
        )
    if math.prod(size for size in sizes if size) > MAX_VALUES:
        raise InputError(f"input {name!r} has shape {sizes}: no request is that large")
    return sizes, math.prod(sizes)


def _flattened(name: str, sizes: Sequence[int], data: list[Any]) -> list[Any]:
    """Values nested as the shape is, in row-major order."""
    for depth, size in enumerate(sizes):
        rows = [data] if depth == 0 else data
        if any(type(row) is not list or len(row) != size for row in rows):
            raise InputError(f"input {name!r}: 'data' is not nested as its shape {sizes} says")
        data = list(chain.from_iterable(rows))
    return data


def _converted(name: str, datatype: str, data: list[Any]) -> list[Any]:
    """Values of other types as the datatype's, where nothing is lost."""
    allowed = _ALLOWED[datatype]
    converted = []
    for number, value in enumerate(data):
        kind = type(value)
        if value is None or kind in allowed:
            converted.append(value)
        elif kind is float and datatype in _INTEGERS and value.is_integer():
            converted.append(int(value))  # many JSON writers know no integers
        elif datatype == "BYTES":
            raise InputError(f"input {name!r}: value {number} is no string: {_shown(value)}")
        else:
            hint = ": send text as BYTES" if kind is str else ""
            raise InputError(
                f"input {name!r}: value {number} is no {datatype}: {_shown(value)}{hint}"
            )
    return converted


def _check_range(name: str, datatype: str, data: list[Any], *, missing: bool) -> None:
    low, high = _RANGES[datatype]
    known = [value for value in data if value is not None] if missing else data
    if known and (min(known) < low or max(known) > high):
        number = next(
            n for n, value in enumerate(data) if value is not None and not low <= value <= high
        )
        raise InputError(f"input {name!r}: value {number} is no {datatype}: {_shown(data[number])}")


def _shown(value: object) -> str:
    """A value in an error, short."""
    if type(value) is int and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _elements(name: str, raw: bytes, count: int) -> list[bytes]:
    """The elements of a BYTES tensor, each behind its length."""
    found: list[bytes] = []
    place, size = 0, len(raw)
    while place < size:
        start = place + 4
        if start > size:
            raise InputError(f"input {name!r}: {size - place} bytes are left where a length begins")
        place = start + int.from_bytes(raw[place:start], "little")
        if place > size:
            raise InputError(
                f"input {name!r}: element {len(found)} of {place - start} bytes goes beyond the "
                f"tensor's {size} bytes"
            )
        found.append(raw[start:place])
    if len(found) != count:
        raise InputError(f"input {name!r}: {len(found)} elements, but its shape has {count}")
    return found
