"""Held-out rows through the predictor's own code, in process: scheduler, tokenizer, graph."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from components.dataset import Dataset
from components.endpoint import Serving
from components.errors import ArtifactError, InputError, SluiceError
from components.evaluation.result import Scores
from components.predictor.model import ModelFailure

if TYPE_CHECKING:
    from components.predictor.service import Service

DEADLINE = 60.0
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
    right = [False] * len(data.rows)
    latencies: list[float] = []
    failures: dict[int, str] = {}
    async with _opened(bundle, serving) as service:
        instances = [service.model.instance(row) for row in data.rows]
        pending = iter(range(len(data.rows)))

        async def client() -> None:
            for index in pending:
                began = time.perf_counter()
                try:
                    prediction = await _ask(service, instances[index])
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


async def _ask(service: "Service", instance: Any) -> Any:
    """The one prediction that a client would read: through JSON on the way there and back.

    Raises:
        InputError: the instance is not what the model takes.
        Exception: the model raised, or answered what cannot be sent over V1 or V2.
    """
    model = service.model
    raw = model.from_instances(msgspec.json.decode(msgspec.json.encode([instance])))
    answers = await service.answers(raw)
    predictions = msgspec.json.decode(msgspec.json.encode(model.to_predictions(answers)))
    wanted = [spec.name for spec in model.outputs[: model.default_outputs]]
    try:
        msgspec.json.encode([tensor.data for tensor in model.to_tensors(answers, wanted)])
    except InputError as error:  # of the answer: nothing is wrong with the row
        raise ModelFailure(str(error)) from error
    if isinstance(predictions, dict):
        return {name: _first(cells) for name, cells in predictions.items()}
    return _first(predictions)


def _first(cells: Any) -> Any:
    """The answer to the one row; a model that does not answer row by row has no other."""
    return cells[0] if isinstance(cells, list) and len(cells) == 1 else cells


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
            f"--deadline={DEADLINE}",
        ]
    )
    service = Service(settings.model_name, settings.model_version)
    try:
        engine = await open_service(settings, service)
    except SluiceError:
        raise
    except Exception as error:  # the model's own, when it was first asked
        said = " ".join(str(error).split())[:500]
        raise ArtifactError(f"the model cannot be run: {type(error).__name__}: {said}") from error
    try:
        yield service
    finally:
        engine.close()
        await asyncio.to_thread(engine.join, DEADLINE)


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
    """Whether a label is the one of the data set, whose labels are text."""
    if isinstance(predicted, str) or predicted is None:
        return predicted == target
    try:
        # Not as floats: large whole numbers that differ would be one.
        return Decimal(str(float(predicted) if isinstance(predicted, bool) else predicted)) == (
            Decimal(target.strip())
        )
    except InvalidOperation:
        return str(predicted).lower() == target.lower()
