"""Requests that two servers may read in two ways, and headers by which Envoy can be steered."""

import json
import socket
from collections.abc import Callable

import httpx
import pytest

from components.platform import Platform
from tests.support.stands import Stand

StandFor = Callable[..., Stand]

HIDDEN = b"POST /hidden HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


def raw(stand: Stand, start: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """All that comes back for one request, written to the byte, up to the connection's end."""
    key = b"x-api-key: " + stand.client.headers["x-api-key"].encode()
    lines = [start % stand.path.encode() if b"%s" in start else start, b"host: x", key, *headers]
    with socket.create_connection(("127.0.0.1", stand.client.base_url.port or 0), 10) as sent:
        sent.sendall(b"\r\n".join([*lines, b"", b""]) + body)
        sent.settimeout(1)
        received = b""
        try:
            while chunk := sent.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionResetError):
            pass
    return received


HARMLESS = {"x-envoy-decorator-operation", "x-envoy-original-path"}
"""What Envoy hands on of a client: names for traces and logs, of which there are none."""
POST = b"POST %s HTTP/1.1"
CHUNKED = b"transfer-encoding: chunked"


@pytest.mark.parametrize(
    ("start", "headers", "body"),
    [
        (POST, (b"content-length: 5", CHUNKED), b"0\r\n\r\n" + HIDDEN),
        (POST, (CHUNKED, b"content-length: %d" % len(HIDDEN)), b"0\r\n\r\n" + HIDDEN),
        (POST, (b"content-length: 0", b"content-length: 2"), b"{}"),
        (POST, (b"content-length: +2",), b"{}"),
        (POST, (b"content-length: -2",), b"{}"),
        (POST, (b"content-length: 2, 3",), b"{}"),
        (POST, (b"transfer-encoding: xchunked",), b"0\r\n\r\n"),
        (POST, (b"transfer-encoding: chunked, identity",), b"0\r\n\r\n"),
        (POST, (b"transfer-encoding : chunked",), b"0\r\n\r\n"),
        (POST, (CHUNKED,), b"fffffffffffffffff\r\n"),
        (POST, (b"x: " + b"a" * 100_000,), b""),
        (POST, (b"x: \0",), b""),
        (b"CONNECT 127.0.0.1:22 HTTP/1.1", (), b""),
    ],
)
def test_what_two_servers_may_read_in_two_ways_is_refused_whole(
    stand_for: StandFor, start: bytes, headers: tuple[bytes, ...], body: bytes
) -> None:
    stand = stand_for("smuggled")
    stand.split({"1": 100})
    received = raw(stand, start, *headers, body=body)
    assert received.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), received[:200]
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"x-model-version" not in received


@pytest.mark.parametrize(
    "below", ["/../hidden", "%2f..%2f..", "\\..", ";/../x", "/infer/../ready/x"]
)
def test_a_path_reaches_nothing_but_what_it_names(stand_for: StandFor, below: str) -> None:
    stand = stand_for("paths")
    stand.split({"1": 100})
    received = raw(stand, f"POST {stand.path}{below} HTTP/1.1".encode(), b"content-length: 0")
    assert received.startswith(b"HTTP/1.1 4"), received[:200]
    assert b"x-model-version" not in received


def test_no_header_of_a_client_steers_the_gateway(stand_for: StandFor) -> None:
    stand = stand_for("steered")
    stand.split({"1": 100})
    steering = {
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-upstream-rq-per-try-timeout-ms": "1",
        "x-envoy-retry-on": "5xx",
        "x-envoy-max-retries": "5",
        "x-envoy-upstream-alt-stat-name": "other",
        "x-envoy-decorator-operation": "other",
        "x-envoy-original-path": "/hidden",
        "x-envoy-expected-rq-timeout-ms": "1",
    }
    for besides in ({}, {"x-forwarded-for": "127.0.0.1"}, {"x-forwarded-for": "8.8.8.8"}):
        sent = steering | besides | {"x-test-sleep": "0.3", "x-sluice-begun": "9ms"}
        answer = stand.client.post(stand.path, headers=sent)
        assert answer.status_code == 200
        echoed = {name.lower() for name in json.loads(answer.text)["headers"]}
        assert not echoed & set(steering) - HARMLESS
    doubled = [("x-api-key", stand.client.headers["x-api-key"]), ("x-api-key", "wrong")]
    url = str(stand.client.base_url) + stand.path
    assert httpx.post(url, headers=doubled, trust_env=False).status_code == 200
    assert httpx.post(url, headers=doubled[::-1], trust_env=False).status_code == 401
    for connection in ("x-client-id", "x-model-version"):
        answer = stand.client.post(stand.path, headers={"connection": connection})
        told = {k.lower(): v for k, v in answer.json()["headers"].items()}
        assert told["x-client-id"] == "demo"
    nameless = stand.client.post(stand.path, headers={"connection": "x-api-key"})
    assert nameless.status_code == 401


@pytest.mark.parametrize("header", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_mlflow_takes_nothing_from_another_site(platform: Platform, header: dict[str, str]) -> None:
    url = f"{platform.registry.url}/api/2.0/mlflow/registered-models/create"
    answer = httpx.post(url, json={"name": "foreign"}, headers=header, trust_env=False)
    assert answer.status_code == 403
