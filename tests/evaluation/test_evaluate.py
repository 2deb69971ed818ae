from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from mlflow.types import ColSpec, Schema

from components.dataset import Dataset
from components.endpoint import Endpoint, Execution, Queue, Serving
from components.errors import InputError
from components.evaluation import evaluate
from components.evaluation.scoring import _label, _same, score
from components.platform.memory import World
from components.predictor.runtimes import open_model
from tests.support.bundles import write_bundle
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.zoo.case import X, function

pytestmark = pytest.mark.slow

TEXTS = [f"w{index % 150} w{(7 * index) % 150}" for index in range(120)]
SERVING = Serving(runtime="text-classifier")


def labelled(folder: Path, texts: list[str]) -> Dataset:
    """Texts with the labels that the model in ``folder`` gives them."""
    answers = open_model(folder, "text-classifier").predict(texts)
    rows = tuple({"text": text} for text in texts)
    return Dataset("file:///rows.csv", "0" * 64, rows, tuple(a["label"] for a in answers))


def endpoint(uri: str) -> Endpoint:
    return make_endpoint(
        "tiny",
        evaluation={
            "dataset": {"uri": uri, "target": "label"},
            "accuracy": {"min": 0.9},
            "latency": {"p95_ms": 60_000, "concurrency": 3},
        },
    )


