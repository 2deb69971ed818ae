"""Rows of columns: what MLflow takes is taken, and what is no value of its type is a 400."""

import math
import struct
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types import DataType
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from components.errors import InputError
from components.predictor.http.tensors import from_bytes, from_values
from components.predictor.model import Tensor
from components.predictor.runtimes.contract.column import Column
from components.predictor.runtimes.contract.kinds import kind_of
from components.predictor.runtimes.contract.table import Table

POINT = Object([Property("x", DataType.double), Property("tag", DataType.string, required=False)])
TYPES: dict[str, Any] = {
    "boolean": DataType.boolean,
    "integer": DataType.integer,
    "long": DataType.long,
    "float": DataType.float,
    "double": DataType.double,
    "string": DataType.string,
    "datetime": DataType.datetime,
    "binary": DataType.binary,
    "list": Array(DataType.double),
    "lists": Array(Array(DataType.long)),
    "record": POINT,
    "map": Map(DataType.string),
    "any": AnyType(),
}
NOON = pd.Timestamp("2024-05-01T12:00:00")


def column(name: str, required: bool = True) -> Table:
    """A table of the column ``c`` of a type, beside a number so that it may be left out."""
    kind = kind_of(TYPES[name])
    other = Column("other", kind_of(DataType.double), required=True)
    return Table([Column("c", kind, required), other], named=True)


def read(name: str, value: Any, required: bool = True) -> Any:
    (row,) = column(name, required).from_instances([{"c": value, "other": 0}])
    return row.get("c", "left out")


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("integer", 3.0, 3),
        ("integer", -(2**31), -(2**31)),
        ("long", 2**53 + 1, 2**53 + 1),
        ("double", 3, 3.0),
        ("string", "", ""),
        ("datetime", "2024-05-01T12:00:00", NOON),
        ("datetime", "2024-05-01T12:00:00Z", NOON),
        ("datetime", "2024-05-01T14:00:00+02:00", NOON),
        ("datetime", "2024-05-01 14:00+0200", NOON),
        ("datetime", "20240501T120000", NOON),
        ("datetime", "2024-05-01T12:00:00.000000001", NOON + pd.Timedelta(1, "ns")),
        ("binary", "aGk=", b"hi"),
        ("binary", "aG\nk=\n", b"hi"),
        ("binary", {"b64": "aGk="}, b"hi"),
        ("list", [1, 2.5], [1.0, 2.5]),
        ("list", [], []),
        ("lists", [[1], [2, 3]], [[1], [2, 3]]),
        ("record", {"x": 1}, {"x": 1.0}),
        ("record", {"x": 1, "tag": None}, {"x": 1.0, "tag": None}),
        ("map", {"a": "b"}, {"a": "b"}),
        ("any", [1, {"a": None}], [1, {"a": None}]),
    ],
)
def test_a_value_is_taken_as_the_signature_has_it(name: str, given: Any, value: Any) -> None:
    assert read(name, given) == value


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("boolean", 1),
        ("boolean", "true"),
        ("integer", 2**31),
        ("integer", 30.5),
        ("integer", "30"),
        ("integer", True),
        ("long", 2**63),
        ("long", 1e30),
        ("float", 1e39),
        ("double", 10**400),
        ("double", "1.5"),
        ("double", [1.5]),
        ("string", 7),
        ("string", ["a"]),
        ("datetime", "not a date"),
        ("datetime", "2024-02-30"),
        ("datetime", "9999-12-31"),
        ("datetime", "0001-01-01"),
        ("datetime", "12"),
        ("datetime", "now"),
        ("datetime", ""),
        ("datetime", 1714568400000),
        ("datetime", {}),
        ("binary", "no base64!"),
        ("list", 1.5),
        ("list", ["a"]),
        ("list", [None, "a"]),
        ("lists", [1]),
        ("record", {"tag": "a"}),
        ("record", {"x": None}),
        ("record", {"x": 1, "y": 2}),
        ("record", [1]),
        ("map", {"a": 1}),
        ("map", {"a": None}),
        ("map", "a"),
    ],
)
def test_what_is_no_value_of_the_type_is_refused_by_the_column(name: str, given: Any) -> None:
    with pytest.raises(InputError, match="row 0: column 'c'"):
        read(name, given)


