"""FastAPI with pydantic models and a plain `def` endpoint, which runs in its thread pool."""

import os

from classifier import Classifier
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
classify = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))


class Question(BaseModel):
    """One text."""

    text: str


class Answer(BaseModel):
    """Its class."""

    label: str
    probability: float


@app.post("/predict")
def predict(question: Question) -> Answer:
    """Classify one text."""
    label, probability = classify([question.text])[0]
    return Answer(label=label, probability=probability)
