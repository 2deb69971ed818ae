"""Held-out rows through the predictor's own code, in process: scheduler, tokenizer, graph."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.dataset import Dataset
from components.endpoint import Serving
from components.errors import InputError
from components.evaluation.result import Scores
from components.predictor.runtimes import runtime_of

if TYPE_CHECKING:
    from components.predictor.service import Service

_DEADLINE = 60.0
"""Seconds for one row; the latency criterion, not a deadline, judges a slow model."""


def score(bundle: Path, serving: Serving, data: Dataset, concurrency: int) -> Scores:
    """Ask the model in ``bundle`` for every row, ``concurrency`` at a time, as clients would.

    Each client sends its next row when the last one is answered (a closed loop). A row that
    gets no answer counts as wrong.

    Raises:
        ArtifactError: the bundle cannot be loaded.
        InputError: the rows lack a column that the model needs, or a value is of the wrong type.
    """
    return asyncio.run(_score(bundle, serving, data, concurrency))


async def _score(bundle: Path, serving: Serving, data: Dataset, concurrency: int) -> Scores:
    runtime = runtime_of(serving.runtime)
    right = [False] * len(data.rows)
    latencies: list[float] = []
    failures: dict[int, str] = {}
    async with _opened(bundle, serving) as service:
        inputs = service.model.inputs
        instances = [runtime.instance(row, inputs) for row in data.rows]
        pending = iter(range(len(data.rows)))

        async def client() -> None:
            for index in pending:
                began = time.perf_counter()
                try:
                    (prediction,) = await service.predict([instances[index]])
                except InputError:
                    raise
                except Exception as error:  # noqa: BLE001 (a model may raise anything)
                    failures[index] = " ".join(str(error).split()) or type(error).__name__
                    continue
                latencies.append((time.perf_counter() - began) * 1000)
                right[index] = _same(_label(prediction), data.targets[index])

        await asyncio.gather(*(client() for _ in range(concurrency)))
    return Scores(
        right=tuple(right),
        latencies_ms=tuple(latencies),
        failed=tuple(sorted(failures)),
        first_failure=next(iter(failures.values()), ""),
    )


@asynccontextmanager
async def _opened(bundle: Path, serving: Serving) -> "AsyncIterator[Service]":
    from components.predictor.arguments import arguments, parse
    from components.predictor.server import open_service
    from components.predictor.service import Service

    # The flags of a served predictor, so that what is scored batches and refuses as it will.
    settings = parse(
        [
            f"--bundle={bundle}",
            "--model-name=evaluation",
            "--model-version=0",
            *arguments(serving),
            f"--deadline={_DEADLINE}",
        ]
    )
    service = Service(settings.model_name, settings.model_version)
    engine = await open_service(settings, service)
    try:
        yield service
    finally:
        engine.close()
        await asyncio.to_thread(engine.join, _DEADLINE)


def _label(prediction: Any) -> Any:
    """The class in a V1 prediction: the field ``label``, the only field, or the value itself."""
    if isinstance(prediction, Mapping):
        if "label" in prediction:
            return prediction["label"]
        if len(prediction) == 1:
            return next(iter(prediction.values()))
    if isinstance(prediction, list) and len(prediction) == 1:
        return prediction[0]
    if isinstance(prediction, str | int | float | bool):
        return prediction
    raise InputError(
        "the model's prediction is no class: it must be a value, or a record with 'label'"
    )


def _same(predicted: Any, target: str) -> bool:
    if isinstance(predicted, str) or predicted is None:
        return predicted == target
    try:
        return float(predicted) == float(target)
    except ValueError:
        return str(predicted).lower() == target.lower()
