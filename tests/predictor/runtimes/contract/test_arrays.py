"""Rows of tensors, of every type and rank."""

from typing import Any

import numpy as np
import pytest
from mlflow.types import TensorSpec

from components.errors import ArtifactError, InputError
from components.predictor.model import Tensor
from components.predictor.runtimes.contract.arrays import Arrays


def arrays(dtype: str, shape: tuple[int, ...], name: str | None = None) -> Arrays:
    return Arrays([TensorSpec(np.dtype(dtype), shape, name)])


@pytest.mark.parametrize(
    ("dtype", "shape", "instance"),
    [
        ("float32", (-1, 3), [1, 2.5, 3]),
        ("float16", (-1, 2), [0.5, 1]),
        ("int64", (-1, 2), [2**53 + 1, -1]),
        ("int64", (-1, 2), [3.0, 4]),
        ("int8", (-1, 1), [-128]),
        ("uint8", (-1, 2, 2), [[0, 255], [1, 2]]),
        ("uint64", (-1, 1), [2**64 - 1]),
        ("bool", (-1, 2), [True, False]),
        ("float64", (-1,), 1.5),
        ("float64", (-1, -1), [1.0, 2.0, 3.0]),
        ("float64", (-1, 0), []),
        ("object", (-1, 2), ["a", None]),
        ("str", (-1, 2), ["a", "bc"]),
    ],
)
def test_a_row_is_an_array_of_the_signature_s_type(
    dtype: str, shape: tuple[int, ...], instance: Any
) -> None:
    form = arrays(dtype, shape)
    rows = form.from_instances([instance, instance])
    array = form.together_as(rows)
    assert array.dtype.kind == np.dtype(dtype).kind
    assert np.dtype(dtype).kind == "U" or array.dtype == np.dtype(dtype)
    assert array.tolist() == [instance, instance]


def test_a_null_in_a_float_is_no_number() -> None:
    (row,) = arrays("float32", (-1, 2)).from_instances([[None, 1]])
    assert np.isnan(row[None][0])


@pytest.mark.parametrize(
    ("dtype", "shape", "instance"),
    [
        ("float32", (-1, 3), [1.0, 2.0]),
        ("float32", (-1, 3), 1.0),
        ("float32", (-1, 3), [[1.0, 2.0, 3.0]]),
        ("float32", (-1, 1), [1e39]),
        ("float64", (-1, 2), [1.0, "x"]),
        ("float64", (-1, 2), ["1", "2"]),
        ("float64", (-1, 2), [[1.0], [2.0, 3.0]]),
        ("float64", (-1, 1), [10**400]),
        ("int64", (-1, 2), [1.5, 2]),
        ("int64", (-1, 2), [None, 2]),
        ("int64", (-1, 1), [2**63]),
        ("uint8", (-1, 1), [256]),
        ("uint8", (-1, 1), [-1]),
        ("bool", (-1, 1), [1]),
        ("float64", (-1,), [1.0, 2.0]),
        ("str", (-1, 1), [1]),
        ("datetime64[ns]", (-1, 1), ["soon"]),
        ("datetime64[ns]", (-1, 1), [1.5]),
        ("datetime64[ns]", (-1, 1), [2**63]),
        ("datetime64[ns]", (-1, 1), [[None]]),
        ("datetime64[s]", (-1, 1), ["9999-12-31"]),
        ("S", (-1, 1), ["ä"]),
    ],
)
def test_a_row_of_another_shape_type_or_range_is_refused(
    dtype: str, shape: tuple[int, ...], instance: Any
) -> None:
    with pytest.raises(InputError, match="row 0 of the input"):
        arrays(dtype, shape).from_instances([instance])


NOON = "2024-05-01T12:00:00"


@pytest.mark.parametrize(
    ("unit", "given"),
    [
        ("ns", NOON),
        ("ns", f"{NOON}Z"),
        ("s", "2024-05-01T14:00:00+02:00"),
        ("ns", 1714564800000000000),
        ("s", 1714564800),
        ("ns", b"2024-05-01T12:00:00Z"),
    ],
)
def test_a_date_has_a_zone_or_is_a_number_of_the_type_s_unit(unit: str, given: Any) -> None:
    form = arrays(f"datetime64[{unit}]", (-1, 2))
    if isinstance(given, bytes):
        rows = form.from_tensors([Tensor("x", "BYTES", [1, 2], [given, None])])
    else:
        rows = form.from_instances([[given, None]])
    found = form.together_as(rows)
    assert found.dtype == np.dtype(f"datetime64[{unit}]")
    assert found[0, 0] == np.datetime64(NOON)
    assert np.isnat(found[0, 1])


