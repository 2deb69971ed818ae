"""A text classifier's bundle as an MLflow model without a pickle: writing it and loading it.

`save` makes the MLflow model directory; MLflow's generic loader (`mlflow.pyfunc.load_model`) finds
`_load_pyfunc` here through the `MLmodel` file.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.bundle.mlmodel import LOADER_MODULE

if TYPE_CHECKING:
    import pandas as pd

    from components.predictor.model import Model

FLAVOR = "sluice_text_classifier"
_EXAMPLE = "input_example.json"
_EXAMPLE_TEXTS = ("How do I locate my card?", "Why was I charged twice?")


def save(bundle: Path, folder: Path, mlflow_model: Any) -> None:
    """Copy ``bundle`` into ``folder`` and write `MLmodel`, signature and input example beside it.

    Args:
        bundle: `bundle.json` and the files that it names.
        folder: the new model directory.
        mlflow_model: an ``mlflow.models.Model`` with the ids that the server gave.
    """
    import mlflow
    import onnxruntime
    import tokenizers
    from mlflow.models.signature import ModelSignature
    from mlflow.types import ColSpec, Schema

    shutil.copytree(bundle, folder)
    example = {"columns": ["text"], "data": [[text] for text in _EXAMPLE_TEXTS]}
    (folder / _EXAMPLE).write_text(json.dumps(example) + "\n", encoding="utf-8")
    mlflow_model.signature = ModelSignature(
        inputs=Schema([ColSpec("string", "text")]),
        outputs=Schema([ColSpec("string", "label"), ColSpec("double", "probability")]),
    )
    mlflow_model.saved_input_example_info = {
        "artifact_path": _EXAMPLE,
        "type": "dataframe",
        "pandas_orient": "split",
    }
    mlflow_model.mlflow_version = mlflow.__version__
    mlflow_model.add_flavor(
        FLAVOR, onnxruntime=onnxruntime.__version__, tokenizers=tokenizers.__version__
    )
    mlflow_model.add_flavor("python_function", loader_module=LOADER_MODULE)
    mlflow_model.save(str(folder / "MLmodel"))


def _load_pyfunc(path: str) -> "_TextClassifier":
    """MLflow's entry point: the model in the directory ``path``."""
    from components.predictor.runtimes.text_classifier import TextClassifier

    return _TextClassifier(TextClassifier.load(Path(path)))


class _TextClassifier:
    """What MLflow wraps: a data frame with the column ``text`` in, labels and probabilities out."""

    def __init__(self, model: "Model") -> None:
        self._model = model

    def predict(self, rows: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """The most probable label of each row and its probability."""
        import pandas as pd

        return pd.DataFrame(self._model.predict(rows["text"].tolist()))
