"""Rows of a data set as the instances that each runtime takes."""

from pathlib import Path
from typing import Any

import pytest
from mlflow.types import DataType, TensorSpec

from components.errors import InputError
from components.predictor.model import Model
from components.predictor.runtimes import open_model
from components.predictor.runtimes.contract.arrays import Arrays
from components.predictor.runtimes.contract.column import Column
from components.predictor.runtimes.contract.kinds import Scalar, kind_of
from components.predictor.runtimes.contract.table import Table
from tests.support.bundles import write_bundle


def table(**columns: DataType) -> Table:
    return Table([Column(name, kind_of(of), True) for name, of in columns.items()], named=True)


COLUMNS = table(width=DataType.double, name=DataType.string)
LABELLED = table(text=DataType.string)


@pytest.fixture
def classifier(tmp_path: Path) -> Model:
    return open_model(write_bundle(tmp_path / "bundle"), "text-classifier")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("1.5", "float", 1.5), ("7", "long", 7), ("True", "boolean", True), ("7", "string", "7")],
)
def test_a_cell_becomes_what_the_model_takes(text: str, name: str, value: object) -> None:
    assert Scalar(name).cell(text) == value


def test_a_row_becomes_what_its_runtime_takes(classifier: Model) -> None:
    import numpy as np

    assert classifier.instance({"text": "w1", "id": "7"}) == "w1"
    row = {"width": "1.5", "name": "7", "id": "7"}
    assert COLUMNS.instance(row) == {"width": 1.5, "name": "7"}
    matrix = Arrays([TensorSpec(np.dtype("float64"), (-1, 2))])
    assert matrix.instance({"a": "1", "b": "2.5"}) == [1.0, 2.5]


@pytest.mark.parametrize(
    ("form", "missing"), [(None, "text"), (COLUMNS, "width"), (LABELLED, "text")]
)
def test_a_row_without_a_column_that_is_needed_is_one_clear_line(
    classifier: Model, form: Table | None, missing: str
) -> None:
    said = f"no column '{missing}', which the model needs: it has colour, name"
    reader: Any = form or classifier
    with pytest.raises(InputError, match=said):
        reader.instance({"colour": "red", "name": "x"})
