"""The table of runtimes: complete, equal to what users may write, and cheap to read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from components.dataset import Dataset
from components.endpoint import Serving
from components.errors import InputError
from components.predictor import open_model
from components.predictor.arguments import arguments, parse
from components.predictor.runtimes import RUNTIMES, runtime_of

ROOM = Path(__file__).parents[3] / "components" / "predictor" / "runtimes"
HEAVY = ("kserve", "mlflow", "numpy", "onnxruntime", "pandas", "sklearn", "tokenizers")


def test_an_endpoint_s_file_may_name_every_runtime_and_no_other() -> None:
    assert get_args(Serving.model_fields["runtime"].annotation) == tuple(RUNTIMES)


def test_every_runtime_stands_in_the_table_by_its_own_name() -> None:
    assert {name: runtime.name for name, runtime in RUNTIMES.items()} == {n: n for n in RUNTIMES}
    shared = {"__init__", "rows", "runtime", "signature"}
    modules = {path.stem for path in ROOM.glob("*.py")} - shared
    assert {runtime.__module__.rpartition(".")[2] for runtime in RUNTIMES.values()} == modules


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_predictor_s_command_line_takes_every_runtime(name: str) -> None:
    serving = Serving.model_validate({"runtime": name})
    flags = ["--bundle=.", "--model-name=m", "--model-version=1", *arguments(serving)]
    assert parse(flags).runtime == name


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_makes_requests_of_the_rows_of_a_data_set(name: str) -> None:
    data = Dataset("file:///rows.csv", "0" * 64, ({"text": "w1 w2"},), ("red",))
    bodies = runtime_of(name).bodies(data, 0.0, 1, {})
    (column,) = json.loads(next(bodies))["inputs"]
    assert column == {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["w1 w2"]}


def test_an_unknown_runtime_is_refused_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text-classifier or mlflow"):
        open_model(tmp_path, "pickle")


def test_the_table_and_the_endpoint_s_schema_import_nothing_heavy() -> None:
    script = (
        "import sys, components.endpoint, components.registry, components.predictor.runtimes;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
