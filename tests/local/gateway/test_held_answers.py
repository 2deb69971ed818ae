"""Clients that hold an answer back, once its head has told them which version gave it."""

import json
import socket
import struct
from collections.abc import Callable

import pytest

from components.judge import Sample
from tests.support.held import Held
from tests.support.stands import Stand
from tests.support.waiting import wait_until

StandFor = Callable[..., Stand]

HELD_S = 1.0
EDGE = "490"
"""In ms: below it lies what the version took, above it what the client did."""


def held(stand: Stand, *, rpc: bool = False, size: int = 0) -> Held:
    headers = {"x-api-key": stand.client.headers["x-api-key"], "x-test-size": str(size)}
    path, body = stand.path, b"{}"
    if rpc:
        path, body = "/inference.GRPCInferenceService/ModelInfer", bytes(5)
        headers |= {"content-type": "application/grpc", "te": "trailers"}
        headers["x-sluice-endpoint"] = stand.endpoint.name
    return Held(stand.client.base_url.port or 0, path, headers, body)


def counted(stand: Stand, rpc: bool) -> Sample:
    found = stand.platform.metrics.sample(stand.endpoint.name, ["2"], max_age=10).versions["2"]
    return found.get("envoy/grpc" if rpc else "envoy/rest") or Sample(0, 0, {})


@pytest.mark.parametrize("rpc", [False, True], ids=["REST", "gRPC"])
def test_an_answer_that_its_client_holds_back_is_nobodys_latency(
    stand_for: StandFor, rpc: bool
) -> None:
    stand = stand_for(f"held-{'grpc' if rpc else 'rest'}")
    stand.split({"2": 100})
    for _ in range(3):
        with held(stand, rpc=rpc) as request:
            assert request.is_held(HELD_S)
            body = request.open()
        assert len(body) == 5 if rpc else json.loads(body)["version"] == "2"
    wait_until(lambda: counted(stand, rpc).buckets.get("+Inf") == 3)
    found = counted(stand, rpc)
    assert (found.requests, found.errors, found.unanswered, found.buckets[EDGE]) == (3, 0, 0, 3)


@pytest.mark.parametrize("size", [1 << 16, 1 << 20])
def test_whoever_leaves_at_the_head_of_an_answer_fails_nobody(
    stand_for: StandFor, size: int
) -> None:
    """The head says whose answer it is; of a large one the rest is still on its way."""
    stand = stand_for(f"left-{size}")
    stand.split({"2": 100})
    head = f"POST {stand.path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n"
    head += f"x-api-key: {stand.client.headers['x-api-key']}\r\nx-test-size: {size}\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", stand.client.base_url.port or 0), 10) as sent:
            sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sent.sendall(head.encode() + b"{}")
            assert sent.recv(12) == b"HTTP/1.1 200"
    wait_until(lambda: counted(stand, rpc=False).buckets.get("+Inf") == 20)
    found = counted(stand, rpc=False)
    assert (found.requests, found.errors, found.unanswered) == (20, 0, 0)


@pytest.mark.parametrize("size", [0, 32 << 20], ids=["small", "larger than what is kept"])
def test_whoever_holds_an_answer_back_and_leaves_fails_nobody(
    stand_for: StandFor, size: int
) -> None:
    stand = stand_for(f"held-left-{size}")
    stand.split({"2": 100})
    for leave in (True, False):
        with held(stand, size=size) as request:
            assert request.is_held(HELD_S)
            if leave:
                request.leave()
    wait_until(lambda: counted(stand, rpc=False).requests == 2)
    found = counted(stand, rpc=False)
    assert (found.errors, found.unanswered) == (0, 0)
