"""One request through every door: V1, V2, V2's binary form and gRPC, its tensors raw or not."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

from components.predictor.model import Spec, Tensor
from components.predictor.runtimes.contract.outputs import columns
from tests.support.zoo.requests import tensors

NUMPY = {"INT64": "int64", "FP64": "float64", "FP32": "float32", "INT32": "int32"}


def everywhere(
    client: httpx.Client,
    grpc: str,
    model: str,
    instances: Sequence[Any],
    params: Mapping[str, Any],
) -> dict[str, dict[str, list[Any]]]:
    """What each door answers, as rows by output; one that refuses is an AssertionError.

    Args:
        client: of the predictor or the gateway; its headers go with gRPC as well.
        grpc: host and port of the same.
        model: what is asked.
        instances: as V1 has them.
        params: inference parameters.
    """
    path, given = f"/v2/models/{model}", {"parameters": params} if params else {}
    body = {"instances": instances, **({"params": params} if params else {})}
    v1 = _well(client.post(f"/v1/models/{model}:predict", json=body))
    inputs = tensors(
        [
            Spec(i["name"], i["datatype"], tuple(i["shape"]))
            for i in client.get(path).json()["inputs"]
        ],
        instances,
    )
    listed = [
        {"name": t.name, "shape": t.shape, "datatype": t.datatype, "data": t.data} for t in inputs
    ]
    v2 = client.post(f"{path}/infer", json={"inputs": listed, **given})
    packed = [_input(tensor, raw=True, binary_data=True) for tensor in inputs]
    content, length = InferRequest(model, packed, parameters=params or None).to_rest()
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(length),
    }
    binary = client.post(f"{path}/infer", content=content, headers=headers)
    metadata = [(name, client.headers[name]) for name in client.headers if name.startswith("x-")]
    return {
        "V1": columns(v1["predictions"]),
        "V2": _rows(_well(v2)),
        "V2 binary": _rows(_well(binary)),
        "gRPC raw": asyncio.run(_over_grpc(grpc, model, inputs, params, metadata, raw=True)),
        "gRPC": asyncio.run(_over_grpc(grpc, model, inputs, params, metadata, raw=False)),
    }


def _well(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def _rows(answer: Any) -> dict[str, list[Any]]:
    return {
        output["name"]: np.array(output["data"], dtype=object).reshape(output["shape"]).tolist()
        for output in answer["outputs"]
    }


def _input(tensor: Tensor, *, raw: bool, **how: Any) -> Any:
    if not raw:
        return InferInput(tensor.name, tensor.shape, tensor.datatype, data=tensor.data)
    values = [v.encode() if isinstance(v, str) else v for v in tensor.data]
    array = np.array(values, dtype=NUMPY.get(tensor.datatype, "object")).reshape(tensor.shape)
    made = InferInput(tensor.name, tensor.shape, tensor.datatype)
    made.set_data_from_numpy(array, **how)
    return made


async def _over_grpc(
    address: str,
    model: str,
    inputs: Sequence[Tensor],
    params: Mapping[str, Any],
    metadata: Sequence[tuple[str, str]],
    *,
    raw: bool,
) -> dict[str, list[Any]]:
    # KServe's client knows no parameter with a fraction.
    whole = {name: int(value) for name, value in params.items()} or None
    given = [_input(tensor, raw=raw) for tensor in inputs]
    client = InferenceGRPCClient(url=address, timeout=30)
    try:
        request = InferRequest(model_name=model, infer_inputs=given, parameters=whole)
        answer = await client.infer(request, headers=metadata)
    finally:
        await client.close()
    found = {}
    for output in answer.outputs:
        values = output.as_numpy()
        texts = [v.decode() if isinstance(v, bytes) else v for v in values.ravel().tolist()]
        found[output.name] = np.array(texts, dtype=object).reshape(values.shape).tolist()
    return found
