"""Nulls and what is no finite number: the model's if it takes them, else the client's fault."""

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.predictor.http.infer import parse_json
from components.predictor.http.tensors import from_bytes, from_values
from components.predictor.runtimes.pyfunc import Pyfunc
from tests.support.zoo import ZOO
from tests.support.zoo.case import function

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles

Asked = Callable[[Pyfunc, Any], Any]


def v1(model: Pyfunc, value: Any) -> Any:
    return model.from_instances([{"width": 0.5, "height": value}])


def v2(model: Pyfunc, value: Any) -> Any:
    width = from_values("width", "FP64", [1], [0.5])
    return model.from_tensors([width, from_values("height", "FP64", [1], [value])])


def binary(model: Pyfunc, value: Any) -> Any:
    width = from_bytes("width", "FP64", [1], struct.pack("<d", 0.5))
    return model.from_tensors([width, from_bytes("height", "FP64", [1], struct.pack("<d", value))])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pyfunc]:
    def load(name: str) -> Pyfunc:
        folder = tmp_path_factory.mktemp(name) / "m"
        ZOO[name].save(folder)
        return Pyfunc.load(folder, allow_pickle=True)

    return load


@pytest.fixture(scope="module")
def strict(loaded: Callable[[str], Pyfunc]) -> Pyfunc:
    """A model of scikit-learn that raises on what is missing."""
    return loaded("sklearn-labels")


@pytest.fixture(scope="module")
def lenient(loaded: Callable[[str], Pyfunc]) -> Pyfunc:
    """A model that was trained with gaps."""
    return loaded("xgboost-gaps")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("ask", [v2, binary])
def test_what_is_no_finite_number_is_the_client_s_fault(
    strict: Pyfunc, ask: Asked, value: float
) -> None:
    with pytest.raises(InputError):
        ask(strict, value)


@pytest.mark.parametrize("ask", [v1, v2])
@pytest.mark.parametrize("value", [None, 10**400])
def test_so_is_a_null_that_the_model_raises_on_and_a_number_without_a_float(
    strict: Pyfunc, ask: Asked, value: Any
) -> None:
    with pytest.raises(InputError):
        ask(strict, value)


@pytest.mark.parametrize("ask", [v1, v2, binary])
def test_a_model_with_gaps_takes_a_null_and_no_infinity(lenient: Pyfunc, ask: Asked) -> None:
    (answer,) = lenient.run(lenient.prepare(ask(lenient, math.nan)), alone=True)
    (other,) = lenient.run(lenient.prepare(v1(lenient, None)), alone=True)
    assert answer == other
    with pytest.raises(InputError, match="out of the range"):
        ask(lenient, math.inf)


def test_only_the_column_that_may_not_be_null_is_refused(tmp_path: Path) -> None:
    def predict(rows: Any) -> list[str]:
        return [
            f"{name.lower()} {note}" for name, note in zip(rows["name"], rows["note"], strict=True)
        ]

    case = function(
        "notes", predict, {"name": "string", "note": "string"}, example={"name": "A", "note": "b"}
    )
    case.save(tmp_path / "m")
    model = Pyfunc.load(tmp_path / "m", allow_pickle=True)
    with pytest.raises(InputError, match="'name' is null, which the model cannot take"):
        model.from_instances([{"name": None, "note": "b"}])
    assert model.predict([{"name": "A", "note": None}]) == ["a None"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_matrix_is_finite_where_the_model_wants_it_so(
    loaded: Callable[[str], Pyfunc], value: float
) -> None:
    strict = loaded("sklearn-array")
    with pytest.raises(InputError, match="row 1 of the input holds a null, NaN or infinity"):
        strict.from_tensors([from_values("x", "FP64", [2, 3], [1.0, 2.0, 3.0, value, 5.0, 6.0])])
    with pytest.raises(InputError, match="row 0"):
        strict.from_instances([[None, 2.0, 3.0]])


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[-Infinity]", "[1e400]"])
def test_json_has_none_of_them(text: str) -> None:
    with pytest.raises(InputError):
        parse_json(text.encode())
