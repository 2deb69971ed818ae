"""What any client may send to any route, in any state: the right status, one form of error."""

import asyncio
import gzip
import json
import random
import socket
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from components.load.metadata import datatypes_at
from tests.support import pyfuncs
from tests.support.bundles import write_bundle
from tests.support.predictors import ONE_BY_ONE, Predictor, start
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

V1, V2 = "/v1/models/m:predict", "/v2/models/m/infer"
JSON = {"content-type": "application/json"}
TENSOR: dict[str, Any] = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["w1"]}
RIGHT: dict[str, dict[str, Any]] = {V1: {"instances": ["w1"]}, V2: {"inputs": [TENSOR]}}
READS = ("/v1/models/m", "/v2/models/m", "/v2/models/m/ready", "/v2/health/ready")


def error_of(answer: httpx.Response) -> str:
    """The one form of every error: an object with the reason, in one line."""
    assert answer.status_code >= 400, answer.text
    assert answer.headers["content-type"] == "application/json", answer.text
    content = answer.json()
    assert list(content) == ["error"]
    assert content["error"]
    assert "\n" not in content["error"]
    return str(content["error"])


def binary(tail: bytes, size: object, **more: Any) -> tuple[bytes, dict[str, str]]:
    tensor = {**TENSOR, "parameters": {"binary_data_size": size}, **more}
    del tensor["data"]
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + tail, {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(head)),
    }


@pytest.mark.parametrize(
    ("tail", "size", "more"),
    [
        (b"\x04\0\0\0card", 7, {}),
        (b"\x04\0\0\0card", 80, {}),
        (b"\x04\0\0\0card", -8, {}),
        (b"\x04\0\0\0cardmore", 8, {}),
        (b"\x04\0\0\0card", 8, {"shape": [-1]}),
        (b"\x04\0\0\0card", 8, {"shape": [2]}),
        (b"\x04\0\0\0car\xff", 8, {}),
        (b"\x04\0\0\0card", 8, {"datatype": "FOO"}),
        (b"\x04\0\0\0card", 8, {"datatype": "FP64"}),
        (b"", 0, {}),
    ],
)
def test_a_wrongly_framed_binary_tensor_is_the_client_s_fault(
    predictor: Predictor, tail: bytes, size: object, more: Mapping[str, Any]
) -> None:
    content, headers = binary(tail, size, **more)
    with predictor.client() as client:
        answer = client.post(V2, content=content, headers=headers)
    assert answer.status_code == 400
    assert "'text'" in error_of(answer) or "behind the last input" in error_of(answer)


