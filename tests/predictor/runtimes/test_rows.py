"""Rows of a data set as the instances that each runtime takes."""

import pytest

from components.errors import InputError
from components.predictor.model import Spec
from components.predictor.runtimes.pyfunc import Pyfunc
from components.predictor.runtimes.rows import typed
from components.predictor.runtimes.text_classifier import TextClassifier

TEXT = (Spec("text", "BYTES", (-1,)),)
COLUMNS = (Spec("width", "FP64", (-1,)), Spec("name", "BYTES", (-1,)))
MATRIX = (Spec("input", "FP64", (-1, 2)),)


@pytest.mark.parametrize(
    ("text", "datatype", "value"),
    [("1.5", "FP32", 1.5), ("7", "INT64", 7), ("True", "BOOL", True), ("7", "BYTES", "7")],
)
def test_a_cell_becomes_what_the_model_takes(text: str, datatype: str, value: object) -> None:
    assert typed(text, datatype, "column") == value


def test_a_row_becomes_what_its_runtime_takes() -> None:
    assert TextClassifier.instance({"text": "w1", "id": "7"}, TEXT) == "w1"
    row = {"width": "1.5", "name": "7", "id": "7"}
    assert Pyfunc.instance(row, COLUMNS) == {"width": 1.5, "name": "7"}
    assert Pyfunc.instance({"a": "1", "b": "2.5"}, MATRIX) == [1.0, 2.5]


@pytest.mark.parametrize(
    ("runtime", "inputs", "missing"),
    [(TextClassifier, TEXT, "text"), (Pyfunc, COLUMNS, "width"), (Pyfunc, TEXT, "text")],
)
def test_a_row_without_a_column_that_is_needed_is_one_clear_line(
    runtime: type[TextClassifier] | type[Pyfunc], inputs: tuple[Spec, ...], missing: str
) -> None:
    said = f"no column '{missing}', which the model needs: it has colour, name"
    with pytest.raises(InputError, match=said):
        runtime.instance({"colour": "red", "name": "x"}, inputs)
