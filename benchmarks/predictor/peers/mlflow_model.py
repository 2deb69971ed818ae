"""Log the bundle as a pyfunc model; `mlflow models serve` does the rest."""

import os
import sys
from pathlib import Path

import mlflow
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

if __name__ == "__main__":
    target = sys.argv[1]
    mlflow.pyfunc.save_model(
        target,
        python_model=str(Path(__file__).with_name("mlflow_pyfunc.py")),
        artifacts={"bundle": os.environ["BUNDLE"]},
        code_paths=[str(Path(__file__).with_name("classifier.py"))],
        signature=ModelSignature(
            Schema([ColSpec("string", "text")]),
            Schema([ColSpec("string", "label"), ColSpec("double", "probability")]),
        ),
        pip_requirements=["onnxruntime", "tokenizers"],
    )
