"""MLflow's model from code."""

import os

import pandas as pd
from classifier import Classifier
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class TextModel(PythonModel):
    """A data frame with a column `text` in, one with label and probability out."""

    def load_context(self, context) -> None:
        """Open the bundle."""
        self.classify = Classifier(context.artifacts["bundle"], int(os.environ["THREADS"]))

    def predict(self, context, model_input, params=None):
        """Classify each row."""
        found = self.classify(model_input["text"].tolist())
        return pd.DataFrame(found, columns=["label", "probability"])


set_model(TextModel())
