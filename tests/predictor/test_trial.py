"""A model is opened and asked its own example before it is registered."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.types import ColSpec, Schema, TensorSpec

from components.errors import ArtifactError
from components.predictor.trial import fault_of, refuse_unservable
from tests.support.bundles import write_bundle
from tests.support.zoo import ZOO
from tests.support.zoo.case import Case, X, function

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # MLflow warns of pickles

DOUBLE = Schema([ColSpec("double")])
COMPLEX = Schema([TensorSpec(np.dtype("c16"), (-1, 1))])


def fault(folder: Path, case: Case) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case.save(folder)
        return fault_of(folder, allow_pickle=True)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (function("a", lambda d: [{1}] * len(d), example=X), "a set, which has no JSON form"),
        (function("b", lambda d: [1j] * len(d), example=X), "complex"),
        (function("c", lambda d: iter([1] * len(d)), example=X), "iterator"),
        (function("d", lambda _: 1 / 0, example=X), "own input example: division by zero"),
        (function("e", lambda d: ["a"] * len(d), example=X, outputs=DOUBLE), "FP64 by the model's"),
        (function("f", lambda x: x, inputs=COMPLEX), "complex128, which is not served"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(
    tmp_path: Path, case: Case, said: str
) -> None:
    assert said in fault(tmp_path / "m", case)


@pytest.mark.parametrize(
    "name",
    [
        "sklearn-categories-without-example",
        "example-of-a-dict",
        "example-of-records",
        "parameters",
        "hint-models",
        "hint-dates",
        "hint-bytes",
        "answers-outputs-by-name",
        "answers-one-text",
        "onnx-two-inputs",
        "chat",
        "dates",
        "bytes",
    ],
)
def test_what_can_be_served_is_not(tmp_path: Path, name: str) -> None:
    assert fault(tmp_path / "m", ZOO[name]) == ""


def test_answers_of_different_lengths_are_no_reason(tmp_path: Path) -> None:
    case = function("m", lambda d: [[1] * int(n) for n in d["income"]], example=X)
    assert fault(tmp_path / "m", case) == ""


def test_a_text_classifier_is_asked_as_its_own_runtime(tmp_path: Path) -> None:
    assert fault_of(write_bundle(tmp_path / "m"), allow_pickle=False) == ""


def test_an_example_that_the_signature_refuses_is_named(tmp_path: Path) -> None:
    function("m", lambda d: [1] * len(d), example=X).save(tmp_path / "m")
    for name in ("serving_input_example.json", "input_example.json"):
        split = {"columns": ["age"], "data": [[1]]}
        content: Any = {"dataframe_split": split} if name.startswith("serving") else split
        (tmp_path / "m" / name).write_text(json.dumps(content), encoding="utf-8")
    assert "column 'income' is missing" in fault_of(tmp_path / "m", allow_pickle=True)


def test_an_example_of_a_form_that_is_not_known_is_no_reason_to_open_no_model(
    tmp_path: Path,
) -> None:
    from components.predictor.runtimes.pyfunc import Pyfunc

    function("m", lambda d: [1] * len(d), example=X).save(tmp_path / "m")
    (tmp_path / "m" / "serving_input_example.json").write_text("{", encoding="utf-8")
    found = Pyfunc.load(tmp_path / "m", allow_pickle=True)
    assert "not readable" in found.fault
    assert found.predict([{"age": 1, "income": 2.0}]) == [1]


def test_it_happens_in_another_process_which_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    function("m", lambda d: [1] * len(d), example=X).save(folder)
    before = sorted(folder.rglob("*"))
    trial = refuse_unservable(folder, allow_pickle=True)
    assert trial.tried
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(ArtifactError, match=r"cannot be served: .*MLmodel"):
        refuse_unservable(tmp_path)
