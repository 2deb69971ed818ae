"""Tiny text-classifier bundles, built in milliseconds."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS = ("red", "green", "blue")
WORDS = tuple(f"w{number}" for number in range(200))
WIDTH = 8


def _tokenizer() -> dict[str, object]:
    vocabulary = {"[UNK]": 0, **{word: number + 1 for number, word in enumerate(WORDS)}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }


def _graph(quantised: bool, work: int) -> onnx.ModelProto:
    """Mean of word vectors, head, softmax.

    ``quantised`` rounds the vectors by one scale for the whole batch, as a dynamically quantised
    graph does, so an answer depends on the batch. ``work`` products of large matrices make it slow.
    """
    random = np.random.default_rng(7)
    words = random.normal(size=(len(WORDS) + 1, WIDTH)).astype(np.float32)
    words *= np.geomspace(0.05, 20, len(words))[:, None].astype(np.float32)
    constants = {
        "words": words,
        "head": random.normal(size=(WIDTH, len(LABELS))).astype(np.float32),
        "last": np.array([-1], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "floor": np.array(1e-9, dtype=np.float32),
        "nothing": np.array(0, dtype=np.float32),
        "square": np.array([768, 768], dtype=np.int64),
    }
    node = helper.make_node
    slow = [
        node("Cast", ["input_ids"], ["floats"], to=TensorProto.FLOAT),
        node("ReduceMax", ["floats"], ["largest"], keepdims=0),
        node("Mul", ["largest", "nothing"], ["zero_"]),
        node("Expand", ["zero_", "square"], ["matrix0"]),
        *(node("MatMul", [f"matrix{n}", f"matrix{n}"], [f"matrix{n + 1}"]) for n in range(work)),
        node("ReduceSum", [f"matrix{work}"], ["delay"], keepdims=0),
        node("Add", ["scores", "delay"], ["logits"]),
    ]
    vectors = [node("Gather", ["words", "input_ids"], ["vectors"])]
    if quantised:
        vectors += [
            node("DynamicQuantizeLinear", ["vectors"], ["q", "scale", "zero"]),
            node("DequantizeLinear", ["q", "scale", "zero"], ["rounded"]),
        ]
    nodes = [
        *vectors,
        node("Cast", ["attention_mask"], ["weights"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["weights", "last"], ["column"]),
        node("Mul", ["rounded" if quantised else "vectors", "column"], ["masked"]),
        node("ReduceSum", ["masked", "one"], ["sum"], keepdims=0),
        node("ReduceSum", ["weights", "one"], ["count"], keepdims=1),
        node("Max", ["count", "floor"], ["divisor"]),
        node("Div", ["sum", "divisor"], ["mean"]),
        node("MatMul", ["mean", "head"], ["scores"]),
        *slow,
        node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [value(n, TensorProto.INT64, ["b", "t"]) for n in ("input_ids", "attention_mask")],
        [value("probabilities", TensorProto.FLOAT, ["b", len(LABELS)])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def write_bundle(
    folder: Path,
    *,
    quantised: bool = False,
    max_tokens: int = 32,
    pad_to: int | None = None,
    overlong: str = "truncate",
    work: int = 0,
) -> Path:
    """A text classifier over the words w0 to w199 with three labels."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(quantised, work), folder / "model.onnx")
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer()), encoding="utf-8")
    content = {
        "schema": 1,
        "runtime": "text-classifier",
        "graph": "model.onnx",
        "tokenizer": "tokenizer.json",
        "labels": LABELS,
        "max_tokens": max_tokens,
        "pad_to": pad_to,
        "overlong": overlong,
    }
    (folder / "bundle.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
