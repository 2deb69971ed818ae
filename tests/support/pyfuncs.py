"""MLflow models of a few lines of Python, written as code and not as a pickle."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FRAME = """
import time
from pathlib import Path

import mlflow


class Model(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.context = context
        {load}

    def predict(self, context, model_input, params=None):
        {predict}


mlflow.models.set_model(Model())
"""


def save(
    folder: Path, predict: str, *, columns: Mapping[str, str], load: str = "pass", **options: Any
) -> Path:
    """Save a model whose methods have the one-line bodies ``load`` and ``predict``."""
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec(kind, name) for name, kind in columns.items()])
    script = folder.with_name(f"{folder.name}_code.py")
    script.write_text(_FRAME.format(load=load, predict=predict))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what MLflow recommends to those who save
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(script),
            **{"pip_requirements": [], "signature": ModelSignature(inputs), **options},
        )
    return folder
