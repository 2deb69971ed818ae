"""PyTriton: inference callables bound to a Triton server, batched by it."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
from classifier import Classifier
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

BATCH = int(os.environ["BATCH"])
PORT = int(os.environ["PORT"])


class Callable:
    """One instance of the bundle."""

    def __init__(self) -> None:
        self.classify = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))

    @batch  # type: ignore[untyped-decorator]  # not installed here
    def __call__(self, text: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[Any]]:
        """Labels and probabilities of texts [n, 1]."""
        labels, probabilities = zip(*self.classify([t.decode() for t in text[:, 0]]), strict=True)
        return {
            "label": np.array([[label.encode()] for label in labels]),
            "probability": np.array([[p] for p in probabilities], dtype=np.float32),
        }


if __name__ == "__main__":
    ports = {"http_port": PORT, "grpc_port": PORT + 1, "metrics_port": PORT + 2}
    address = {"http_address": "127.0.0.1", "grpc_address": "127.0.0.1"}
    with Triton(config=TritonConfig(**ports, **address, log_verbose=0)) as triton:
        triton.bind(
            model_name="m",
            infer_func=[Callable() for _ in range(int(os.environ["WORKERS"]))],
            inputs=[Tensor(name="text", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="label", dtype=bytes, shape=(1,)),
                Tensor(name="probability", dtype=np.float32, shape=(1,)),
            ],
            config=ModelConfig(
                max_batch_size=BATCH, batcher=DynamicBatcher(max_queue_delay_microseconds=0)
            ),
        )
        triton.serve()