@pytest.mark.parametrize("name", ["float", "double"])
@pytest.mark.parametrize("required", [True, False])
def test_a_null_among_numbers_is_no_number(name: str, required: bool) -> None:
    assert math.isnan(read(name, None, required))


@pytest.mark.parametrize(
    ("name", "optional"),
    [
        ("integer", "left out"),
        ("long", "left out"),
        ("binary", "left out"),
        ("boolean", None),
        ("list", None),
        ("record", None),
        ("map", None),
    ],
)
def test_a_null_that_no_column_holds_is_refused_or_left_out(name: str, optional: Any) -> None:
    assert read(name, None, required=False) == optional
    with pytest.raises(InputError, match="column 'c' is null"):
        read(name, None, required=True)


@pytest.mark.parametrize("name", ["string", "datetime", "any"])
def test_a_null_of_other_columns_is_one_for_the_model_as_well(name: str) -> None:
    assert read(name, None) is None


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("integer", "3.0", 3.0),
        ("integer", "7", 7),
        ("long", "9007199254740993", 9007199254740993),
        ("double", "1e-3", 0.001),
        ("double", "", None),
        ("double", "NaN", None),
        ("integer", "NA", None),
        ("boolean", "True", True),
        ("boolean", "", None),
        ("datetime", "2024-05-01", "2024-05-01"),
        ("datetime", " ", None),
        ("string", "", ""),
        ("string", "NA", "NA"),
        ("list", "[1, 2]", [1, 2]),
        ("record", '{"x": 1}', {"x": 1}),
    ],
)
def test_a_cell_is_what_json_would_have(name: str, cell: str, value: Any) -> None:
    row = column(name).instance({"c": cell, "other": "1", "label": "x"})
    assert row == {"c": value, "other": 1}


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("double", "wide"),
        ("double", "inf"),
        ("double", "1_000"),
        ("integer", "x"),
        ("boolean", "maybe"),
        ("list", "[1"),
    ],
)
def test_a_cell_of_another_type_is_refused(name: str, cell: str) -> None:
    with pytest.raises(InputError, match="column 'c'"):
        column(name).instance({"c": cell, "other": "1"})


def test_a_column_that_need_not_be_there_is_left_out_of_the_frame() -> None:
    table = column("integer", required=False)
    rows = table.from_instances([{"other": 1}, {"c": None, "other": 2}, {"c": 3, "other": 3}])
    assert list(table.together_as(rows[:1]).columns) == ["other"]
    assert [table.group(row) for row in rows[:2]] == [frozenset({"other"})] * 2
    assert table.group(rows[2]) == frozenset({"c", "other"})
    assert table.instance({"other": "1"}) == {"other": 1}
    with pytest.raises(InputError, match="send such rows by themselves"):
        table.even(rows)


def test_rows_that_lack_a_column_get_nulls_where_they_go_together() -> None:
    table = column("double", required=False)
    rows = table.even(table.from_instances([{"other": 1}, {"c": 3, "other": 3}]))
    assert math.isnan(rows[0]["c"])


@pytest.mark.parametrize("row", [{"other": 1}, {}, [1], 5, None])
def test_a_row_without_what_is_required_is_refused(row: Any) -> None:
    with pytest.raises(InputError):
        column("double").from_instances([row])


def test_other_columns_are_ignored_over_v1_v2_and_in_files() -> None:
    table = column("long")
    row = {"c": 1, "other": 2.0}
    assert table.from_instances([{**row, "more": [1]}]) == [row]
    tensors = [Tensor(n, "FP64", [1], [v]) for n, v in {**row, "more": 3.0}.items()]
    assert table.from_tensors(tensors) == [row]
    assert table.instance({"c": "1", "other": "2", "more": "x"}) == row


