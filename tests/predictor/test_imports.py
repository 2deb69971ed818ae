"""What a predictor imports before it loads a model: a user waits for it at every roll-out."""

import gc
import subprocess
import sys

from components.predictor.garbage import uncollected

_SERVER = """
import sys
import components.predictor.__main__
import components.predictor.server
from components.predictor.kserve.light_imports import light_imports

with light_imports(pandas=False):
    from components.predictor.kserve import grpc, rest, served_model
print(*sys.modules)
import pandas
print(len(pandas.DataFrame({"a": [1]})))
"""


def test_a_text_classifiers_server_needs_no_tables_no_registry_and_no_command_line() -> None:
    command = [sys.executable, "-c", _SERVER]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    *imported, rows = said.split()
    unwanted = {"pandas", "pyarrow", "mlflow", "rich", "components.registry", "kubernetes"}
    assert unwanted & set(imported) == set()
    assert rows == "1"


def test_garbage_is_looked_for_again_after_the_imports() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
