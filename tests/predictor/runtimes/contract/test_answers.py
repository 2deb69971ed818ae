"""Answers are made plain, and become tensors of their declared type: `plain` and `outputs`."""

import datetime
import decimal
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.types import ColSpec, Schema, TensorSpec

from components.errors import InputError
from components.predictor.model import ModelFailure
from components.predictor.runtimes.contract.outputs import Outputs
from components.predictor.runtimes.contract.plain import Unplain, joined, plain, split

DAY = "2024-05-01T00:00:00"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (np.array([1.5, 2.5]), [1.5, 2.5]),
        (np.array([[1, 2]], dtype=np.int8), [[1, 2]]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([{"a": np.int8(1)}], dtype=object), [{"a": 1}]),
        (np.array([(1, 0.5)], dtype="i4,f8"), [[1, 0.5]]),
        (np.array([b"hi"]), ["aGk="]),
        (np.array([DAY, "NaT"], dtype="M8[s]"), [DAY, None]),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        ({"p": np.array([0.5], dtype=np.longdouble)}, {"p": [0.5]}),
        (np.bool_(True), True),
        (np.datetime64(DAY), DAY),
        ([np.str_("a"), np.int64(2**53 + 1)], ["a", 2**53 + 1]),
        ([np.array([1, 2])], [[1, 2]]),
        (((1, "a"),), [[1, "a"]]),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        ({True: "c", np.int64(4): np.int8(4)}, {"true": "c", "4": 4}),
        (pd.DataFrame({"a": [1], "b": ["x"]}), [{"a": 1, "b": "x"}]),
        (pd.DataFrame([[0.1, 0.9]]), [{"0": 0.1, "1": 0.9}]),
        (pd.DataFrame({"v": [np.array([1, 2])]}), [{"v": [1, 2]}]),
        (pd.DataFrame({"t": [pd.Timestamp(DAY), pd.NaT]}), [{"t": DAY}, {"t": None}]),
        (pd.Series([1, 2], name="n"), [{"n": 1}, {"n": 2}]),
        (pd.Series([1, None], dtype="Int64"), [{"0": 1}, {"0": None}]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        ({"label": np.array(["yes"])}, {"label": ["yes"]}),
        ([datetime.date(2024, 5, 1), datetime.time(1, 2)], ["2024-05-01", "01:02:00"]),
        ([decimal.Decimal("1.5")], [1.5]),
        ([b"hi"], ["aGk="]),
        ("text", "text"),
    ],
)
def test_an_answer_is_made_plain(answer: Any, expected: Any) -> None:
    made = plain(answer)
    assert made == expected
    assert repr(made) == repr(expected), "NumPy's scalars show their class"


@pytest.mark.parametrize(
    "answer",
    [
        {1, 2},
        (number for number in (1, 2)),
        1j,
        np.array([1j]),
        np.timedelta64(1, "s"),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        {(1, 2): 3},
        {1: "a", "1": "b"},
        2**64,
        object(),
    ],
)
def test_what_has_no_json_form_is_refused(answer: Any) -> None:
    with pytest.raises(Unplain, match="no JSON form"):
        plain([answer] if not isinstance(answer, dict) else answer)


@pytest.mark.parametrize(
    ("answer", "rows"),
    [("ab", 2), (5, 1), ([1], 2), ({"a": [1]}, 2), ({"a": "xy"}, 2), ({"a": 1}, 1), ({}, 0)],
)
def test_an_answer_without_a_part_for_each_row_is_not_split(answer: Any, rows: int) -> None:
    with pytest.raises(ValueError, match=r"to \d rows"):
        split(answer, rows)


@pytest.mark.parametrize(
    "answer", [[1, 2], [{"a": 1}, {"a": 2}], {"a": [1, 2], "b": [[1], [2]]}, [[1, 2], [3]]]
)
def test_what_was_split_is_joined_as_it_was(answer: Any) -> None:
    assert joined(split(answer, 2)) == answer


def tensor(schema: Any, samples: list[Any], answer: Any, name: str = "predict") -> Any:
    (made,) = Outputs(schema, samples).tensors(answer, [name])
    return made.datatype, made.shape, made.data


DOUBLE = Schema([ColSpec("double")])
LONG = Schema([ColSpec("long")])
FLOAT = Schema([ColSpec("float")])
HALF = Schema([TensorSpec(np.dtype("f2"), (-1,))])
NAN = math.nan