def test_a_rightly_framed_one_is_answered(predictor: Predictor) -> None:
    content, headers = binary(b"\x02\0\0\0w1", 6)
    with predictor.client() as client:
        answer = client.post(V2, content=content, headers=headers)
        plain = client.post(V2, json=RIGHT[V2])
    assert answer.json()["outputs"] == plain.json()["outputs"]


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
def test_a_compressed_request_is_answered_as_the_plain_one(
    predictor: Predictor, path: str, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    content = json.dumps(RIGHT[path]).encode()
    with predictor.client() as client:
        answer = client.post(
            path, content=pack(content), headers={**JSON, "content-encoding": coding}
        )
        plain = client.post(path, json=RIGHT[path]).json()
    assert answer.status_code == 200, answer.text
    for key in ("predictions", "outputs"):
        assert answer.json().get(key) == plain.get(key)


def test_a_compressed_binary_request_is_answered(predictor: Predictor) -> None:
    content, headers = binary(b"\x02\0\0\0w1", 6)
    with predictor.client() as client:
        answer = client.post(
            V2, content=gzip.compress(content), headers={**headers, "content-encoding": "gzip"}
        )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize(
    ("coding", "content", "status"),
    [
        ("br", b"x", 415),
        ("zstd", b"x", 415),
        ("gzip", b"x", 400),
        ("gzip", gzip.compress(bytes(10**8)), 413),
    ],
)
def test_another_coding_a_broken_one_and_a_bomb_are_refused(
    predictor: Predictor, path: str, coding: str, content: bytes, status: int
) -> None:
    with predictor.client() as client:
        answer = client.post(path, content=content, headers={**JSON, "content-encoding": coding})
    assert answer.status_code == status
    error_of(answer)
    assert answer.headers.get("accept-encoding") == (
        "gzip, deflate, identity" if status == 415 else None
    )


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize(("coding", "status"), [("gzip", 400), ("br", 415), ("identity", 200)])
def test_a_coding_is_not_overlooked_where_the_body_is_plain(
    predictor: Predictor, path: str, coding: str, status: int
) -> None:
    with predictor.client() as client:
        answer = client.post(
            path,
            content=json.dumps(RIGHT[path]).encode(),
            headers={**JSON, "content-encoding": coding},
        )
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", [V1, V2])
def test_one_rule_for_the_content_type_and_the_refusal_names_it(
    predictor: Predictor, path: str
) -> None:
    content = json.dumps(RIGHT[path]).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    with predictor.client() as client:
        refused = client.post(path, content=content, headers=form)
        without = client.post(path, content=content)
    assert refused.status_code == 415
    assert "'content-type: application/json'" in error_of(refused)
    assert refused.headers["accept"] == "application/json"
    assert without.status_code == 200, without.text


@pytest.mark.parametrize("path", [V1, V2])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_refused_on_both(predictor: Predictor, path: str, number: str) -> None:
    key = "instances" if path == V1 else "inputs"
    with predictor.client() as client:
        answer = client.post(path, content=f'{{"{key}": [{number}]}}', headers=JSON)
    assert answer.status_code == 400
    assert number.strip("-") in error_of(answer)


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/v1/models", "/v2", "/v2/models", "/v2/health/live", *READS],
)
def test_head_is_get_without_the_body(predictor: Predictor, path: str) -> None:
    with predictor.client() as client:
        got, head = client.get(path), client.head(path)
        again = client.get(path)
    assert (got.status_code, again.status_code) == (200, 200)
    assert head.status_code == got.status_code
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.content == b""


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", [V1, V2, "/v2/models/m/versions/7/infer"])
def test_another_method_is_405_with_what_is_allowed(
    predictor: Predictor, path: str, method: str
) -> None:
    with predictor.client() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert "takes POST" in error_of(answer)


@pytest.mark.parametrize("path", READS)
def test_a_reading_route_takes_get_and_head(predictor: Predictor, path: str) -> None:
    with predictor.client() as client:
        answer = client.post(path, json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    error_of(answer)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/v2/models/other/ready", 404),
        ("POST", "/v2/models/other/infer", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("GET", "/v2/models/m/versions/8", 404),
        ("GET", "/v2/models/m/versions/8/ready", 404),
        ("POST", "/v2/models/m/versions/8/infer", 404),
        ("GET", "/v2/models/m/versions/7/nothing", 404),
        ("POST", "/v1/models/m:explain", 501),
        ("POST", "/v2/repository/models/m/unload", 501),
        ("POST", "/v2/repository/models/m/load", 501),
    ],
)
def test_what_is_not_there_is_said_in_the_form_of_every_error(
    predictor: Predictor, method: str, path: str, status: int
) -> None:
    with predictor.client() as client:
        answer = client.request(method, path, content=b"{}" * (method == "POST"), headers=JSON)
        still = client.post(V2, json=RIGHT[V2])
    assert answer.status_code == status
    error_of(answer)
    assert still.status_code == 200


def test_what_is_no_http_gets_the_same_form(predictor: Predictor) -> None:
    host, port = predictor.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"NO HTTP AT ALL\r\n\r\n")
        received = connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]


def test_the_version_that_is_served_may_stand_in_the_path(predictor: Predictor) -> None:
    path = "/v2/models/m/versions/7"
    with predictor.client() as client:
        assert client.get(path).json() == client.get("/v2/models/m").json()
        assert client.get(f"{path}/ready").json() == {"name": "m", "ready": True}
        named = client.post(f"{path}/infer", json=RIGHT[V2]).json()
        plain = client.post(V2, json=RIGHT[V2]).json()
    assert (named["model_version"], named["outputs"]) == ("7", plain["outputs"])


