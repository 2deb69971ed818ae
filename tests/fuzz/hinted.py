"""A model whose signature comes from the type hint of its method."""

import datetime
from typing import Any

import mlflow.pyfunc
import pydantic


class Message(pydantic.BaseModel):
    """What the model takes for a row."""

    role: str
    at: datetime.datetime
    size: int | None = None
    parts: list[float] | None = None


class Hinted(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow ships no types
    """Answers what it was asked."""

    def predict(self, model_input: list[Message], params: Any = None) -> Any:
        """The rows as they came, as plain objects."""
        return [message.model_dump(mode="json") for message in model_input]
