"""`runtime: mlflow`: what is taken, what is refused, what is answered."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from components.errors import ArtifactError, InputError
from components.predictor import Model, ModelFailure, open_model
from components.predictor.model import Tensor
from tests.support.predictors import FIXED, Predictor

ROWS = [{"age": 30, "income": 2.5, "city": "Ulm"}, {"age": 61, "income": 0.5, "city": "Bonn"}]


def save(folder: Path, example: Any, estimator: Any, **how: Any) -> Path:
    import mlflow.sklearn
    from mlflow.models import infer_signature

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own defaults
        mlflow.sklearn.save_model(
            estimator,
            str(folder),
            signature=infer_signature(example, estimator.predict(example)),
            input_example=example,
            **{"serialization_format": "skops", "pip_requirements": [], **how},
        )
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of records with a number, a float and a text."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame(ROWS * 10)
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(frame, ["yes", "no"] * 10)
    return save(tmp_path_factory.mktemp("table") / "m", frame.head(2), model)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression of three numbers without names."""
    from sklearn.linear_model import LinearRegression

    rows = np.arange(30.0).reshape(10, 3) ** 1.5
    model = LinearRegression().fit(rows, rows @ [1.0, 2.0, 3.0])
    return save(tmp_path_factory.mktemp("matrix") / "m", rows[:2], model)


@pytest.fixture(scope="module")
def model(table: Path) -> Model:
    return open_model(table, "mlflow")


def test_records_and_lists_in_the_order_of_the_columns_are_the_same(model: Model) -> None:
    assert model.predict(ROWS) == ["yes", "no"]
    assert model.predict([list(row.values()) for row in ROWS]) == ["yes", "no"]


def test_a_whole_number_is_an_integer_however_it_is_written(model: Model) -> None:
    assert model.from_instances([{**ROWS[0], "age": 30.0}]) == [ROWS[0]]


def test_a_record_may_name_its_columns_in_any_order(model: Model) -> None:
    assert model.predict([dict(reversed(ROWS[0].items()))]) == ["yes"]