def test_metadata_names_version_and_platform(predictor: Predictor) -> None:
    with predictor.client() as client:
        metadata = client.get("/v2/models/m").json()
    assert metadata["versions"] == ["7"]
    assert metadata["platform"] == "sluice_text-classifier"


def test_what_the_model_says_is_asked_and_need_not_be_answered(predictor: Predictor) -> None:
    url = f"{predictor.url}/v2/models"
    assert datatypes_at(f"{url}/m", {}) == {"text": "BYTES"}
    assert datatypes_at(f"{url}/other", {}) == {}
    assert datatypes_at("http://127.0.0.1:1/v2/models/m", {}) == {}


def parts(answer: httpx.Response) -> tuple[dict[str, Any], bytes]:
    length = int(answer.headers["inference-header-content-length"])
    return json.loads(answer.content[:length]), answer.content[length:]


@pytest.mark.parametrize(
    ("parameters", "outputs", "expected"),
    [
        ({"binary_data_output": True}, None, [True, True]),
        ({"binary_data_output": True}, ["label"], [True]),
        ({"binary_data_output": True}, ["probability", ("label", False)], [True, False]),
        ({}, ["probabilities", ("label", True)], [False, True]),
        ({"binary_data_output": False}, [("label", True), ("probability", True)], [True, True]),
    ],
)
def test_outputs_come_in_binary_as_they_were_asked_for(
    predictor: Predictor, parameters: dict[str, Any], outputs: Any, expected: list[bool]
) -> None:
    wanted = [
        {"name": each}
        if isinstance(each, str)
        else {"name": each[0], "parameters": {"binary_data": each[1]}}
        for each in outputs or ()
    ]
    names = [each["name"] for each in wanted] or ["label", "probability"]
    request = {**RIGHT[V2], "parameters": parameters, "outputs": wanted}
    with predictor.client() as client:
        answer = client.post(V2, json=request)
        plain = client.post(
            V2, json={**RIGHT[V2], "outputs": [{"name": name} for name in names]}
        ).json()
    assert answer.headers["content-type"] == "application/octet-stream"
    head, tail = parts(answer)
    assert [output["name"] for output in head["outputs"]] == names
    for output, whole, is_binary in zip(head["outputs"], plain["outputs"], expected, strict=True):
        assert ("data" not in output) == is_binary
        data = output.get("data")
        if is_binary:
            size = output["parameters"]["binary_data_size"]
            raw, tail = tail[:size], tail[size:]
            if output["datatype"] == "BYTES":
                assert int.from_bytes(raw[:4], "little") == size - 4
                data = [raw[4:].decode()]
            else:
                data = list(struct.unpack(f"<{size // 4}f", raw))
        assert data == pytest.approx(whole["data"])
        assert output["shape"] == whole["shape"]
    assert tail == b""


def ask(predictor: Predictor, call: str, request: Any) -> Any:
    async def asking() -> Any:
        async with grpc.aio.insecure_channel(predictor.grpc) as channel:
            return await getattr(GRPCInferenceServiceStub(channel), call)(request, timeout=20)

    return asyncio.run(asking())


