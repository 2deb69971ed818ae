"""BentoML's service with a batchable method."""

import os
from typing import Any

import bentoml
from classifier import Classifier

BATCH = int(os.environ["BATCH"])
BATCHING = {"batchable": True, "max_batch_size": BATCH, "max_latency_ms": 1000}


@bentoml.service(workers=int(os.environ["WORKERS"]), logging={"access": {"enabled": False}})
class Service:
    """One bundle."""

    def __init__(self) -> None:
        self.classifier = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))

    @bentoml.api(**BATCHING if BATCH > 1 else {})  # type: ignore[untyped-decorator]  # not installed here
    def classify(self, texts: list[str]) -> list[dict[str, Any]]:
        """Label and probability of each text."""
        found = self.classifier(texts)
        return [{"label": label, "probability": probability} for label, probability in found]
