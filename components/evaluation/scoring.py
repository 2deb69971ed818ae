"""Held-out rows through the predictor's own code, in process: scheduler, tokenizer, graph."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from components.dataset import Dataset
from components.endpoint import Serving
from components.errors import ArtifactError, InputError, SluiceError
from components.evaluation.result import InputsResult, Scores
from components.predictor.model import ModelFailure
from components.predictor.runtimes.contract.compare import Signature, narrower, notes

if TYPE_CHECKING:
    from components.predictor.runtimes import Runtime
    from components.predictor.service import Service

_DEADLINE = 60.0
"""Seconds for one row; the latency criterion, not a deadline, judges a slow model."""


_REQUESTS = 16
"""Held-out rows that the candidate is asked as the champion takes them."""


@dataclass(frozen=True)
class Request:
    """What a client sends: V1 instances and parameters; ``what`` it is, for people."""

    what: str
    instances: list[Any]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Clients:
    """What the clients of a version know of it."""

    signature: Signature
    requests: tuple[Request, ...]
    """Some that it answers."""


class Scored(Scores, frozen=True, kw_only=True):
    """What asking one version showed."""

    clients: Clients | None
    """None where nobody can ask it."""
    inputs: InputsResult | None
    """Whether it takes what another one's clients send; None if none are given."""


def score(
    bundle: Path,
    serving: Serving,
    data: Dataset,
    concurrency: int,
    clients: Clients | None = None,
) -> Scored:
    """Ask the model in ``bundle`` for every row, ``concurrency`` at a time, as clients would.

    Each client sends its next row when the last one is answered (a closed loop). A row that
    gets no answer counts as wrong.

    Args:
        bundle: the model's files.
        serving: how it is to be served.
        data: the rows.
        concurrency: how many clients there are.
        clients: of the champion, whose requests it is asked as well.

    Raises:
        ArtifactError: the bundle cannot be loaded.
        InputError: the rows lack a column that the model needs, or a value is of the wrong type.
    """
    return asyncio.run(_score(bundle, serving, data, concurrency, clients))


def score_champion(bundle: Path, serving: Serving, data: Dataset, concurrency: int) -> Scored:
    """As `score`; but a row that it does not take, or all if it cannot be loaded, got no answer.

    It serves: that the data set is not made for it, or that its libraries are gone, must be told,
    and must not be in the way of every candidate for ever.
    """
    try:
        return asyncio.run(_score(bundle, serving, data, concurrency, None, champion=True))
    except ArtifactError as error:
        rows = range(len(data.rows))
        return Scored(
            right=(False,) * len(rows),
            latencies_ms=(),
            failed=tuple(rows),
            first_failure=_said(error),
            clients=None,
            inputs=None,
        )


async def _score(
    bundle: Path,
    serving: Serving,
    data: Dataset,
    concurrency: int,
    clients: Clients | None,
    *,
    champion: bool = False,
) -> Scored:
    right = [False] * len(data.rows)
    latencies: list[float] = []
    failures: dict[int, str] = {}
    async with _opened(bundle, serving) as service:
        inputs = await _compared(service, clients) if clients else None
        instances: dict[int, Any] = {}
        for index, row in enumerate(data.rows):
            try:
                instances[index] = service.model.instance(row)
            except InputError as error:
                if not champion:
                    raise
                failures[index] = _said(error)
        pending = iter(list(instances))

        async def client() -> None:
            for index in pending:
                began = time.perf_counter()
                try:
                    prediction = await _ask(service, [instances[index]])
                    took = time.perf_counter() - began
                    right[index] = _same(_label(prediction), data.targets[index])
                except Exception as error:
                    if isinstance(error, InputError) and not champion:
                        raise
                    failures[index] = _said(error)
                    continue
                latencies.append(took * 1000)

        await asyncio.gather(*(client() for _ in range(concurrency)))
        own = await _clients(service, [instances[n] for n in instances if n not in failures])
    return Scored(
        right=tuple(right),
        latencies_ms=tuple(latencies),
        failed=tuple(sorted(failures)),
        first_failure=failures[min(failures)] if failures else "",
        clients=own,
        inputs=inputs,
    )


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


async def _clients(service: "Service", answered: list[Any]) -> Clients:
    """What the version's clients know of it; its own example, if it answers that."""
    model = cast("Runtime", service.model)  # only these are opened
    requests = [Request("a held-out row", [each]) for each in answered[:_REQUESTS]]
    if model.example:
        saved = Request(
            "the champion's input example", model.example.instances, model.example.params
        )
        with suppress(Exception):
            await _ask(service, saved.instances, saved.params)
            requests.insert(0, saved)
    return Clients(model.signature, tuple(requests))


async def _compared(service: "Service", clients: Clients) -> InputsResult:
    """Hold what the champion's clients send against the candidate."""
    model = cast("Runtime", service.model)
    failures = []
    for request in clients.requests:
        try:
            await _ask(service, request.instances, request.params)
        except Exception as error:  # noqa: BLE001 (a model may raise anything)
            failures.append(f"{request.what}: {_said(error)}")
    return InputsResult(
        narrower=tuple(narrower(clients.signature, model.signature)),
        asked=len(clients.requests),
        unanswered=len(failures),
        first_failure=next(iter(failures), ""),
        notes=tuple(notes(clients.signature, model.signature)),
    )


async def _ask(
    service: "Service", instances: list[Any], params: Mapping[str, Any] | None = None
) -> Any:
    """The prediction that a client would read: through JSON on the way there and back.

    Raises:
        InputError: an instance is not what the model takes.
        Exception: the model raised, or answered what cannot be sent over V1 or V2.
    """
    model = service.model
    raw = model.from_instances(msgspec.json.decode(msgspec.json.encode(instances)))
    raw = model.with_params(raw, params or {})
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
            f"--deadline={_DEADLINE}",
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