@pytest.mark.parametrize(
    ("name", "tensor", "value"),
    [
        ("double", Tensor("c", "FP64", [1, 1], [None]), math.nan),
        ("double", Tensor("c", "INT64", [1], [3]), 3.0),
        ("integer", Tensor("c", "FP64", [1], [3.0]), 3),
        ("integer", Tensor("c", "INT8", [1], np.array([3], dtype=np.int8)), 3),
        ("string", Tensor("c", "BYTES", [1], [b"a"]), "a"),
        ("binary", Tensor("c", "BYTES", [1], [b"\xff"]), b"\xff"),
        ("binary", Tensor("c", "BYTES", [1], ["aGk="]), b"hi"),
        ("datetime", Tensor("c", "BYTES", [1], [b"2024-05-01T12:00:00Z"]), NOON),
        ("list", Tensor("c", "FP64", [1, 2], [1.0, 2.0]), [1.0, 2.0]),
        ("list", Tensor("c", "BYTES", [1], ["[1, 2]"]), [1.0, 2.0]),
        ("lists", Tensor("c", "INT64", [1, 2, 1], [1, 2]), [[1], [2]]),
        ("record", Tensor("c", "BYTES", [1], ['{"x": 1}']), {"x": 1.0}),
        ("any", Tensor("c", "BYTES", [1], ['"text"']), "text"),
    ],
)
def test_a_tensor_is_read_as_json_is(name: str, tensor: Tensor, value: Any) -> None:
    (row,) = column(name).from_tensors([tensor, Tensor("other", "FP32", [1], [0.0])])
    assert row["c"] == value or (isinstance(value, float) and math.isnan(row["c"]))


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_tensor_without_dimensions_is_no_column(name: str) -> None:
    other = Tensor("other", "FP32", [1], [0.0])
    for tensor in (
        from_bytes("c", "FP64", [], struct.pack("<d", 1.5)),
        from_bytes("c", "INT32", [], struct.pack("<i", 1)),
        from_values("c", "FP64", [], [1.5]),
        from_values("c", "BYTES", [], ["1"]),
    ):
        with pytest.raises(InputError):
            column(name).from_tensors([tensor, other])


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("double", Tensor("c", "BYTES", [1], ["1.5"])),
        ("double", Tensor("c", "FP64", [1, 2], [1.0, 2.0])),
        ("string", Tensor("c", "FP64", [1], [1.0])),
        ("string", Tensor("c", "BYTES", [1], [b"\xff"])),
        ("boolean", Tensor("c", "INT64", [1], [1])),
        ("datetime", Tensor("c", "BYTES", [1], [b"soon"])),
        ("list", Tensor("c", "FP64", [1], [1.0])),
        ("record", Tensor("c", "BYTES", [1], ["{"])),
        ("integer", Tensor("c", "INT64", [1], [2**40])),
    ],
)
def test_a_tensor_of_another_type_is_refused(name: str, tensor: Tensor) -> None:
    with pytest.raises(InputError):
        column(name).from_tensors([tensor, Tensor("other", "FP32", [1], [0.0])])


def test_a_column_without_a_name_takes_a_value_a_row() -> None:
    table = Table([Column(0, kind_of(DataType.string), True)], named=False)
    assert table.from_instances(["a", ["b"]]) == [{0: "a"}, {0: "b"}]
    assert table.from_tensors([Tensor("anything", "BYTES", [2], ["a", b"b"])]) == [
        {0: "a"},
        {0: "b"},
    ]
    assert table.instance({"review": "good"}) == "good"
    assert table.instance({"text": "good", "id": "7"}) == "good"
    with pytest.raises(InputError, match="'text'"):
        table.instance({"a": "good", "b": "7"})
    assert table.together_as([{0: "a"}]).columns.tolist() == [0]
