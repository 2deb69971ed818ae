"""Inference parameters reach the model from every protocol, or are refused; none is dropped."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

from tests.support import pyfuncs
from tests.support.predictors import ONE_BY_ONE, Predictor, start

pytestmark = pytest.mark.slow

TENSOR: dict[str, Any] = {"name": "x", "shape": [1], "datatype": "FP64", "data": [2.0]}


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    folder = tmp_path_factory.mktemp("scaled")
    signature = ModelSignature(
        Schema([ColSpec("double", "x")]),
        Schema([ColSpec("double")]),
        ParamSchema([ParamSpec("factor", "long", 1)]),
    )
    pyfuncs.save(
        folder / "bundle",
        "return [x * (params or {}).get('factor', 1) for x in model_input['x']]",
        columns={"x": "double"},
        signature=signature,
    )
    flags = ("--allow-pickle", *ONE_BY_ONE)
    running = start(folder / "bundle", folder / "log", *flags, runtime="mlflow")
    yield running
    assert running.stop() == 0


def ask(predictor: Predictor, door: str, params: dict[str, Any]) -> tuple[int | str, Any]:
    """The status, and the one number that was answered."""
    if door == "grpc":
        return asyncio.run(_ask_grpc(predictor, params))
    with predictor.client() as client:
        if door == "v1":
            body = {"instances": [{"x": 2.0}], "params": params}
            answer = client.post("/v1/models/m:predict", json=body)
            return answer.status_code, answer.json().get("predictions", [None])[0]
        answer = client.post("/v2/models/m/infer", json={"inputs": [TENSOR], "parameters": params})
        found = answer.json().get("outputs", [{"data": [None]}])
        return answer.status_code, found[0]["data"][0]


async def _ask_grpc(predictor: Predictor, params: dict[str, Any]) -> tuple[int | str, Any]:
    request = pb.ModelInferRequest(
        model_name="m",
        inputs=[{**{k: TENSOR[k] for k in ("name", "shape", "datatype")}}],
    )
    request.inputs[0].contents.fp64_contents.append(2.0)
    for name, value in params.items():
        field = "int64_param" if isinstance(value, int) else "string_param"
        setattr(request.parameters[name], field, value)
    async with grpc.aio.insecure_channel(predictor.grpc) as channel:
        try:
            answer = await GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=20)
        except grpc.aio.AioRpcError as error:
            return 400 if error.code() == grpc.StatusCode.INVALID_ARGUMENT else "failed", None
    return 200, answer.outputs[0].contents.fp64_contents[0]


@pytest.mark.parametrize("door", ["v1", "v2", "grpc"])
def test_a_parameter_reaches_the_model(scaled: Predictor, door: str) -> None:
    assert ask(scaled, door, {}) == (200, 2.0)
    assert ask(scaled, door, {"factor": 3}) == (200, 6.0)


@pytest.mark.parametrize("door", ["v1", "v2", "grpc"])
@pytest.mark.parametrize("params", [{"faktor": 3}, {"factor": "three"}])
def test_a_parameter_that_the_model_does_not_have_is_refused(
    scaled: Predictor, door: str, params: dict[str, Any]
) -> None:
    assert ask(scaled, door, params) == (400, None)
