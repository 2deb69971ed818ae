"""The same rows to MLflow's own scoring server and to ours: status and values are the same.

`make contract` tries every model of the zoo, the ordinary run a sample of each room of it.
"""

import asyncio
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from components.endpoint import Execution
from components.errors import SluiceError
from components.predictor.http.errors import status_of
from components.predictor.runtimes.contract.outputs import columns
from components.predictor.server import open_service
from components.predictor.service import Service
from components.predictor.settings import Settings
from tests.support.zoo import ZOO, Ask, Case
from tests.support.zoo.requests import tensors

ALL = os.environ.get("SLUICE_CONTRACT") == "all"
SAMPLE = (
    "sklearn-labels",
    "sklearn-array-of-integers",
    "xgboost-gaps",
    "lightgbm-booster",
    "onnx-float32",
    "onnx-two-inputs",
    "array-uint8",
    "answers-records-of-scalars",
    "answers-ranked",
    "answers-outputs-by-name",
    "dates",
    "optional-columns",
    "integers",
    "parameters",
    "hint-models",
    "text-classification",
    "chat",
)

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
]  # what models' libraries warn of is their own


async def ask_mlflow(model: Any, payload: dict[str, Any]) -> tuple[int, Any]:
    """Status and predictions of MLflow's own server, in this process."""
    from mlflow.pyfunc import scoring_server

    transport = httpx.ASGITransport(scoring_server.init(model))
    async with httpx.AsyncClient(transport=transport, base_url="http://mlflow") as client:
        answer = await client.post(
            "/invocations",
            content=json.dumps(payload),
            headers={"content-type": "application/json"},
        )
    content = json.loads(answer.text) if answer.text else None
    if not isinstance(content, dict) or answer.status_code != 200:
        return answer.status_code, content
    return 200, content.get("predictions")


async def ask_ours(service: Service, ask: Ask) -> tuple[int, Any]:
    """Status and predictions of V1, through JSON on both ways."""
    instances = msgspec.json.decode(json.dumps(list(ask.instances)))
    try:
        predictions = await service.predict(instances, ask.params)
    except SluiceError as error:
        return status_of(error), str(error)
    return 200, msgspec.json.decode(msgspec.json.encode(predictions))


async def ask_over_v2(service: Service, ask: Ask) -> dict[str, list[Any]]:
    """The outputs of V2, each as a list of rows."""
    inputs = tensors(service.model.inputs, ask.instances)
    found = {}
    for tensor in await service.infer(inputs, None, ask.params):
        assert len(tensor.data) == math.prod(tensor.shape), tensor
        array = np.array(tensor.data, dtype=object).reshape(tensor.shape)
        found[tensor.name] = array.tolist()
    return found


def alike(one: Any, other: Any) -> bool:
    """Equal, a number to six digits; what JSON has no number for is null."""
    if isinstance(one, float) and math.isnan(one):
        one = None
    if isinstance(other, float) and math.isnan(other):
        other = None
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    return bool(one == other)


@contextmanager
def opened(folder: Path) -> Iterator[tuple[asyncio.Runner, Service]]:
    """Our service of the model, in this process."""
    settings = Settings(
        bundle=folder,
        runtime="mlflow",
        model_name="m",
        model_version="1",
        allow_pickle=True,
        execution=Execution(executors=2, threads=1),
    )
    service = Service("m", "1")
    with asyncio.Runner() as runner:
        engine = runner.run(open_service(settings, service))
        try:
            yield runner, service
        finally:
            engine.close()
            engine.join(10)


@pytest.mark.parametrize("case", [ZOO[n] for n in (ZOO if ALL else SAMPLE)], ids=lambda c: c.name)
def test_our_server_answers_as_mlflows(case: Case, tmp_path: Path) -> None:
    import mlflow.pyfunc

    folder = tmp_path / "m"
    case.save(folder)
    theirs = mlflow.pyfunc.load_model(str(folder))
    with opened(folder) as (runner, service):
        for ask in case.asks:
            status, predictions = runner.run(ask_mlflow(theirs, ask.mlflow_payload))
            our_status, ours = runner.run(ask_ours(service, ask))
            said = (ask, (status, predictions), (our_status, ours))
            if ask.why:
                assert our_status == ask.status, said
                assert our_status != status, f"no difference to give a reason for: {said}"
                continue
            assert our_status == status, said
            if our_status != 200:
                continue
            assert alike(ours, predictions), said
            if ask.over_v2:
                outputs = runner.run(ask_over_v2(service, ask))
                assert same_rows(outputs, columns(ours)), (outputs, ours)


def same_rows(outputs: dict[str, list[Any]], rows: dict[str, list[Any]]) -> bool:
    """The same values over V2, where rows that are no tensor are JSON text."""
    return outputs.keys() == rows.keys() and all(
        alike(outputs[name], rows[name])
        or alike([json.loads(text) for text in outputs[name] if isinstance(text, str)], rows[name])
        for name in rows
    )


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 40
    assert set(SAMPLE) <= set(ZOO)
    assert all(ask.why for case in ZOO.values() for ask in case.asks if ask.status)
