"""What a model refuses of that which another one takes, told by their signatures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from mlflow.types import ColSpec, TensorSpec
from mlflow.types.schema import AnyType, Array, DataType, Map, Object, Property

from components.predictor.model import Spec
from components.predictor.runtimes.contract.arrays import Arrays
from components.predictor.runtimes.contract.column import Column
from components.predictor.runtimes.contract.compare import Param, Signature, narrower, notes
from components.predictor.runtimes.contract.kinds import Scalar, kind_of
from components.predictor.runtimes.contract.table import Table


def table(*columns: Any, named: bool = True) -> Signature:
    """Columns as ``(name, type)``, or ``(name, type, False)`` for one that need not be there."""
    specs = [ColSpec(kind, name, *rest) for name, kind, *rest in columns]
    known = [
        Column(spec.name if named else place, kind_of(spec.type), spec.required)
        for place, spec in enumerate(specs)
    ]
    return Signature(Table(known, named), ())


def tensors(*parts: tuple[str | None, str, Sequence[int]]) -> Signature:
    specs = [TensorSpec(np.dtype(kind), tuple(shape), name) for name, kind, shape in parts]
    return Signature(Arrays(specs), ())


AB = (("age", "long"), ("income", "double"))
TENURE = ("tenure", "double")
TEXT, CUT, SHORT = (Signature(None, (), longest=n) for n in (None, 128, 64))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (table(*AB), table(*AB)),
        (table(*AB), table(*reversed(AB))),
        (table(*AB), table(*AB, (*TENURE, False))),
        (table(*AB), table(("age", "long"), ("income", "double", False))),
        (table(*AB, TENURE), table(*AB)),
        (table(("n", "integer"), ("x", "float")), table(("n", "double"), ("x", "double"))),
        (table(("t", "datetime")), table(("t", "string"))),
        (table(("a", "string"), named=False), table(("b", "string"), named=False)),
        (table(("o", Array(DataType.long))), table(("o", Array(DataType.double)))),
        (table(("o", Map(DataType.long))), table(("o", AnyType()))),
        (tensors((None, "float32", (-1, 4))), tensors((None, "float64", (-1, 4)))),
        (tensors((None, "int64", (-1, 4))), tensors((None, "float32", (-1, -1)))),
        (tensors(("a", "uint8", (-1,))), tensors(("a", "int16", (-1,)))),
        (tensors(("a", "str", (-1,)), ("b", "f8", (-1,))), tensors(("a", "object", (-1,)))),
        (table(*AB), tensors((None, "float64", (-1, 2)))),
        (TEXT, TEXT),
        (SHORT, CUT),
        (CUT, TEXT),
        # A text, or a column of texts: the requests themselves show it.
        (TEXT, table(("text", "string"))),
    ],
)
def test_what_takes_as_much_or_more_is_not_narrower(before: Signature, after: Signature) -> None:
    assert narrower(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (table(*AB), table(*AB, TENURE), "column 'tenure' (double) is required"),
        (table(*AB, (*TENURE, False)), table(*AB, TENURE), "column 'tenure' is required now"),
        (table(("n", "long")), table(("n", "integer")), "column 'n' is integer now, it was long"),
        (table(("n", "double")), table(("n", "long")), "column 'n' is long now, it was double"),
        (table(("n", "double")), table(("n", "float")), "column 'n' is float now, it was double"),
        (table(("n", "long")), table(("n", "string")), "column 'n' is string now"),
        (table(("n", "string")), table(("n", "datetime")), "column 'n' is datetime now"),
        (table(("n", "boolean")), table(("n", "long")), "column 'n' is long now, it was boolean"),
        (table(("n", "binary")), table(("n", "string")), "column 'n' is string now"),
        (table(("n", "long")), table(("n", AnyType())), "column 'n' is value of any type now"),
        (table(*AB), table(TENURE), "takes none of the champion's columns: age, income"),
        (table(*AB), table((*TENURE, False)), "takes none of the champion's columns"),
        (table(*AB), table(*AB, named=False), "its columns have no names"),
        (table(*AB, named=False), table(*AB), "its columns have names"),
        (table(*AB, named=False), table(*AB, TENURE, named=False), "takes 3 values, the champion"),
        (
            table(("o", Array(DataType.double))),
            table(("o", Array(DataType.long))),
            "column 'o' is list of long now, it was list of double",
        ),
        (table(("o", Array(DataType.long))), table(("o", "long")), "column 'o' is long now"),
        (
            table(("o", Object([Property("a", DataType.long)]))),
            table(("o", Object([Property("b", DataType.long)]))),
            "takes no field 'a' any more and requires the field 'b'",
        ),
        (
            table(("o", Object([Property("a", DataType.double, required=False)]))),
            table(("o", Object([Property("a", DataType.long)]))),
            "requires the field 'a' and has a field 'a' that is long now",
        ),
        (
            table(("o", Map(DataType.double))),
            table(("o", Map(DataType.long))),
            "column 'o' is map to long now",
        ),
        (
            tensors((None, "float64", (-1, 4))),
            tensors((None, "float32", (-1, 4))),
            "the input is float32 now, it was float64",
        ),
        (
            tensors((None, "float64", (-1, 4))),
            tensors((None, "float64", (-1, 5))),
            "the input has the shape [-1, 5] now, it was [-1, 4]",
        ),
        (
            tensors((None, "float64", (-1, -1))),
            tensors((None, "float64", (-1, 4))),
            "has the shape [-1, 4] now",
        ),
        (
            tensors((None, "float64", (-1, 4))),
            tensors((None, "float64", (8, 4))),
            "has the shape [8, 4] now",
        ),
        (tensors(("a", "f8", (-1,))), tensors(("a", "i8", (-1,))), "input 'a' is int64 now"),
        (tensors(("a", "i8", (-1,))), tensors(("a", "bool", (-1,))), "input 'a' is bool now"),
        (
            tensors(("a", "i8", (-1,))),
            tensors(("a", "i8", (-1,)), ("mask", "i8", (-1,))),
            "input 'mask' is required, the champion has none",
        ),
        (
            tensors((None, "f8", (-1, 4))),
            tensors(("x", "f8", (-1, 4))),
            "its inputs have names (x), the champion's has none",
        ),
        (
            tensors(("x", "f8", (-1, 4))),
            tensors((None, "f8", (-1, 4))),
            "its input has no name",
        ),
        (tensors((None, "f8", (-1, 2))), table(*AB), "it takes columns"),
        (table(*AB), tensors((None, "f8", (-1, 3))), "it takes tensors"),
        (table(*AB), tensors((None, "i8", (-1, 2))), "column 'income' was double: int64 now"),
        (
            table(("age", "long"), ("income", "double", False)),
            tensors((None, "f8", (-1, 2))),
            "column 'income' was double, and may be left out",
        ),
        (table(*AB), tensors((None, "f8", (3, 2))), "takes 3 rows at a time"),
        (TEXT, CUT, "more than 128 tokens is refused"),
        (CUT, SHORT, "more than 64 tokens is refused"),
    ],
)
def test_what_takes_less_is_told_with_its_name(
    before: Signature, after: Signature, said: str
) -> None:
    (found,) = narrower(before, after)
    assert said in found


def test_each_column_is_told() -> None:
    after = table(("age", "integer"), ("income", "float"), TENURE)
    found = narrower(table(*AB), after)
    assert [each.split()[1] for each in found] == ["'age'", "'income'", "'tenure'"]


def params(**given: Param) -> Signature:
    return Signature(table(*AB).form, (), given)


def test_parameters_that_are_gone_or_hold_less_are_told() -> None:
    many = params(k=Param(Scalar("double")), names=Param(Scalar("string"), True))
    assert narrower(many, many) == []
    assert narrower(params(), many) == []
    assert narrower(params(k=Param(Scalar("long"))), many) == []
    assert narrower(many, params(names=Param(Scalar("string")))) == [
        "parameter 'k' is not taken any more",
        "parameter 'names' is one value now",
    ]
    (said,) = narrower(params(k=Param(Scalar("double"))), params(k=Param(Scalar("long"))))
    assert said == "parameter 'k' is long now, it was double"


def test_what_clients_may_notice_is_a_note() -> None:
    label, score = Spec("label", "BYTES", (-1,)), Spec("score", "FP64", (-1,))
    before = Signature(table(*AB, TENURE).form, (label, score))
    after = Signature(
        table(*AB).form, (Spec("label", "INT64", (-1,)), Spec("margin", "FP64", (-1,)))
    )
    assert notes(before, before) == []
    assert notes(before, after) == [
        "columns that are not used any more: tenure",
        "clients that send lists, not records, must send other ones",
        "outputs that are gone: score",
        "new outputs: margin",
        "output 'label' is INT64 [-1], it was BYTES [-1]",
    ]
