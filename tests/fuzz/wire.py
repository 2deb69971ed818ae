"""Requests of V1, V2, V2's binary form and gRPC, most of them wrong in one place.

Whatever a client sends is answered, or refused as its own fault: never 500, nothing hangs.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any

from components.predictor.http.tensors import DATATYPES
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


TARGETS = (
    Target("v1", _over_http(_v1)),
    Target("v2", _over_http(_v2)),
)
