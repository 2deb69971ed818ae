"""What a client says of a tensor must be true of what it sent; all else is its fault, in words."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.predictor.http.infer import decode
from components.predictor.http.tensors import DATATYPES, from_values, to_bytes, to_values
from components.predictor.model import ModelFailure, Tensor

pytestmark = pytest.mark.slow


def body(datatype: str, shape: Any, data: Any = None, size: Any = None, **more: Any) -> bytes:
    tensor: dict[str, Any] = {"name": "x", "datatype": datatype, "shape": shape, **more}
    if data is not None:
        tensor["data"] = data
    if size is not None:
        tensor["parameters"] = {"binary_data_size": size}
    return json.dumps({"inputs": [tensor]}).encode()


def text(*elements: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "little") + each for each in elements)


def binary(datatype: str, shape: Any, tail: bytes, size: Any = None) -> tuple[bytes, int]:
    head = body(datatype, shape, size=len(tail) if size is None else size)
    return head + tail, len(head)


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "expected"),
    [
        ("FP64", [2], [1, 2.5], [1, 2.5]),
        ("FP64", [2, 2], [[1, 2], [3, 4]], [1, 2, 3, 4]),
        ("FP64", [2, 2], [1, 2, 3, 4], [1, 2, 3, 4]),
        ("INT64", [2], [9007199254740993, 3.0], [9007199254740993, 3]),
        ("uint8", [2], [0, 255], [0, 255]),
        ("BOOL", [1], [True], [True]),
        ("BYTES", [1.0], ["Ünï"], ["Ünï"]),
        ("FP64", [1], [None], [None]),
        ("FP32", [0, 3], [], []),
        ("INT32", [1, 1, 1], [[[7]]], [7]),
    ],
)
def test_right_json_values_arrive_flat(
    datatype: str, shape: list[Any], data: list[Any], expected: list[Any]
) -> None:
    (tensor,) = decode(body(datatype, shape, data)).inputs
    assert (tensor.datatype, tensor.data) == (datatype.upper(), expected)


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "said"),
    [
        ("FOO", [1], [1], "no datatype 'FOO': choose BOOL, INT8"),
        ("", [1], [1], "no datatype ''"),
        ("BF16", [1], [1], "no datatype 'BF16'"),
        ("FP16", [1], [1], "no FP16 in JSON"),
        ("INT64", [1], [1.5], "value 0 is no INT64: 1.5"),
        ("INT64", [1], ["1"], "value 0 is no INT64: '1'"),
        ("INT8", [2], [1, 128], "value 1 is no INT8: 128"),
        ("UINT64", [1], [-1], "value 0 is no UINT64: -1"),
        ("UINT64", [1], [2**64], "value 0 is no UINT64"),
        ("FP32", [1], [1e39], "value 0 is no FP32"),
        ("FP64", [1], [10**400], "value 0 is no FP64: a number of 1329 bits"),
        ("FP64", [1], [True], "value 0 is no FP64: True"),
        ("FP64", [1], ["1.5"], "send text as BYTES"),
        ("BOOL", [1], [1], "value 0 is no BOOL: 1"),
        ("BYTES", [1], [5], "value 0 is no string: 5"),
        ("FP64", [-1], [1], "a whole number from 0"),
        ("FP64", [1.5], [1], "a whole number from 0"),
        ("FP64", ["1"], [1], "a whole number from 0"),
        ("FP64", [True], [1], "a whole number from 0"),
        ("FP64", [2**64], [1], "a whole number from 0"),
        ("FP64", [2**24, 2**23], [1], "and 1 values"),
        ("FP64", [1] * 33, [1], "33 dimensions"),
        ("FP64", [2], [1], "send shape [1]"),
        ("FP64", [2, 2], [[1, 2], [3]], "not nested as its shape"),
        ("FP64", [2, 2], [[1, 2], 3], "not nested as its shape"),
        ("FP64", [1], [[1]], "value 0 is no FP64"),
        ("FP64", [1], {}, "no list of values"),
        ("FP64", [2**62, 0], [], "no request is that large"),
        ("BYTES", [0, 2**31, 2**31], [], "no request is that large"),
        ("FP64", None, [1], "'shape' is required"),
        ("FP64", [1], None, "'data' is required"),
    ],
)
def test_a_tensor_that_is_not_what_it_is_said_to_be_is_refused(
    datatype: str, shape: Any, data: Any, said: str
) -> None:
    with pytest.raises(InputError, match="x") as caught:
        decode(body(datatype, shape, data))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not in JSON format"),
        (b"{", "not in JSON format"),
        (b"\xff", "not UTF-8"),
        (b'{"inputs":[NaN]}', "NaN is no JSON number"),
        (b'{"inputs":["\\ud800"]}', "lone surrogate"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "no V2 request"),
        (b"{}", "'inputs' is required"),
        (b'{"inputs": null}', "'inputs' is required"),
        (b'{"inputs": 3}', "no list of objects"),
        (b'{"inputs": [3]}', "no list of objects"),
        (b'{"inputs": []}', "at least one input"),
        (b'{"inputs": [{}]}', "inputs.0.name"),
        (b'{"inputs": [{"name": "x"}]}', "'datatype' is required"),
        (b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": 1}]}', "'shape' is required"),
    ],
)
def test_a_body_that_is_no_v2_request_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(content)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"id": 5}, "'id' is no text"),
        ({"model_name": 5}, "'model_name' is no text"),
        ({"parameters": 5}, "'parameters' is no object"),
        ({"parameters": {"binary_data_output": "yes"}}, "binary_data_output is 'yes'"),
        ({"outputs": "y"}, "no list of objects"),
        ({"outputs": [{}]}, "each has a name"),
        ({"outputs": [{"name": "y", "parameters": {"binary_data": 1}}]}, "binary_data is 1"),
    ],
)
def test_a_wrong_wish_is_refused(more: dict[str, Any], said: str) -> None:
    content = {**json.loads(body("FP64", [1], [1])), **more}
    with pytest.raises(InputError) as caught:
        decode(json.dumps(content).encode())
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("datatype", "shape", "tail", "size", "said"),
    [
        ("BYTES", [1], text(b"card"), 7, "goes beyond the tensor's 7 bytes"),
        ("BYTES", [1], text(b"card"), 80, "8 bytes are left behind the JSON"),
        ("BYTES", [1], text(b"card"), 3, "where a length begins"),
        ("BYTES", [1], text(b"card") + b"more", 8, "the sizes must add up"),
        ("BYTES", [2], text(b"card"), 8, "1 elements, but its shape has 2"),
        ("BYTES", [1], b"\xff\xff\xff\xff", 4, "goes beyond"),
        ("BYTES", [-1], text(b"card"), 8, "a whole number from 0"),
        ("FP64", [1], b"1234567", 7, "7 bytes, but FP64 of shape [1] has 8"),
        ("FP64", [2**40], b"12345678", 8, "8 bytes, but FP64"),
        ("BOOL", [1], b"\x02", 1, "a byte of BOOL is 0 or 1"),
        ("FOO", [1], b"1", 1, "no datatype 'FOO'"),
        ("FP64", [1], b"12345678", -8, "binary_data_size is -8"),
        ("FP64", [1], b"12345678", 8.0, "binary_data_size is 8.0"),
        ("FP64", [1], b"12345678", True, "binary_data_size is True"),
        ("FP64", [1], b"12345678", "8", "binary_data_size is '8'"),
        ("FP64", [1], b"12345678", 0, "0 bytes, but FP64"),
    ],
)
def test_binary_sizes_must_add_up(
    datatype: str, shape: Any, tail: bytes, size: Any, said: str
) -> None:
    content, length = binary(datatype, shape, tail, size)
    with pytest.raises(InputError) as caught:
        decode(content, length)
    assert said in str(caught.value)


def test_an_input_has_values_in_json_or_in_binary_and_not_both() -> None:
    head = body("FP64", [1], [1], size=8)
    with pytest.raises(InputError, match="both 'data' and 'binary_data_size'"):
        decode(head + b"12345678", len(head))


def test_bytes_behind_a_request_without_binary_inputs_are_refused() -> None:
    head = body("FP64", [1], [1])
    with pytest.raises(InputError, match="1 bytes are left"):
        decode(head + b" ", len(head))


@pytest.mark.parametrize("name", [name for name in DATATYPES if name != "BYTES"])
def test_what_is_written_in_binary_is_read_again(name: str) -> None:
    tail = to_bytes(Tensor("x", name, [2, 1], [0, 1]))
    (tensor,) = decode(*binary(name, [2, 1], tail)).inputs
    assert tensor.data.tolist() == [[0], [1]]
    assert to_values(tensor) == [0, 1]


def test_text_and_bytes_are_written_in_binary_and_read_as_bytes() -> None:
    tail = to_bytes(Tensor("x", "BYTES", [3], ["Ünï", b"\xff", ""]))
    (tensor,) = decode(*binary("BYTES", [3], tail)).inputs
    assert tensor.data == ["Ünï".encode(), b"\xff", b""]


@pytest.mark.parametrize(
    ("datatype", "data"), [("INT64", [1, 0.5]), ("UINT8", [300]), ("FP64", ["a"]), ("INT8", [-129])]
)
def test_a_model_s_value_that_its_datatype_does_not_hold_is_never_written_as_another(
    datatype: str, data: list[Any]
) -> None:
    with pytest.raises(ModelFailure, match="output 'y' holds"):
        to_bytes(Tensor("y", datatype, [len(data)], data))


@pytest.mark.parametrize(
    ("parameters", "outputs", "expected"),
    [
        ({}, [], ([], False)),
        ({"binary_data_output": True}, [], ([], True)),
        ({"binary_data_output": True}, [{"name": "y"}], ([True], True)),
        ({}, [{"name": "y", "parameters": {"binary_data": True}}, {"name": "z"}], ([True, False],)),
        (
            {"binary_data_output": True},
            [{"name": "y", "parameters": {"binary_data": False}}, {"name": "z"}],
            ([False, True],),
        ),
    ],
)
def test_the_request_says_for_every_output_what_an_output_may_say_for_itself(
    parameters: dict[str, Any], outputs: list[dict[str, Any]], expected: tuple[Any, ...]
) -> None:
    content = {
        **json.loads(body("FP64", [1], [1])),
        "parameters": parameters,
        "outputs": outputs,
    }
    found = decode(json.dumps(content).encode())
    assert ([output.binary for output in found.outputs], found.binary)[: len(expected)] == expected


@pytest.mark.parametrize(("value", "written"), [(-(2**63) - 1, -(2.0**63)), (None, math.nan)])
def test_a_whole_number_beyond_64_bits_and_what_is_missing_are_floats(
    value: int | None, written: float
) -> None:
    packed = np.frombuffer(to_bytes(Tensor("y", "FP64", [1], [value])), dtype="<f8")
    assert np.array_equal(packed, [written], equal_nan=True)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.sampled_from(DATATYPES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "data", "shape", "parameters", "binary_data_size"]), inner
        )
    ),
    max_leaves=6,
)
one_tensor = st.fixed_dictionaries(
    {
        "name": st.just("x") | anything,
        "datatype": st.sampled_from(DATATYPES) | anything,
        "shape": st.lists(st.integers(-1, 3) | anything, max_size=3) | anything,
    },
    optional={
        "data": st.lists(anything, max_size=4) | anything,
        "parameters": st.fixed_dictionaries(
            {}, optional={"binary_data_size": st.integers(-2, 20) | anything}
        )
        | anything,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(one_tensor, max_size=3) | anything},
    optional={"outputs": anything, "parameters": anything, "id": anything},
)


@settings(max_examples=300, deadline=2000)
@given(content=requests, tail=st.binary(max_size=24), cut=st.integers(-3, 3))
def test_whatever_is_sent_is_a_request_or_the_client_s_fault(
    content: Any, tail: bytes, cut: int
) -> None:
    head = json.dumps(content).encode()
    try:
        found = decode(head + tail, len(head) + (cut if cut > 1 else 0))
    except InputError as error:
        said = str(error)
    else:
        said = ""
        for tensor in found.inputs:
            assert math.prod(tensor.shape) == len(to_values(tensor))
    assert "\n" not in said
    assert len(said) < 1000


@settings(max_examples=300, deadline=2000)
@given(
    datatype=st.sampled_from(DATATYPES),
    data=st.lists(
        st.integers() | st.floats(allow_nan=False) | st.booleans() | st.text(), max_size=3
    ),
)
def test_values_that_were_taken_fit_their_datatype(datatype: str, data: list[Any]) -> None:
    try:
        tensor = from_values("x", datatype, [len(data)], data)
    except InputError:
        return
    if datatype != "BYTES":
        to_bytes(tensor)
