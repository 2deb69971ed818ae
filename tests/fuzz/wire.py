"""Requests of V1, V2, V2's binary form and gRPC, most of them wrong in one place.

Whatever a client sends is answered, or refused as its own fault: never 500, nothing hangs.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from components.predictor.http.tensors import DATATYPES, to_bytes
from components.predictor.model import Tensor
from components.predictor.scheduling.engine import Engine
from tests.fuzz import mutate
from tests.fuzz.models import Fuzzed, models
from tests.fuzz.run import Ask, Target
from tests.fuzz.server import InProcess

Body = Callable[[Random, Fuzzed], tuple[str, bytes, dict[str, str]]]
"""Path, body and headers of a request."""

_HEADERS = (
    *("content-type", "content-encoding", "inference-header-content-length", "expect", "accept"),
    *("transfer-encoding", "ce-id", "ce-specversion", "x-request-id", "connection", "host"),
)
_VALUES = (
    *("", "0", "-1", "99999999999999999999", "1e3", "\xff", "a" * 5000, "gzip", "deflate", "br"),
    *("application/json", "application/json; charset=utf-16", "text/plain", "100-continue"),
    *("application/octet-stream", "application/cloudevents+json", "application/grpc", "chunked"),
)


@cache
def _stage() -> tuple[InProcess, list[tuple[Fuzzed, Engine]]]:
    """The one predictor of this process, and every model with what runs it."""
    server = InProcess()
    return server, [(each, server.engine(each.model)) for each in models()]


def _over_http(body: Body) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[Ask]:
        server, found = _stage()

        def ask(draw: Random) -> str:
            fuzzed, engine = draw.choice(found)
            server.service.open(fuzzed.model, engine, {})
            return _status(server.http(_request(draw, *body(draw, fuzzed))))

        yield ask

    return opened


def _status(answer: bytes) -> str:
    """The status of an answer that a client may get for what it sent."""
    head, _, content = answer.partition(b"\r\n\r\n")
    status = head[9:12].decode()
    assert status[:1] in ("2", "4") or status == "501", answer[:2000]
    if status[0] != "2":
        assert list(json.loads(content)) == ["error"], answer[:2000]
        assert b"Traceback" not in content, answer[:2000]
    return status


def _request(draw: Random, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    if draw.random() < 0.05:
        headers = {**headers, draw.choice(_HEADERS): draw.choice(_VALUES)}
    headers = {"host": "x", "content-length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def _json(draw: Random, right: Any) -> bytes:
    """``right`` as it is, wrong in a value, or wrong in a byte."""
    turn = draw.random()
    made = mutate.value(draw, right) if 0.05 < turn < 0.85 else right
    text = json.dumps(made, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutate.content(draw, text) if turn >= 0.8 else text


def _v1(draw: Random, fuzzed: Fuzzed) -> tuple[str, bytes, dict[str, str]]:
    right: dict[str, Any] = {"instances": fuzzed.instances}
    if fuzzed.params:
        right["params"] = fuzzed.params
    return "/v1/models/m:predict", _json(draw, right), {"content-type": "application/json"}


def _v2(draw: Random, fuzzed: Fuzzed) -> tuple[str, bytes, dict[str, str]]:
    inputs = [
        {
            "name": each.name,
            "shape": each.shape,
            "datatype": draw.choice(DATATYPES) if draw.random() < 0.05 else each.datatype,
            "data": each.data,
        }
        for each in fuzzed.tensors
    ]
    right: dict[str, Any] = {"id": "1", "inputs": inputs}
    if fuzzed.params or draw.random() < 0.3:
        right["parameters"] = {**fuzzed.params, "binary_data_output": draw.random() < 0.5}
    if draw.random() < 0.3:
        right["outputs"] = [
            {"name": each.name, "parameters": {"binary_data": draw.random() < 0.5}}
            for each in fuzzed.model.outputs
        ]
    return "/v2/models/m/infer", _json(draw, right), {"content-type": "application/json"}


def _binary(draw: Random, fuzzed: Fuzzed) -> tuple[str, bytes, dict[str, str]]:
    """The form that has its tensors behind the JSON; with its sizes right or wrong."""
    inputs, tails = [], []
    for tensor in fuzzed.tensors:
        raw = _raw(tensor)
        tails.append(mutate.content(draw, raw) if draw.random() < 0.3 else raw)
        size = len(tails[-1]) if draw.random() < 0.9 else len(raw)
        inputs.append(
            {
                "name": tensor.name,
                "shape": tensor.shape,
                "datatype": draw.choice(DATATYPES) if draw.random() < 0.1 else tensor.datatype,
                "parameters": {"binary_data_size": size},
            }
        )
    parameters = {**fuzzed.params, "binary_data_output": draw.random() < 0.5}
    head = json.dumps({"inputs": inputs, "parameters": parameters}).encode()
    if draw.random() < 0.4:
        head = _json(draw, json.loads(head))
    length = len(head) if draw.random() < 0.95 else len(head) + draw.randrange(-3, 3)
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(length),
    }
    return "/v2/models/m/infer", head + b"".join(tails), headers


def _raw(tensor: Tensor) -> bytes:
    packed = tensor
    if tensor.datatype == "BYTES":
        packed = replace(tensor, data=[str(value) for value in tensor.data])
    return to_bytes(packed)


def _message(draw: Random, fuzzed: Fuzzed) -> bytes:
    """A ModelInferRequest: with contents or raw, wrong in a field or in a byte."""
    from kserve.constants.constants import GRPC_CONTENT_DATATYPE_MAPPINGS as FIELDS
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

    raw = draw.random() < 0.5
    request = pb.ModelInferRequest(model_name="m", id="1")
    for name, value in fuzzed.params.items():
        if isinstance(value, float):
            request.parameters[name].int64_param = int(value)
    for tensor in fuzzed.tensors:
        datatype = draw.choice(DATATYPES) if draw.random() < 0.1 else tensor.datatype
        shape = [draw.choice((-1, 0, 1, 2, 2**62, size)) for size in tensor.shape]
        given = request.inputs.add(
            name=tensor.name,
            datatype=datatype,
            shape=shape if draw.random() < 0.1 else tensor.shape,
        )
        if raw:
            content = _raw(tensor)
            wrong = draw.random() < 0.2
            request.raw_input_contents.append(mutate.content(draw, content) if wrong else content)
            continue
        values = [_near(draw, value) for value in tensor.data]
        field = FIELDS[tensor.datatype]
        if draw.random() < 0.1:
            field = draw.choice(list(FIELDS.values()))
        with suppress(
            TypeError, ValueError, OverflowError
        ):  # of what protobuf itself does not take
            getattr(given.contents, field).extend(values)
    message: bytes = request.SerializeToString()
    return mutate.content(draw, message) if draw.random() < 0.4 else message


def _near(draw: Random, value: Any) -> Any:
    """A value as protobuf has it; at times one at the edge of its type."""
    if isinstance(value, str):
        content = value.encode()
        return mutate.content(draw, content) if draw.random() < 0.1 else content
    if draw.random() >= 0.1:
        return value
    edges: list[Any] = [each for each in mutate.ODD if type(each) is type(value)]
    return draw.choice(edges or [value])


_OF_CLIENTS = ("OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED")
_CALLS = ("ModelReady", "ModelMetadata", "ServerReady", "ServerMetadata", "RepositoryModelLoad")


@contextmanager
def _over_grpc() -> Iterator[Ask]:
    server, found = _stage()

    def ask(draw: Random) -> str:
        fuzzed, engine = draw.choice(found)
        server.service.open(fuzzed.model, engine, {})
        call = "ModelInfer" if draw.random() < 0.97 else draw.choice(_CALLS)
        status, said = server.rpc(call, _message(draw, fuzzed))
        assert status in _OF_CLIENTS, (call, status, said[:2000])
        assert status == "OK" or (said and b"Traceback" not in said), (status, said[:2000])
        return status

    yield ask


TARGETS = (
    Target("v1", _over_http(_v1)),
    Target("v2", _over_http(_v2)),
    Target("binary", _over_http(_binary)),
    Target("grpc", _over_grpc),
)
