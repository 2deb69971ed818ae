"""KServe's custom predictor, its `predict` a plain method or a coroutine over an executor."""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor

from classifier import Classifier
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid

Headers = dict[str, str] | None


class Synchronous(Model):  # type: ignore[misc]  # KServe ships no types
    """Runs in the event loop, as in KServe's first example of a custom model."""

    def __init__(self) -> None:
        super().__init__("m")
        self.classify = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))
        self.ready = True

    def predict(
        self, payload: InferRequest, headers: Headers = None, response_headers: Headers = None
    ) -> InferResponse:
        """Answer one V2 request."""
        return self.answer(payload, self.classify(payload.inputs[0].data))

    def answer(self, payload: InferRequest, found: list[tuple[str, float]]) -> InferResponse:
        """Labels and probabilities as tensors."""
        labels, probabilities = zip(*found, strict=True)
        count = [len(found)]
        return InferResponse(
            response_id=payload.id or generate_uuid(),
            model_name="m",
            infer_outputs=[
                InferOutput("label", count, "BYTES", list(labels)),
                InferOutput("probability", count, "FP32", list(probabilities)),
            ],
        )


class Asynchronous(Synchronous):
    """Runs in an executor, so that the event loop stays free."""

    def __init__(self) -> None:
        super().__init__()
        self.executor = ThreadPoolExecutor(int(os.environ["WORKERS"]))

    async def predict(
        self, payload: InferRequest, headers: Headers = None, response_headers: Headers = None
    ) -> InferResponse:
        """Answer one V2 request."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self.executor, self.classify, payload.inputs[0].data)
        return self.answer(payload, found)


if __name__ == "__main__":
    quiet = os.environ["KIND"] == "asynchronous"
    server = ModelServer(
        http_port=int(os.environ["PORT"]), enable_grpc=False, enable_latency_logging=not quiet
    )
    if quiet:
        logging.getLogger("kserve").setLevel(logging.WARNING)
        logging.getLogger("kserve.trace").setLevel(logging.WARNING)
    server.start([Asynchronous() if quiet else Synchronous()])
