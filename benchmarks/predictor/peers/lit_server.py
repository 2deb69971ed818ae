"""LitServe's API, batched by the server."""

import os
from typing import Any

import litserve
from classifier import Classifier

BATCH = int(os.environ["BATCH"])


class Api(litserve.LitAPI):  # type: ignore[misc]  # not installed here
    """One bundle in each worker."""

    def setup(self, device: str) -> None:
        """Open the bundle."""
        self.classify = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))

    def decode_request(self, request: dict[str, str]) -> str:
        """The text of one request."""
        return request["text"]

    def predict(self, batch: Any) -> Any:
        """Answers to a batch, or to one text where the server does not batch."""
        return self.classify(batch) if BATCH > 1 else self.classify([batch])[0]

    def encode_response(self, output: tuple[str, float]) -> dict[str, Any]:
        """One answer."""
        return {"label": output[0], "probability": output[1]}


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=0.002 if BATCH > 1 else 0.0)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=int(os.environ["WORKERS"])
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        generate_client_file=False,
        log_level="warning",
    )