@pytest.mark.parametrize(
    ("schema", "samples", "answer", "expected"),
    [
        (DOUBLE, [[1]], [1, 0.5], ("FP64", [2], [1.0, 0.5])),
        (None, [[1]], [1, 0.5], ("FP64", [2], [1, 0.5])),
        (None, [[0.5]], [1], ("FP64", [1], [1.0])),
        (None, [[1], [0.5]], [3], ("FP64", [1], [3.0])),
        (LONG, [[1]], [2.0], ("INT64", [1], [2])),
        (None, [[1]], [2**64 - 1], ("UINT64", [1], [2**64 - 1])),
        (None, [[True]], [False], ("BOOL", [1], [False])),
        (None, [["a"]], ["b"], ("BYTES", [1], ["b"])),
        (None, [[[1, 2]]], [[3, 4], [5, 6]], ("INT64", [2, 2], [3, 4, 5, 6])),
        (None, [[["k"]]], [["k", "k", "k"]], ("BYTES", [1, 3], ["k"] * 3)),
        (None, [[["k"]]], [[]], ("BYTES", [1, 0], [])),
        (None, [[["k"], []]], [["k"], []], ("BYTES", [2], ['["k"]', "[]"])),
        (None, [[["a", 0.5]]], [["a", 0.5]], ("BYTES", [1], ['["a", 0.5]'])),
        (None, [[1, "a"]], ["b"], ("BYTES", [1], ['"b"'])),
        (None, ["all"], "all", ("BYTES", [1], ["all"])),
        (Schema([TensorSpec(np.dtype("f4"), (-1,))]), [[1.0]], [2], ("FP32", [1], [2.0])),
        (None, [], [0.5], ("FP64", [1], [0.5])),
        (None, [[None]], [2**53 + 1], ("INT64", [1], [2**53 + 1])),
        (None, [[0.5]], [2**53 + 1, 1], ("INT64", [2], [2**53 + 1, 1])),
        (None, [[0.5]], [2**54, None], ("FP64", [2], [2.0**54, NAN])),
        (FLOAT, [[0.5]], [3.4028234e38, -math.inf], ("FP32", [2], [3.4028234e38, -math.inf])),
    ],
)
def test_a_tensor_has_as_many_values_as_its_shape_and_its_declared_type(
    schema: Any, samples: list[Any], answer: Any, expected: Any
) -> None:
    made = tensor(schema, samples, answer)
    assert made == expected or repr(made) == repr(expected), "NaN is no number's equal"
    assert len(made[2]) == np.prod(made[1])
    assert [type(v) for v in made[2]] == [type(v) for v in expected[2]] or made[0] == "FP64"


def test_each_key_of_an_answer_is_an_output() -> None:
    outputs = Outputs(None, [{"label": ["yes"], "p": [[0.1, 0.9]]}])
    assert [(spec.name, spec.shape) for spec in outputs.specs] == [("label", (-1,)), ("p", (-1, 2))]
    tensors = outputs.tensors({"label": ["a", "b"], "p": [[0, 1], [1, 0.5]]}, ["p", "label"])
    assert [(t.name, t.datatype, t.shape) for t in tensors] == [
        ("p", "FP64", [2, 2]),
        ("label", "BYTES", [2]),
    ]


def test_what_is_no_tensor_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"different lengths.*one by one, or over V1"):
        tensor(None, [[["k"]]], [["k", "k"], [], ["k"]])
    with pytest.raises(InputError, match=r"mixes numbers, texts or nulls.*V1"):
        tensor(None, [[1]], [1, "a"])
    with pytest.raises(InputError, match="send these rows over V1"):
        tensor(None, [[None]], [2**53 + 1, None])


def test_what_is_not_of_the_declared_type_is_the_model_s_failure() -> None:
    with pytest.raises(ModelFailure, match=r"INT64 by the model's signature.*0\.5"):
        tensor(LONG, [[1]], [0.5])
    for schema, answer in ((FLOAT, 1e39), (FLOAT, -(10**39)), (HALF, 65_520)):
        with pytest.raises(ModelFailure, match=r"FP(16|32) by the model's signature"):
            tensor(schema, [], [answer])
    with pytest.raises(ModelFailure, match="no 'predict', but a"):
        tensor(LONG, [[1]], [{"a": 1}])


@pytest.mark.parametrize(
    ("samples", "answer", "names"),
    [
        ([], [{"label": "a", "p": 0.5}], ["label", "p"]),
        ([[{}]], [{"label": "a"}], ["label"]),
        ([[1]], {"label": ["a"]}, ["label"]),
        ([[{"label": "a", "why": "b"}]], [{"label": "a"}], ["label"]),
        ([[{"label": "a"}]], [{"why": "b", "label": "a"}], ["label", "why"]),
        ([["all"]], [], ["predict"]),
    ],
)
def test_what_is_answered_is_sent_though_the_samples_did_not_show_it(
    samples: list[Any], answer: Any, names: list[str]
) -> None:
    outputs = Outputs(None, samples)
    usual = [spec.name for spec in outputs.specs]
    assert [made.name for made in outputs.tensors(answer, usual)] == names