@pytest.mark.parametrize(
    ("dtype", "shape", "tensor"),
    [
        ("float32", (-1, 3), Tensor("x", "FP64", [2, 3], [1, 2, 3, 4, 5, 6])),
        ("float32", (-1, 3), Tensor("x", "FP32", [2, 3], np.ones((2, 3), dtype=np.float32))),
        ("float32", (-1, 3), Tensor("x", "FP64", [2, 3], [1.0, None, 3.0, 4.0, 5.0, 6.0])),
        ("int64", (-1, 3), Tensor("x", "INT64", [2, 3], [[1, 2, 3], [4, 5, 2**53 + 1]])),
        ("uint8", (-1, 1, 3), Tensor("x", "UINT8", [2, 1, 3], [1, 2, 3, 4, 5, 255])),
        ("bool", (-1, 3), Tensor("x", "BOOL", [2, 3], [True, False] * 3)),
        ("float64", (-1,), Tensor("x", "FP64", [6], [1.0] * 6)),
        ("float64", (-1,), Tensor("x", "FP64", [6, 1], [1.0] * 6)),
        ("object", (-1, 3), Tensor("x", "BYTES", [2, 3], [b"a", "b"] * 3)),
        ("str", (-1, 3), Tensor("x", "BYTES", [2, 3], [b"a", "b"] * 3)),
    ],
)
def test_a_v2_tensor_becomes_rows(dtype: str, shape: tuple[int, ...], tensor: Tensor) -> None:
    form = arrays(dtype, shape)
    rows = form.from_tensors([tensor])
    assert len(rows) == tensor.shape[0]
    array = form.together_as(rows)
    assert array.shape[0] == tensor.shape[0]
    assert array.dtype.kind == np.dtype(dtype).kind


@pytest.mark.parametrize(
    "tensors",
    [
        [],
        [Tensor("x", "FP64", [1, 3], [1.0] * 3), Tensor("y", "FP64", [1, 3], [1.0] * 3)],
        [Tensor("x", "FP64", [1], [1.0]), Tensor("y", "FP64", [1], [1.0])],
        [Tensor("x", "FP64", [3], [1.0] * 3)],
        [Tensor("x", "FP64", [1, 2], [1.0] * 2)],
        [Tensor("x", "FP64", [2, 3], [1.0] * 3)],
        [Tensor("x", "FP64", [-1, 3], [1.0] * 3)],
        [Tensor("x", "BYTES", [1, 3], ["a"] * 3)],
    ],
)
def test_other_v2_tensors_are_refused(tensors: list[Tensor]) -> None:
    with pytest.raises(InputError):
        arrays("float32", (-1, 3)).from_tensors(tensors)


def test_named_tensors_are_a_dict_for_the_model() -> None:
    form = Arrays(
        [TensorSpec(np.dtype("int64"), (-1, 2), "ids"), TensorSpec(np.dtype("f4"), (-1,), "w")]
    )
    rows = form.from_instances([{"ids": [1, 2], "w": 0.5, "more": 1}])
    tensors = [
        Tensor("w", "FP32", [1], [0.5]),
        Tensor("more", "FP32", [1], [0.5]),
        Tensor("ids", "INT64", [1, 2], [1, 2]),
    ]
    for read in (rows, form.from_tensors(tensors)):
        made = form.together_as(read)
        assert {n: (a.dtype.name, a.tolist()) for n, a in made.items()} == {
            "ids": ("int64", [[1, 2]]),
            "w": ("float32", [0.5]),
        }
    for wrong in ({"ids": [1, 2]}, [1, 2], 5):
        with pytest.raises(InputError):
            form.from_instances([wrong])
    with pytest.raises(InputError, match="'ids' is missing"):
        form.from_tensors(tensors[:1])
    assert form.instance({"ids": "[1, 2]", "w": "0.5"}) == {"ids": [1, 2], "w": 0.5}


def test_rows_of_other_shapes_share_no_batch() -> None:
    form = arrays("float64", (-1, -1))
    short, long = form.from_instances([[1.0], [1.0, 2.0]])
    assert form.group(short) != form.group(long)
    with pytest.raises(InputError, match="different shapes"):
        form.even([short, long])


def test_a_signature_may_fix_the_number_of_rows() -> None:
    form = arrays("float64", (2, 1))
    rows = form.from_instances([[1.0], [2.0]])
    assert form.together
    assert form.even(rows) == rows
    with pytest.raises(InputError, match="2 rows at a time, not 1"):
        form.even(rows[:1])


def test_cells_of_a_data_set_fill_a_tensor_in_their_order() -> None:
    cells = {"a": "1", "b": "2", "c": "3", "d": "4"}
    assert arrays("int64", (-1, 4)).instance(cells) == [1, 2, 3, 4]
    assert arrays("int64", (-1, 2, 2)).instance(cells) == [[1, 2], [3, 4]]
    assert arrays("float32", (-1, 2)).instance({"a": "[1, 2]"}) == [1, 2]
    with pytest.raises(InputError, match="column 'a'"):
        arrays("int64", (-1, 1)).instance({"a": "x"})


@pytest.mark.parametrize(
    "spec", [TensorSpec(np.dtype("c16"), (-1, 1)), TensorSpec(np.dtype("f4"), ())]
)
def test_a_tensor_that_cannot_be_served_is_refused_when_the_model_is_opened(spec: Any) -> None:
    with pytest.raises(ArtifactError, match="not served"):
        Arrays([spec])


def test_a_matrix_may_come_as_its_columns() -> None:
    form = arrays("float32", (-1, 2))
    columns = [Tensor("b", "FP64", [2], [1.0, 3.0]), Tensor("a", "INT64", [2, 1], [2, 4])]
    records = form.from_instances([{"b": 1, "a": 2}, {"b": 3, "a": 4}])
    for rows in (form.from_tensors(columns), records):
        assert form.together_as(rows).tolist() == [[1.0, 2.0], [3.0, 4.0]]
