"""MLflow's model from code."""

import os
from typing import Any

import pandas as pd
from classifier import Classifier
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class TextModel(PythonModel):  # type: ignore[misc]  # MLflow ships no types
    """A data frame with a column `text` in, one with label and probability out."""

    def load_context(self, context: Any) -> None:
        """Open the bundle."""
        self.classify = Classifier(context.artifacts["bundle"], int(os.environ["THREADS"]))

    # MLflow takes hints for the signature, which is given apart.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Classify each row."""
        found = self.classify(model_input["text"].tolist())
        return pd.DataFrame(found, columns=["label", "probability"])


set_model(TextModel())