def refusal(predictor: Predictor, call: str, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        ask(predictor, call, request)
    return caught.value.code(), caught.value.details() or ""


def rpc(raw: list[bytes] | None = None, **more: Any) -> Any:
    tensor: dict[str, Any] = {"name": "text", "datatype": "BYTES", "shape": [1]}
    request: dict[str, Any] = {"model_name": "m"}
    for key, value in more.items():
        (request if key in ("model_name", "model_version") else tensor)[key] = value
    if raw is None and "contents" not in tensor:
        tensor["contents"] = {"bytes_contents": [b"w1"]}
    return pb.ModelInferRequest(inputs=[tensor], raw_input_contents=raw or [], **request)


@pytest.mark.parametrize(
    "request_",
    [
        rpc(shape=[-1]),
        rpc(shape=[2]),
        rpc(datatype="FOO"),
        rpc(datatype=""),
        rpc(datatype="FP16"),
        rpc(contents={"bytes_contents": [b"\xff"]}),
        rpc(contents={"fp32_contents": [1.0]}),
        rpc(datatype="UINT8", contents={"uint_contents": [300]}),
        rpc(raw=[b"\x03\0\0\0w1"]),
        rpc(raw=[b"\x02\0\0\0w1more"]),
        rpc(raw=[b"\x02\0\0\0w1", b""]),
        rpc(raw=[b"\x02\0\0\0w1"], contents={"bytes_contents": [b"w1"]}),
        rpc(raw=[b"\x01\0\0\0\xff"]),
        pb.ModelInferRequest(model_name="m"),
    ],
    ids=str,
)
def test_the_client_s_fault_is_an_invalid_argument_in_grpc(
    predictor: Predictor, request_: Any
) -> None:
    code, said = refusal(predictor, "ModelInfer", request_)
    assert (code, bool(said)) == (grpc.StatusCode.INVALID_ARGUMENT, True)


@pytest.mark.parametrize("call", ["ModelInfer", "ModelReady", "ModelMetadata", "ServerLive"])
@pytest.mark.parametrize("message", [b"\xff\xff", b"\x0a\x05m"])
def test_a_message_that_does_not_decode_is_an_invalid_argument(
    predictor: Predictor, call: str, message: bytes
) -> None:
    async def asking() -> None:
        async with grpc.aio.insecure_channel(predictor.grpc) as channel:
            method = channel.unary_unary(f"/inference.GRPCInferenceService/{call}")
            await method(message, timeout=20)

    faults = 'inference_requests_total{code="400"}'
    before = predictor.metrics().get(faults, 0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        asyncio.run(asking())
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "does not decode" in (caught.value.details() or "")
    assert predictor.metrics().get(faults, 0) - before == (call == "ModelInfer")


def test_raw_inputs_get_raw_outputs_and_others_get_contents(predictor: Predictor) -> None:
    raw = ask(predictor, "ModelInfer", rpc(raw=[b"\x02\0\0\0w1"]))
    plain = ask(predictor, "ModelInfer", rpc())
    (label,) = plain.outputs[0].contents.bytes_contents
    assert raw.raw_output_contents[0] == len(label).to_bytes(4, "little") + label
    (probability,) = plain.outputs[1].contents.fp32_contents
    assert struct.unpack("<f", raw.raw_output_contents[1]) == (probability,)
    assert (raw.model_version, plain.model_version) == ("7", "7")


@pytest.mark.parametrize(
    ("call", "right", "wrong"),
    [
        ("ModelInfer", rpc(model_version="7"), rpc(model_version="8")),
        (
            "ModelReady",
            pb.ModelReadyRequest(name="m", version="7"),
            pb.ModelReadyRequest(name="m", version="8"),
        ),
        (
            "ModelMetadata",
            pb.ModelMetadataRequest(name="m", version="7"),
            pb.ModelMetadataRequest(name="m", version="8"),
        ),
    ],
)
def test_grpc_takes_the_served_version_and_finds_no_other(
    predictor: Predictor, call: str, right: Any, wrong: Any
) -> None:
    answer = ask(predictor, call, right)
    if call == "ModelMetadata":
        assert (list(answer.versions), answer.platform) == (["7"], "sluice_text-classifier")
    code, said = refusal(predictor, call, wrong)
    assert (code, "this is version 7" in said) == (grpc.StatusCode.NOT_FOUND, True)
    assert refusal(predictor, "ModelInfer", rpc(model_name="x"))[0] == grpc.StatusCode.NOT_FOUND


def test_nobody_unloads_the_model_by_grpc(predictor: Predictor) -> None:
    request = pb.RepositoryModelUnloadRequest(model_name="m")
    assert refusal(predictor, "RepositoryModelUnload", request)[0] == grpc.StatusCode.UNIMPLEMENTED
    assert ask(predictor, "ModelInfer", rpc()).outputs


def states(predictor: Predictor) -> dict[str, object]:
    """What every readiness route says, as far as the process listens."""
    with predictor.client() as client:
        found: dict[str, object] = {
            path: client.get(path).status_code for path in READS if path != "/v2/models/m"
        }
    found["ServerReady"] = ask(predictor, "ServerReady", pb.ServerReadyRequest()).ready
    found["ModelReady"] = ask(predictor, "ModelReady", pb.ModelReadyRequest(name="m")).ready
    return found


READY: dict[str, object] = {
    "/v1/models/m": 200,
    "/v2/models/m/ready": 200,
    "/v2/health/ready": 200,
    "ServerReady": True,
    "ModelReady": True,
}
UNREADY = {route: 503 if value == 200 else False for route, value in READY.items()}


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    """A predictor whose model takes for ever to load."""
    folder = tmp_path_factory.mktemp("loading")
    pyfuncs.save(
        folder / "bundle", "return []", columns={"text": "string"}, load="time.sleep(3600)"
    )
    flags = ("--allow-pickle", *ONE_BY_ONE)
    running = start(folder / "bundle", folder / "log", *flags, runtime="mlflow", ready=False)

    def listens() -> bool:
        assert running.process.poll() is None, running.log.read_text()
        try:
            return httpx.get(f"{running.url}/v2/health/live", trust_env=False).is_success
        except httpx.TransportError:
            return False

    wait_until(listens, 60)
    yield running
    running.process.kill()
    running.process.wait()


def test_while_it_loads_no_readiness_route_says_ready(loading: Predictor) -> None:
    assert states(loading) == UNREADY


@pytest.mark.parametrize("path", READS)
def test_while_it_loads_a_route_says_so_and_none_answers_500(loading: Predictor, path: str) -> None:
    with loading.client() as client:
        answer = client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "is loading" in error_of(answer)


@pytest.mark.parametrize("path", [V1, V2])
def test_while_it_loads_an_inference_is_503(loading: Predictor, path: str) -> None:
    with loading.client() as client:
        answer = client.post(path, json=RIGHT[path])
    assert answer.status_code == 503
    assert "loading" in error_of(answer)


@pytest.mark.parametrize(
    ("call", "request_"),
    [("ModelInfer", rpc()), ("ModelMetadata", pb.ModelMetadataRequest(name="m"))],
)
def test_while_it_loads_grpc_is_unavailable(loading: Predictor, call: str, request_: Any) -> None:
    code, said = refusal(loading, call, request_)
    assert (code, "loading" in said) == (grpc.StatusCode.UNAVAILABLE, True)


def test_while_it_drains_no_readiness_route_says_ready_and_all_else_is_answered(
    start_predictor: Callable[..., Predictor], tmp_path: Path
) -> None:
    running = start_predictor(write_bundle(tmp_path / "b"), *ONE_BY_ONE, "--leave=8")
    assert states(running) == READY
    running.process.terminate()
    wait_until(lambda: states(running) == UNREADY, 5)
    with running.client() as client:
        assert client.get("/v2/models/m").status_code == 200
        assert client.post(V2, json=RIGHT[V2]).status_code == 200
    assert ask(running, "ModelInfer", rpc()).outputs


def rubbish(draw: random.Random) -> tuple[str, str, bytes, dict[str, str]]:
    """A request of the right outline with anything in its places."""
    values: list[Any] = [None, True, -1, 0, 1.5, 2**70, 1e39, "", "w1", [], [[]], ["w1"], {}, [1]]

    def any_of(*usual: Any) -> Any:
        return draw.choice(usual) if draw.random() < 0.7 else draw.choice(values)

    tensor = {
        "name": any_of("text", "text", "x"),
        "shape": any_of([1], [1], [2], [1, 1], [-1], [0]),
        "datatype": any_of("BYTES", "BYTES", "FP64", "INT8", "BOOL", "FOO"),
        "data": any_of(["w1"], ["w1"], [1], [["w1"]], [None]),
        "parameters": any_of({}, {"binary_data_size": any_of(6, 6, 7, -1, 10**9)}),
    }
    for key in list(tensor):
        if draw.random() < 0.15:
            del tensor[key]
    if draw.random() < 0.4:
        tensor.pop("data", None)
    content = {
        "inputs": any_of([tensor], [tensor], [tensor, tensor], []),
        "instances": any_of(["w1"], [1], [None], [["w1"]]),
        "outputs": any_of(None, [{"name": any_of("label", "x")}]),
        "parameters": any_of({}, {"binary_data_output": any_of(True, False)}),
        "id": any_of("x", None),
    }
    head = json.dumps(content).encode()
    tail = draw.choice([b"", b"", b"\x02\0\0\0w1", b"\x02\0\0\0w1x", b"\xff" * 9])
    headers = {
        "content-type": draw.choice(
            [
                "application/json",
                "application/octet-stream",
                "application/cloudevents+json",
                "text/plain",
                "x/y; charset=q",
                "",
            ]
        )
    }
    if draw.random() < 0.6:
        length = any_of(len(head), len(head), len(head) + 1, 0, -5)
        headers["inference-header-content-length"] = str(length)
    if draw.random() < 0.2:
        headers["content-encoding"] = draw.choice(["gzip", "deflate", "br", "identity", ","])
    if draw.random() < 0.1:
        headers |= {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
    body = head + tail
    if headers.get("content-encoding") == "gzip" and draw.random() < 0.5:
        body = gzip.compress(body)
    method = draw.choice(["POST"] * 8 + ["GET", "PUT", "HEAD"])
    path = draw.choice([V1, V2, V2, V2, "/v2/models/m/versions/7/infer", "/v2/models/m"])
    return method, path, body, headers


def test_structured_rubbish_is_answered_or_refused_and_never_fails(predictor: Predictor) -> None:
    draw = random.Random(13)  # noqa: S311 nothing secret
    seen = set()
    with predictor.client() as client:
        for _ in range(1500):
            method, path, content, headers = rubbish(draw)
            answer = client.request(method, path, content=content, headers=headers, timeout=20)
            seen.add(answer.status_code)
            assert answer.status_code == 200 or 400 <= answer.status_code < 500, (
                method,
                path,
                headers,
                content,
                answer.text,
            )
            if answer.is_error and method != "HEAD":
                error_of(answer)
        assert client.post(V2, json=RIGHT[V2]).status_code == 200
    assert {200, 400, 405, 415} <= seen


def test_structured_rubbish_in_grpc_is_answered_or_an_invalid_argument(
    predictor: Predictor,
) -> None:
    draw = random.Random(14)  # noqa: S311 nothing secret

    def request() -> Any:
        tensor: dict[str, Any] = {
            "name": draw.choice(["text", "text", "x"]),
            "datatype": draw.choice(["BYTES", "BYTES", "FP64", "INT8", "FOO", "FP16", ""]),
            "shape": draw.choice([[1], [1], [2], [-1], [0], [], [2**62, 2**62]]),
        }
        if draw.random() < 0.6:
            tensor["contents"] = draw.choice(
                [
                    {"bytes_contents": [b"w1"]},
                    {"bytes_contents": [b"\xff"]},
                    {"fp64_contents": [1.5]},
                    {"int_contents": [300]},
                    {"bool_contents": [True], "bytes_contents": [b"w1"]},
                ]
            )
        count = draw.choice([0, 0, 1, 2])
        raw = [draw.choice([b"\x02\0\0\0w1", b"", b"\xff" * 8]) for _ in range(count)]
        outputs = [{"name": draw.choice(["label", "x"])}] * draw.choice([0, 0, 1])
        return pb.ModelInferRequest(
            model_name="m", inputs=[tensor], raw_input_contents=raw, outputs=outputs
        )

    async def asking() -> set[grpc.StatusCode]:
        codes = set()
        async with grpc.aio.insecure_channel(predictor.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            for _ in range(500):
                try:
                    await stub.ModelInfer(request(), timeout=20)
                    codes.add(grpc.StatusCode.OK)
                except grpc.aio.AioRpcError as error:
                    codes.add(error.code())
        return codes

    assert asyncio.run(asking()) == {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
