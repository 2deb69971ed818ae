"""PyTriton: NVIDIA's Triton with Python callables, one for each worker, and its dynamic batcher."""

import os

import numpy as np
from classifier import Classifier
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


def callable_of(classify: Classifier):
    """One worker's function."""

    @batch
    def infer(text: np.ndarray) -> dict[str, np.ndarray]:
        labels, probabilities = zip(*classify([t.decode() for t in text[:, 0]]), strict=True)
        return {
            "label": np.char.encode(np.array(labels)[:, None], "utf-8"),
            "probability": np.array(probabilities, dtype=np.float32)[:, None],
        }

    return infer


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    workers = int(os.environ["WORKERS"])
    threads = int(os.environ["THREADS"])
    bundle = os.environ["BUNDLE"]
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=port,
        grpc_port=port + 1,
        metrics_port=port + 2,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="m",
            infer_func=[callable_of(Classifier(bundle, threads)) for _ in range(workers)],
            inputs=[Tensor(name="text", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="label", dtype=bytes, shape=(1,)),
                Tensor(name="probability", dtype=np.float32, shape=(1,)),
            ],
            config=ModelConfig(
                max_batch_size=max(1, int(os.environ["BATCH"])),
                batcher=DynamicBatcher(max_queue_delay_microseconds=0),
            ),
        )
        triton.serve()
