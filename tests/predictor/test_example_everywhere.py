"""What `sluice register` accepts answers its own example over V1, V2, its binary form and gRPC."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest

from components.predictor.model import Spec, Tensor
from components.predictor.runtimes.contract.outputs import columns
from components.predictor.runtimes.pyfunc import Pyfunc
from tests.predictor.conftest import Start
from tests.support.predictors import Predictor
from tests.support.zoo import ZOO
from tests.support.zoo.requests import tensors

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # MLflow warns of pickles

NUMPY = {"INT64": "int64", "FP64": "float64", "FP32": "float32", "INT32": "int32"}
MODELS = (
    "answers-frame-of-dates",
    "answers-outputs-by-name",
    "onnx-two-inputs",
    "chat",
    "hint-models",
    "parameters",
    "sklearn-categories",
)


def example_of(folder: Path) -> tuple[list[Any], dict[str, Any]]:
    """Rows and parameters: the model's own, or made up where it has none."""
    model = Pyfunc.load(folder, allow_pickle=True)
    if model.example:
        return model.example.instances, dict(model.example.params)
    return [{"a": [1.0, 2.0], "b": [3.0, 4.0]}], {}


def as_array(tensor: Tensor) -> Any:
    kind = NUMPY.get(tensor.datatype, "object")
    values = [v.encode() if isinstance(v, str) else v for v in tensor.data]
    return np.array(values, dtype=kind).reshape(tensor.shape)


def rows_of(outputs: Any) -> dict[str, list[Any]]:
    found = {}
    for output in outputs:
        values = output.as_numpy()
        texts = [v.decode() if isinstance(v, bytes) else v for v in values.ravel().tolist()]
        found[output.name] = np.array(texts, dtype=object).reshape(values.shape).tolist()
    return found


async def over_grpc(predictor: Predictor, inputs: list[Tensor], params: Any, raw: bool) -> Any:
    made = []
    for tensor in inputs:
        given = InferInput(tensor.name, tensor.shape, tensor.datatype)
        if raw:
            given.set_data_from_numpy(as_array(tensor))
        else:
            given = InferInput(tensor.name, tensor.shape, tensor.datatype, data=tensor.data)
        made.append(given)
    client = InferenceGRPCClient(url=predictor.grpc)
    try:
        # KServe's client knows no parameter with a fraction.
        whole = {name: int(value) for name, value in params.items()}
        request = InferRequest(model_name="m", infer_inputs=made, parameters=whole or None)
        return rows_of((await client.infer(request)).outputs)
    finally:
        await client.close()


def binary(inputs: list[Tensor], params: Any) -> tuple[bytes, dict[str, str]]:
    """The body of V2's binary form, and its headers."""
    made = []
    for tensor in inputs:
        given = InferInput(tensor.name, tensor.shape, tensor.datatype)
        given.set_data_from_numpy(as_array(tensor), binary_data=True)
        made.append(given)
    request = InferRequest(model_name="m", infer_inputs=made, parameters=params or None)
    body, length = request.to_rest()
    headers = {"content-type": "application/octet-stream"}
    return body, {**headers, "inference-header-content-length": str(length)}


@pytest.mark.parametrize("name", MODELS)
def test_an_example_is_answered_alike_through_every_door(
    tmp_path: Path, start_predictor: Start, name: str
) -> None:
    folder = tmp_path / "m"
    ZOO[name].save(folder)
    instances, params = example_of(folder)
    predictor = start_predictor(
        folder, "--allow-pickle", "--executors=1", "--threads=1", runtime="mlflow"
    )
    with predictor.client() as client:
        body = {"instances": instances, **({"params": params} if params else {})}
        v1 = client.post("/v1/models/m:predict", json=body)
        assert v1.status_code == 200, v1.text
        expected = columns(v1.json()["predictions"])
        specs = [
            Spec(each["name"], each["datatype"], tuple(each["shape"]))
            for each in client.get("/v2/models/m").json()["inputs"]
        ]
        inputs = tensors(specs, instances)
        given = [
            {"name": t.name, "shape": t.shape, "datatype": t.datatype, "data": t.data}
            for t in inputs
        ]
        plain = client.post("/v2/models/m/infer", json={"inputs": given, "parameters": params})
        content, headers = binary(inputs, params)
        packed = client.post("/v2/models/m/infer", content=content, headers=headers)
        unknown = client.post(
            "/v2/models/m/infer", json={"inputs": given, "parameters": {"unheard": 1}}
        )
    for answer in (plain, packed):
        assert answer.status_code == 200, answer.text
        found = {
            o["name"]: np.array(o["data"], dtype=object).reshape(o["shape"]).tolist()
            for o in answer.json()["outputs"]
        }
        assert found == expected
    assert unknown.status_code == 400
    assert "'unheard'" in unknown.text
    for raw in (True, False):
        assert asyncio.run(over_grpc(predictor, inputs, params, raw)) == expected, raw
    assert json.dumps(expected)
