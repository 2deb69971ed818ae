"""What MLflow itself refuses to find in a list, a record or a map is made such that it does not."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Map, Object, Property

from components.predictor.model import Tensor
from components.predictor.runtimes.pyfunc import Pyfunc
from tests.support.zoo.case import function

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles

NUMBERS = Object(
    [
        Property("whole", DataType.integer),
        Property("half", DataType.float),
        Property("when", DataType.datetime, required=False),
        Property("data", DataType.binary, required=False),
    ]
)


@pytest.mark.parametrize(
    ("of", "given", "seen"),
    [
        (Array(DataType.integer), [1, 2.0], "[1, 2]"),
        (Array(Array(DataType.float)), [[0.5], [1]], "[[0.5], [1.0]]"),
        (Array(NUMBERS), [{"whole": 1, "half": 1}], "1.0 1"),
        (NUMBERS, {"whole": 1, "half": 0.5, "when": "2024-05-01T13:00:00Z"}, "2024-05-01 13:00"),
        (NUMBERS, {"whole": 1, "half": 0.5, "when": None, "data": None}, "None 0.5 None 1"),
        (Map(DataType.integer), {"a": 2**31 - 1}, "2147483647"),
        (Map(DataType.datetime), {"a": "2024-05-01"}, "2024-05-01 00:00"),
        (Map(Array(DataType.float)), {"a": [0.5]}, "[0.5]"),
    ],
)
def test_a_value_within_another_reaches_the_model_however_often(
    tmp_path: Path, of: Any, given: Any, seen: str
) -> None:
    def told(value: Any) -> str:
        if isinstance(value, dict):
            return " ".join(str(told(part)) for part in value.values())
        first = value[0] if isinstance(value, list) and value else None
        return told(first) if isinstance(first, dict) else str(value)

    function("m", lambda d: [told(v) for v in d["v"]], inputs=Schema([ColSpec(of, "v")])).save(
        tmp_path / "m"
    )
    model = Pyfunc.load(tmp_path / "m", allow_pickle=True)
    over_v1 = model.prepare(model.from_instances([{"v": given}]))
    over_v2 = model.prepare(model.from_tensors([Tensor("v", "BYTES", [1], [json.dumps(given)])]))
    for rows in (over_v1, over_v1, over_v2):
        assert seen in str(model.to_predictions(model.run(rows, alone=True)))
