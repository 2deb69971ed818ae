"""The forms in which the encoder can be served, and the choice of one by measurement."""

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from examples.encode import Encoder
from examples.head import Head, predict

FORMS = ("fp32", "int8", "int8-7bit", "uint8", "nbits8")
"""fp32; dynamic int8, signed per channel; the same with 7-bit weights, which cannot saturate on a
processor without VNNI; dynamic uint8 per tensor; 8-bit weights by ``MatMulNBits``, blocks of 32."""

ACCURACY_MARGIN = 0.005
"""A form may lose this much accuracy against fp32 (half a point)."""

SPEED_MARGIN = 0.05
"""A form must be this much faster to be chosen over one that stands before it in the table."""

_INTEGER_OPERATORS = ["MatMul", "Attention", "EmbedLayerNormalization"]
_FLOAT = 1
_CHUNK_ROWS = 40


class Measurement(BaseModel):
    """One row of the table in the model card."""

    model_config = ConfigDict(frozen=True)

    form: str
    accuracy: float
    rows_per_cpu_second: float
    """Rows alone, one thread."""
    megabytes: float


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantizer tells of every node through the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def quantize(encoder: Any, form: str) -> Any:
    """The fused ``encoder`` (an ``onnx.ModelProto``) in one of `FORMS`; fp32 is returned as it is.

    Embeddings, attention and dense layers become 8-bit; normalisations and pooling stay float.
    The same encoder gives the same bytes.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if form == "fp32":
        return encoder
    with _quiet():
        if form == "nbits8":
            from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

            copy = onnx.ModelProto()
            copy.CopyFrom(encoder)
            quantizer = MatMulNBitsQuantizer(
                copy, bits=8, block_size=32, is_symmetric=False, accuracy_level=4
            )
            quantizer.process()
            return quantizer.model.model
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            quantize_dynamic(
                encoder,
                path,
                op_types_to_quantize=_INTEGER_OPERATORS,
                per_channel=form != "uint8",
                reduce_range=form == "int8-7bit",
                weight_type=QuantType.QUInt8 if form == "uint8" else QuantType.QInt8,
                # Shape inference does not know the fused operators' outputs: they are float.
                extra_options={"DefaultTensorType": _FLOAT},
            )
            return onnx.load(path)


def measure(
    forms: Mapping[str, Any],
    tokens: Sequence[Sequence[int]],
    targets: Sequence[str],
    head: Head,
    threads: int,
) -> list[Measurement]:
    """Accuracy and speed of each form on held-out rows, each row alone, as it will be served.

    Speed is counted in processor time, and the forms take turns, so that neighbours on the machine
    do not choose the form.

    Args:
        forms: encoders by the name of their form.
        tokens: token ids of each row.
        targets: label of each row.
        head: the head on top of the embeddings.
        threads: runs side by side.
    """
    import numpy as np

    graphs = {form: model.SerializeToString() for form, model in forms.items()}
    encoders = {form: Encoder(graph) for form, graph in graphs.items()}
    for encoder in encoders.values():
        encoder.run([tokens[0]])

    def turn(start: int) -> dict[str, tuple[int, float]]:
        """Right answers and processor seconds of each form on one chunk of rows."""
        chunk = slice(start, start + _CHUNK_ROWS)
        result = {}
        for form, encoder in encoders.items():
            began = time.thread_time()
            embeddings = np.concatenate([encoder.run([row]) for row in tokens[chunk]])
            spent = time.thread_time() - began
            right = sum(
                a == b for a, b in zip(predict(head, embeddings), targets[chunk], strict=True)
            )
            result[form] = (right, spent)
        return result

    with ThreadPoolExecutor(threads) as pool:
        turns = list(pool.map(turn, range(0, len(tokens), _CHUNK_ROWS)))
    return [
        Measurement(
            form=form,
            accuracy=sum(chunk[form][0] for chunk in turns) / len(tokens),
            rows_per_cpu_second=len(tokens) / sum(chunk[form][1] for chunk in turns),
            megabytes=len(graph) / 1e6,
        )
        for form, graph in graphs.items()
    ]


def choose(table: Sequence[Measurement]) -> str:
    """The fastest form within `ACCURACY_MARGIN` of fp32; the earlier one on a near tie.

    Raises:
        ValueError: the table has no fp32 row.
    """
    exact = next((row for row in table if row.form == "fp32"), None)
    if exact is None:
        raise ValueError("the table has no fp32 row to compare with")
    best = exact
    for row in table:
        faster = row.rows_per_cpu_second > best.rows_per_cpu_second * (1 + SPEED_MARGIN)
        if faster and row.accuracy >= exact.accuracy - ACCURACY_MARGIN:
            best = row
    return best.form
