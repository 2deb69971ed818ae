"""The text classifier's bundle and rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.bundle import write_metadata
from components.errors import ArtifactError, InputError
from components.predictor import ModelFailure, open_model
from components.predictor.runtimes.text_classifier import TextBundle, TextClassifier
from tests.support.bundles import write_bundle


def classifier(folder: Path, **how: Any) -> TextClassifier:
    model = open_model(write_bundle(folder, **how), "text-classifier")
    assert isinstance(model, TextClassifier)
    return model


def test_a_long_text_is_cut_when_the_bundle_says_so(tmp_path: Path) -> None:
    model = classifier(tmp_path, max_tokens=3)
    assert model.predict(["w1 w2 w3 w4 w5"]) == model.predict(["w1 w2 w3"])


def test_a_long_text_raises_when_the_bundle_says_so(tmp_path: Path) -> None:
    model = classifier(tmp_path, max_tokens=3, overlong="raise")
    assert model.predict(["w1 w2 w3"])
    with pytest.raises(ModelFailure, match="4 tokens"):
        model.predict(["w1 w2 w3 w4"])


def test_a_padded_graph_costs_its_full_length_and_answers_alike(tmp_path: Path) -> None:
    padded = classifier(tmp_path / "padded", pad_to=16)
    plain = classifier(tmp_path / "plain")
    (row,) = padded.prepare(["w1 w2"])
    assert row.size == 16
    assert padded.predict(["w1 w2"])[0] == pytest.approx(plain.predict(["w1 w2"])[0])


def test_a_text_without_tokens_is_answered(tmp_path: Path) -> None:
    assert classifier(tmp_path).predict([""])[0]["label"] in {"red", "green", "blue"}


def test_something_that_is_no_text_is_refused_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="instance 1"):
        classifier(tmp_path).predict(["w1", 5])


def test_much_text_is_heavy(tmp_path: Path) -> None:
    model = classifier(tmp_path)
    assert not model.is_heavy(["w1"] * 100)
    assert model.is_heavy(["w1 " * 5000])


@pytest.mark.parametrize("name", ["bundle.json", "tokenizer.json", "model.onnx"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x08\x00nonsense"])
def test_a_file_that_is_missing_or_broken_is_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    write_bundle(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=name):
        open_model(tmp_path, "text-classifier")


def test_labels_that_are_not_as_many_as_classes_are_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    text = (tmp_path / "bundle.json").read_text(encoding="utf-8")
    (tmp_path / "bundle.json").write_text(text.replace('"red", ', ""), encoding="utf-8")
    with pytest.raises(ArtifactError, match="3 classes, but 2 labels"):
        open_model(tmp_path, "text-classifier")


def test_metadata_survives_a_round_trip(tmp_path: Path) -> None:
    bundle = TextBundle(
        runtime="text-classifier", labels=("a", "b"), max_tokens=64, overlong="raise"
    )
    write_metadata(tmp_path, bundle)
    assert TextBundle.read(tmp_path) == bundle
    assert json.loads((tmp_path / "bundle.json").read_text())["schema"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": 1}, "colour"),
        ({"labels": ["a", "a"]}, "twice"),
        ({"graph": "../model.onnx"}, "graph"),
        ({"pad_to": 256}, "pad_to is larger"),
        ({"overlong": "ignore"}, "overlong"),
    ],
)
def test_wrong_metadata_names_the_key(tmp_path: Path, change: dict[str, object], said: str) -> None:
    content = {"schema": 1, "runtime": "text-classifier", "labels": ["a", "b"]} | change
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=said):
        TextBundle.read(tmp_path)
