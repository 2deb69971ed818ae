"""Every form of the encoder that a model card lists gives answers that depend on nobody else's."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from components import dataset
from components.bundle import write_metadata
from components.load.mix import long_message
from components.predictor.runtimes.text_classifier import TextBundle
from examples import minilm
from examples.encode import open_tokenizer
from examples.quantize import FORMS, quantize
from tests.support.predictors import Predictor

Start = Callable[..., Predictor]

TEXTS = 100
CLASSES = 77
TOKENS = 128
DATA = Path(__file__).parents[3] / "data" / "banking77" / "test.csv"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Sentences of a test set, one in twenty as long as the graph takes."""
    draw = random.Random(3)  # noqa: S311 nothing secret
    data = dataset.parse(DATA.read_bytes(), "category", DATA.name)
    found = draw.sample(data.texts(), TEXTS)
    return [long_message(found, draw) if n % 20 == 0 else text for n, text in enumerate(found)]


@pytest.fixture(scope="module")
def encoder() -> Any:
    return minilm.fused(minilm.load_weights(minilm.weights_folder()))


def write_bundle(folder: Path, encoder: Any, form: str) -> Path:
    """A classifier in that form, its head steep enough that a flipped class would show."""
    folder.mkdir()
    draw = np.random.default_rng(5)
    weight = draw.normal(scale=8, size=(minilm.WIDTH, CLASSES)).astype(np.float32)
    bias = np.zeros(CLASSES, dtype=np.float32)
    labels = tuple(f"class-{n}" for n in range(CLASSES))
    bundle = TextBundle(runtime="text-classifier", labels=labels, max_tokens=TOKENS)
    write_metadata(folder, bundle)
    graph = minilm.with_head(quantize(encoder, form), weight, bias)
    (folder / bundle.graph).write_bytes(graph.SerializeToString())
    text = (minilm.weights_folder() / "tokenizer.json").read_text()
    tokenizer = open_tokenizer(text, TOKENS)
    tokenizer.no_truncation()
    (folder / bundle.tokenizer).write_text(tokenizer.to_str())
    return folder


def ask(client: httpx.Client, texts: list[str]) -> Any:
    """Probabilities [texts, classes]."""
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    body = {"inputs": [tensor], "outputs": [{"name": "probabilities"}]}
    answer = client.post("/v2/models/m/infer", content=json.dumps(body), headers=JSON)
    assert answer.is_success, answer.text
    return np.array(answer.json()["outputs"][0]["data"]).reshape(len(texts), CLASSES)


JSON = {"content-type": "application/json"}


SAMPLE = ("nbits8",)


@pytest.mark.parametrize(
    "form",
    [form if form in SAMPLE else pytest.param(form, marks=pytest.mark.long) for form in FORMS],
)
def test_a_text_gets_one_answer_alone_in_a_crowd_and_among_many_rows(
    form: str, start_predictor: Start, tmp_path: Path, texts: list[str], encoder: Any
) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "bundle", encoder, form), "--deadline=60")
    with predictor.client() as client:
        alone = np.concatenate([ask(client, [text]) for text in texts])
        rows = np.concatenate([ask(client, texts[n : n + 25]) for n in range(0, TEXTS, 25)])
    with predictor.client() as client, ThreadPoolExecutor(32) as pool:
        crowd = np.concatenate(list(pool.map(lambda text: ask(client, [text]), texts)))
    for other in (crowd, rows):
        assert (other.argmax(axis=1) == alone.argmax(axis=1)).all()
        np.testing.assert_allclose(other, alone, atol=1e-5)