def test_a_column_that_the_signature_does_not_name_is_ignored(model: Model) -> None:
    assert model.from_instances([{**ROWS[0], "town": "Ulm"}]) == [ROWS[0]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROWS[0], "age": "30"}, "'age'"),
        ({**ROWS[0], "age": True}, "'age'"),
        ({**ROWS[0], "age": 30.5}, "'age'"),
        ({**ROWS[0], "city": 7}, "'city'"),
        ({"age": 30, "income": 2.5}, "'city'"),
        ([30, 2.5], "age, income, city"),
        (5, "age, income, city"),
    ],
)
def test_a_wrong_record_is_refused_with_the_column(model: Model, row: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        model.from_instances([row])


def test_v2_takes_a_tensor_a_column_and_answers_one(model: Model) -> None:
    tensors = [
        Tensor("city", "BYTES", [2], [b"Ulm", "Bonn"]),
        Tensor("age", "INT64", [2, 1], [30, 61]),
        Tensor("income", "FP64", [2], np.array([2.5, 0.5])),
    ]
    answers = model.run(model.prepare(model.from_tensors(tensors)), alone=False)
    (output,) = model.to_tensors(answers, ["predict"])
    assert (output.datatype, output.shape, output.data) == ("BYTES", [2], ["yes", "no"])


@pytest.mark.parametrize(
    "tensors",
    [
        [],
        [Tensor("age", "INT64", [1], [30])],
        [Tensor("age", "INT64", [1], [30])] * 2,
        [Tensor("age", "INT64", [2], [30, 31]), Tensor("city", "BYTES", [1], ["Ulm"])],
        [Tensor("age", "INT64", [3], [30])],
        [Tensor("city", "BYTES", [1], [b"\xff"])],
    ],
)
def test_wrong_tensors_are_refused(model: Model, tensors: list[Tensor]) -> None:
    with pytest.raises(InputError):
        model.from_tensors(tensors)


def test_rows_of_numbers_without_names_are_one_tensor(matrix: Path) -> None:
    model = open_model(matrix, "mlflow")
    assert model.predict([[1.0, 2.0, 3.0]]) == pytest.approx([14.0])
    tensor = Tensor("input", "FP64", [2, 3], [1, 2, 3, 4, 5, 6])
    answers = model.run(model.prepare(model.from_tensors([tensor])), alone=False)
    (output,) = model.to_tensors(answers, ["predict"])
    assert (output.datatype, output.shape) == ("FP64", [2])
    assert output.data == pytest.approx([14.0, 32.0])
    with pytest.raises(InputError):
        model.from_instances([[1.0, 2.0, 3.0], "x"])
    with pytest.raises(InputError, match="3"):
        model.from_instances([[1.0, 2.0]])


def test_what_the_model_raises_is_the_models_failure(model: Model) -> None:
    with pytest.raises(ModelFailure, match="Paris"):
        model.predict([{**ROWS[0], "city": "Paris"}])


def copy(source: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    shutil.copytree(source, target)
    content = yaml.safe_load((target / "MLmodel").read_text(encoding="utf-8"))
    change(content)
    (target / "MLmodel").write_text(yaml.safe_dump(content), encoding="utf-8")
    return target


def test_a_pickle_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    rows = np.arange(6.0).reshape(2, 3)
    folder = save(
        tmp_path / "m",
        rows,
        LinearRegression().fit(rows, [1.0, 2.0]),
        serialization_format="cloudpickle",
    )
    with pytest.raises(ArtifactError, match="allow_pickle"):
        open_model(folder, "mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of pickles
        assert open_model(folder, "mlflow", allow_pickle=True).predict([[0.0, 1.0, 2.0]])


def test_types_that_a_model_asks_to_trust_must_be_of_known_packages(
    matrix: Path, tmp_path: Path
) -> None:
    folder = copy(
        matrix,
        tmp_path / "m",
        lambda m: m["flavors"]["sklearn"].update(skops_trusted_types=["os.system"]),
    )
    with pytest.raises(ArtifactError, match=r"os\.system"):
        open_model(folder, "mlflow")


def test_a_loader_that_is_not_mlflows_is_refused(matrix: Path, tmp_path: Path) -> None:
    folder = copy(
        matrix,
        tmp_path / "m",
        lambda m: m["flavors"]["python_function"].update(loader_module="antigravity"),
    )
    with pytest.raises(ArtifactError, match="antigravity"):
        open_model(folder, "mlflow")


def test_a_model_without_a_signature_is_refused(matrix: Path, tmp_path: Path) -> None:
    folder = copy(matrix, tmp_path / "m", lambda m: m.pop("signature"))
    with pytest.raises(ArtifactError, match="signature"):
        open_model(folder, "mlflow")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="MLmodel"):
        open_model(tmp_path, "mlflow")


def test_a_pyfunc_model_is_served(start_predictor: Callable[..., Predictor], table: Path) -> None:
    predictor = start_predictor(table, *FIXED, runtime="mlflow")
    with predictor.client() as client:
        answer = client.post("/v1/models/m:predict", json={"instances": ROWS})
        assert answer.json() == {"predictions": ["yes", "no"]}
        wrong = client.post("/v1/models/m:predict", json={"instances": [{"age": 3}]})
        assert (wrong.status_code, "'income'" in wrong.text) == (400, True)
        poison = client.post(
            "/v1/models/m:predict", json={"instances": [{**ROWS[0], "city": "Paris"}]}
        )
        assert (poison.status_code, "Paris" in poison.text) == (500, True)
        columns = [
            {"name": "age", "shape": [1], "datatype": "INT64", "data": [30]},
            {"name": "income", "shape": [1], "datatype": "FP64", "data": [2.5]},
            {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Ulm"]},
        ]
        outputs = client.post("/v2/models/m/infer", json={"inputs": columns}).json()["outputs"]
    assert outputs[0]["data"] == ["yes"]
