"""Models of tensors: ONNX graphs, and functions of arrays of every type and rank."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.zoo.case import Ask, Case, function, quietly


def _onnx(
    inputs: dict[str, tuple[int, list[Any]]], nodes: Sequence[tuple[str, list[str], str]], out: int
) -> Callable[[Path], None]:
    """A graph with these inputs (ONNX type and shape), its last node is the output."""

    def save(folder: Path) -> None:
        import mlflow.onnx
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec
        from onnx import helper

        value = helper.make_tensor_value_info
        last = nodes[-1][2]
        graph = helper.make_graph(
            [helper.make_node(kind, taken, [given]) for kind, taken, given in nodes],
            "g",
            [value(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [value(last, out, None)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        specs = [
            TensorSpec(
                np.dtype(helper.tensor_dtype_to_np_dtype(kind)),
                [-1 if isinstance(size, str) else size for size in shape],
                name if len(inputs) > 1 else None,
            )
            for name, (kind, shape) in inputs.items()
        ]
        quietly(
            mlflow.onnx.save_model,
            folder,
            onnx_model=model,
            signature=ModelSignature(Schema(specs)),
            pip_requirements=[],
        )

    return save


def _arrays(name: str, predict: Callable[[Any], Any], specs: Sequence[Any], *asks: Ask) -> Case:
    from mlflow.types import Schema, TensorSpec

    schema = Schema([TensorSpec(np.dtype(dtype), shape, label) for dtype, shape, label in specs])
    return function(name, predict, inputs=schema, asks=asks)


_IMAGE = [[n, n + 1, 250, 0] for n in range(4)]
_LARGE = 2**53 + 1
FLOAT, INT64, UINT8, DOUBLE = 1, 7, 2, 11

TENSORS = (
    Case(
        "onnx-float32",
        _onnx({"x": (FLOAT, ["n", 3])}, [("Softmax", ["x"], "y")], FLOAT),
        (Ask([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), Ask([[1, 2, 3]]), Ask([[1.0, 2.0]])),
    ),
    Case(
        "onnx-float64",
        _onnx({"x": (DOUBLE, ["n", 3])}, [("Neg", ["x"], "y")], DOUBLE),
        (Ask([[1.0, 2.0, 3.0]]), Ask([[0.1, 0.2, 0.3], [1, 2, 3]])),
    ),
    Case(
        "onnx-int64",
        _onnx({"x": (INT64, ["n", 2])}, [("Add", ["x", "x"], "y")], INT64),
        (Ask([[1, _LARGE], [3, 4]]),),
    ),
    Case(
        "onnx-two-inputs",
        _onnx({"a": (FLOAT, ["n", 2]), "b": (FLOAT, ["n", 2])}, [("Mul", ["a", "b"], "y")], FLOAT),
        (
            Ask(
                [{"a": [1.0, 2.0], "b": [3.0, 4.0]}, {"a": [0.5, 1], "b": [2, 2]}], form="instances"
            ),
            Ask([{"a": [1.0, 2.0]}], form="instances"),
        ),
    ),
    Case(
        "onnx-image",
        _onnx({"x": (FLOAT, ["n", 1, 4, 4])}, [("GlobalAveragePool", ["x"], "y")], FLOAT),
        (Ask([[[[1.0, 2.0, 3.0, 4.0]] * 4]]),),
    ),
    Case(
        "onnx-lengths-that-vary",
        _onnx({"x": (FLOAT, ["n", "t"])}, [("Relu", ["x"], "y")], FLOAT),
        (Ask([[1.0, -2.0]]), Ask([[1.0, -2.0, 3.0], [0.0, 0.0, -1.0]])),
    ),
    _arrays(
        "array-uint8",
        lambda x: x.sum(axis=(1, 2)),
        [("uint8", (-1, 4, 4), None)],
        Ask([_IMAGE, _IMAGE]),
        Ask([[[300] * 4] * 4]),
        Ask([[[1] * 4] * 3]),
    ),
    _arrays("array-of-scalars", lambda x: x * 2, [("float64", (-1,), None)], Ask([1.0, 2.5])),
    _arrays("array-of-booleans", lambda x: ~x, [("bool", (-1, 2), None)], Ask([[True, False]])),
    _arrays(
        "array-float16", lambda x: x.astype(float), [("float16", (-1, 2), None)], Ask([[0.5, 2]])
    ),
    _arrays(
        "array-int8",
        lambda x: x.astype(int) * 2,
        [("int8", (-1, 2), None)],
        Ask([[-128, 127]]),
        Ask([[128, 0]]),
    ),
    _arrays(
        "array-uint64", lambda x: x, [("uint64", (-1, 1), None)], Ask([[2**64 - 1]]), Ask([[0]])
    ),
    _arrays(
        "array-of-texts",
        lambda x: [str(row[0]).upper() for row in x],
        [("object", (-1, 1), None)],
        Ask([["a"], ["b"]]),
    ),
    _arrays(
        "arrays-by-name",
        lambda x: x["ids"].sum(axis=1) + x["scale"],
        [("int64", (-1, 2), "ids"), ("float32", (-1,), "scale")],
        Ask([{"ids": [1, 2], "scale": 0.5}, {"ids": [3, 4], "scale": 1}], form="instances"),
    ),
    _arrays(
        "array-of-three-rows",
        lambda x: x - x.mean(axis=0),
        [("float64", (3, 2), None)],
        Ask([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        Ask([[1.0, 2.0]]),
    ),
)