def test_every_row_is_asked_once_and_scored_in_its_place(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    data = labelled(bundle, TEXTS)
    wrong = list(data.targets)
    wrong[5] = wrong[77] = "no such colour"
    spoiled = Dataset(data.uri, data.digest, data.rows, tuple(wrong))
    scores = score(bundle, SERVING, spoiled, concurrency=7)
    assert [i for i, right in enumerate(scores.right) if not right] == [5, 77]
    assert len(scores.latencies_ms) == len(TEXTS)


def test_a_row_on_which_the_model_raises_is_wrong_and_the_others_are_scored(tmp_path: Path) -> None:
    data = labelled(write_bundle(tmp_path / "whole"), [*TEXTS, " ".join(["w1"] * 9)])
    strict = write_bundle(tmp_path / "strict", max_tokens=8, overlong="raise")
    scores = score(strict, SERVING, data, concurrency=4)
    assert scores.failures == 1
    assert "9 tokens" in scores.first_failure
    assert scores.right == (True,) * len(TEXTS) + (False,)


def test_what_is_scored_is_batched_as_it_will_be_served(tmp_path: Path) -> None:
    """This graph's answers depend on the batch, which only ``batching: padded`` accepts."""
    bundle = write_bundle(tmp_path / "bundle", quantised=True)
    data = labelled(bundle, TEXTS)

    def accuracy(batching: str) -> float:
        execution = Execution.model_validate(
            {"executors": 1, "threads": 1, "batching": batching, "batch_tokens": 4096}
        )
        serving = Serving(runtime="text-classifier", execution=execution)
        return score(bundle, serving, data, concurrency=32).accuracy

    assert accuracy("alone") == 1.0
    assert accuracy("padded") < 1.0


def test_a_queue_that_is_too_short_refuses_rows_as_it_will_refuse_users(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    data = labelled(bundle, TEXTS)
    serving = Serving(runtime="text-classifier", queue=Queue(requests=1))
    scores = score(bundle, serving, data, concurrency=32)
    assert scores.failures > 0
    assert "try again later" in scores.first_failure


def test_a_missing_column_is_one_clear_line(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    data = Dataset("file:///rows.csv", "0" * 64, ({"words": "w1"},), ("red",))
    with pytest.raises(InputError, match="no column 'text', which the model needs: it has words"):
        score(bundle, SERVING, data, concurrency=2)


def test_the_same_model_as_candidate_and_champion_passes(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    data = labelled(bundle, TEXTS)
    lines = [f"{r['text']},{t}" for r, t in zip(data.rows, data.targets, strict=True)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    result = evaluate(endpoint(path.as_uri()), bundle, bundle, World().platform.files.read)
    assert result.passed
    assert (result.rows, result.accuracy, result.lost, result.gained) == (120, 1.0, 0, 0)
    assert msgspec.json.decode(msgspec.json.encode(result))["classes"][0]["p_holm"] == 1.0


def test_what_the_candidate_does_not_find_in_its_environment_is_a_warning(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    (bundle / "requirements.txt").write_text("numpy==1.0.0\n")
    data = labelled(bundle, TEXTS)
    lines = [f"{r['text']},{t}" for r, t in zip(data.rows, data.targets, strict=True)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    result = evaluate(endpoint(path.as_uri()), bundle, None, World().platform.files.read)
    assert result.passed
    assert result.inputs is None
    (warning,) = result.warnings
    assert warning.startswith("the model asks for numpy==1.0.0, here is")


@pytest.mark.slow
def test_a_tabular_model_is_scored_on_typed_columns(tmp_path: Path) -> None:
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"width": draw.normal(size=80), "count": draw.integers(0, 9, size=80)})
    targets = (frame["width"] > 0).map({True: "wide", False: "narrow"})
    model = LogisticRegression(C=1e4).fit(frame, targets)
    folder = tmp_path / "model"
    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format="skops",
        signature=ModelSignature(
            inputs=Schema([ColSpec("double", "width"), ColSpec("double", "count")]),
            outputs=Schema([ColSpec("string", "label")]),
        ),
        input_example=frame.head(2),
        pip_requirements=["scikit-learn", "skops"],
    )
    records = [{str(k): str(v) for k, v in row.items()} for row in frame.to_dict("records")]
    data = Dataset("file:///rows.csv", "0" * 64, tuple(records), tuple(targets))
    scores = score(folder, Serving(runtime="mlflow"), data, concurrency=4)
    assert scores.accuracy == 1.0
    spoiled = Dataset(data.uri, data.digest, ({"width": "wide", "count": "1"},), ("wide",))
    with pytest.raises(InputError, match="column 'width': 'wide' is no FP64"):
        score(folder, Serving(runtime="mlflow"), spoiled, concurrency=1)


@pytest.mark.parametrize(
    ("prediction", "target", "same"),
    [
        ({"label": "red", "probability": 0.9}, "red", True),
        ({"class": 2}, "2.0", True),
        ([1], "1", True),
        (1, "2", False),
        (True, "true", True),
        ("2.0", "2", False),
        (9007199254740992, "9007199254740993", False),
        (9007199254740993, "9007199254740993", True),
        (0.1, "0.10", True),
        (True, "1", True),
        (False, "maybe", False),
    ],
)
def test_predictions_are_compared_as_labels(prediction: object, target: str, same: bool) -> None:
    assert _same(_label(prediction), target) == same


def test_a_prediction_that_is_no_class_is_refused() -> None:
    with pytest.raises(InputError, match="no class"):
        _label([0.1, 0.9])


TABLE = ({"age": "60", "income": "1.5"}, {"age": "20.0", "income": ""})


def scored(folder: Path, predict: Any, rows: Any = TABLE, **how: Any) -> Any:
    """Scores of a function of (age, income), whose right answer is always yes."""
    function("m", predict, **how).save(folder)
    data = Dataset("file:///rows.csv", "0" * 64, tuple(rows), ("yes",) * len(rows))
    return score(folder, Serving(runtime="mlflow", allow_pickle=True), data, concurrency=2)


@pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles
@pytest.mark.parametrize(
    "predict",
    [
        lambda d: [{"label": np.str_("yes"), "score": np.float32(a)} for a in d["age"]],
        lambda d: {"label": np.array(["yes"] * len(d))},
        lambda d: pd.Series(["yes"] * len(d)),
        lambda d: [["yes"]] * len(d),
    ],
)
def test_answers_are_scored_as_a_client_reads_them(tmp_path: Path, predict: Any) -> None:
    assert scored(tmp_path / "m", predict, example=X).accuracy == 1.0


@pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles
def test_an_answer_that_cannot_be_sent_fails_its_row(tmp_path: Path) -> None:
    def predict(frame: Any) -> Any:
        return [{"label": "yes", "why": {1} if a == 60 else 1} for a in frame["age"]]

    scores = scored(tmp_path / "m", predict)
    assert scores.failed == (0,)
    assert "has no JSON form" in scores.first_failure


@pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles
def test_an_answer_that_v2_cannot_send_fails_its_row(tmp_path: Path) -> None:
    longs = Schema([ColSpec("string", "label"), ColSpec("long", "n")])

    def predict(frame: Any) -> Any:
        return [{"label": "yes", "n": a / 40} for a in frame["age"]]

    scores = scored(tmp_path / "m", predict, outputs=longs)
    assert scores.failures == 2
    assert "INT64 by the model's signature" in scores.first_failure


@pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles
@pytest.mark.parametrize(
    "rows",
    [
        ({"n": "", "x": "1.5"}, {"n": "3.0", "x": ""}),
        ({"x": "1.5"}, {"x": "NaN"}),
        ({"n": "7", "x": "1", "more": "ignored"},),
    ],
)
def test_missing_cells_and_columns_are_what_they_are_for_clients(tmp_path: Path, rows: Any) -> None:
    columns = {"n": "integer", "x": "double"}
    scores = scored(
        tmp_path / "m", lambda d: ["yes"] * len(d), rows, columns=columns, optional=["n"]
    )
    assert scores.accuracy == 1.0


@pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles
def test_a_model_that_fails_on_its_own_example_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="own input example: division by zero"):
        scored(tmp_path / "m", lambda _: 1 / 0, example=X)


def test_what_calibration_raises_is_the_model_s_and_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such\nkernel")

    bundle = write_bundle(tmp_path / "bundle")
    data = labelled(bundle, TEXTS[:3])
    monkeypatch.setattr("components.predictor.server.calibrate", broken)
    with pytest.raises(InputError, match="cannot be run: RuntimeError: no such kernel"):
        score(bundle, SERVING, data, concurrency=1)
