"""Ray Serve's deployment, with its own batching where it is asked for."""

import os
import time
from typing import Any

import ray
from classifier import Classifier
from ray import serve
from starlette.requests import Request

BATCH = int(os.environ["BATCH"])


@serve.deployment(
    num_replicas=int(os.environ["WORKERS"]),
    max_ongoing_requests=128,
    ray_actor_options={"num_cpus": 0},
)
class Deployment:
    """One bundle in each replica."""

    def __init__(self) -> None:
        self.classify = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=0.0)  # type: ignore[untyped-decorator]  # not installed here
    async def batched(self, texts: list[str]) -> list[dict[str, Any]]:
        """Answers to what has gathered."""
        return [{"label": label, "probability": p} for label, p in self.classify(texts)]

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one request."""
        text = (await request.json())["text"]
        if BATCH > 1:
            answer: dict[str, Any] = await self.batched(text)
            return answer
        label, probability = self.classify([text])[0]
        return {"label": label, "probability": probability}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(
        Deployment.bind(),  # type: ignore[attr-defined]  # the decorator gives it
        route_prefix="/predict",
    )
    while True:
        time.sleep(3600)
