"""V1, V2 and gRPC as clients see them, the clients not written by us included."""

import asyncio
import json
import socket
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput

from tests.support.predictors import Predictor
from tests.support.waiting import wait_until

TEXTS = ["w1 w2 w3", "w190 w20"]


def body(*texts: object, **more: object) -> dict[str, object]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor], **more}


def outputs(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}


def test_v2_answers_label_and_probability_of_every_text(predictor: Predictor) -> None:
    with predictor.client() as client:
        answer = client.post("/v2/models/m/infer", json=body(*TEXTS, id="call-1"))
    content = answer.json()
    assert content["id"] == "call-1"
    assert (content["model_name"], content["model_version"]) == ("m", "7")
    tensors = outputs(answer)
    assert list(tensors) == ["label", "probability"]
    assert tensors["label"]["shape"] == [2]
    assert set(tensors["label"]["data"]) <= {"red", "green", "blue"}
    assert all(1 / 3 < p <= 1 for p in tensors["probability"]["data"])


def test_v2_answers_only_the_outputs_asked_for_in_their_order(predictor: Predictor) -> None:
    wanted = [{"name": "probabilities"}, {"name": "label"}]
    with predictor.client() as client:
        tensors = outputs(client.post("/v2/models/m/infer", json=body(*TEXTS, outputs=wanted)))
    assert list(tensors) == ["probabilities", "label"]
    assert tensors["probabilities"]["shape"] == [2, 3]
    rows = np.reshape(tensors["probabilities"]["data"], (2, 3))
    assert np.allclose(rows.sum(axis=1), 1)


def test_v1_answers_the_same_as_v2(predictor: Predictor) -> None:
    with predictor.client() as client:
        predictions = client.post("/v1/models/m:predict", json={"instances": TEXTS}).json()
        tensors = outputs(client.post("/v2/models/m/infer", json=body(*TEXTS)))
    assert predictions == {
        "predictions": [
            {"label": label, "probability": probability}
            for label, probability in zip(
                tensors["label"]["data"], tensors["probability"]["data"], strict=True
            )
        ]
    }


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_kserves_rest_client_works(predictor: Predictor, binary: bool) -> None:
    async def ask() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        text = InferInput("text", [2], "BYTES")
        array = np.array([t.encode() for t in TEXTS], dtype=np.object_)
        text.set_data_from_numpy(array, binary_data=binary)
        request = InferRequest(
            model_name="m", infer_inputs=[text], parameters={"binary_data_output": binary}
        )
        assert await client.is_server_live(predictor.url)
        assert await client.is_model_ready(predictor.url, "m")
        answer = await client.infer(predictor.url, request, model_name="m")
        await client.close()
        return answer

    answer = asyncio.run(ask())
    with predictor.client() as client:
        expected = outputs(client.post("/v2/models/m/infer", json=body(*TEXTS)))
    assert answer.outputs[0].as_numpy().tolist() in (
        expected["label"]["data"],
        [label.encode() for label in expected["label"]["data"]],
    )
    assert np.allclose(answer.outputs[1].as_numpy(), expected["probability"]["data"])


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "contents"])
def test_kserves_grpc_client_works(predictor: Predictor, raw: bool) -> None:
    async def ask() -> Any:
        client = InferenceGRPCClient(url=predictor.grpc)
        text = InferInput("text", [2], "BYTES", data=list(TEXTS))
        if raw:
            text.set_data_from_numpy(np.array([t.encode() for t in TEXTS], dtype=np.object_))
        assert await client.is_model_ready("m")
        wanted = [RequestedOutput("probability")]
        request = InferRequest(
            model_name="m", infer_inputs=[text], request_id="call-2", request_outputs=wanted
        )
        answer = await client.infer(request)
        await client.close()
        return answer

    answer = asyncio.run(ask())
    with predictor.client() as client:
        expected = outputs(client.post("/v2/models/m/infer", json=body(*TEXTS)))
    assert answer.id == "call-2"
    assert [output.name for output in answer.outputs] == ["probability"]
    assert np.allclose(answer.outputs[0].as_numpy(), expected["probability"]["data"])


def test_a_wrong_grpc_input_is_an_invalid_argument(predictor: Predictor) -> None:
    async def ask() -> None:
        client = InferenceGRPCClient(url=predictor.grpc)
        wrong = InferInput("txt", [1], "BYTES", data=["w1"])
        try:
            await client.infer(InferRequest(model_name="m", infer_inputs=[wrong]))
        finally:
            await client.close()

    before = predictor.metrics().get('inference_requests_total{code="400"}', 0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        asyncio.run(ask())
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "'text'" in (caught.value.details() or "")
    assert predictor.metrics()['inference_requests_total{code="400"}'] == before + 1


def test_metadata_names_inputs_and_outputs(predictor: Predictor) -> None:
    with predictor.client() as client:
        metadata = client.get("/v2/models/m").json()
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [output["name"] for output in metadata["outputs"]] == [
        "label",
        "probability",
        "probabilities",
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"{", "JSON"),
        (b"", "required"),
        (b'{"inputs": 3}', "list"),
        (json.dumps(body()).encode(), "at least one"),
        (json.dumps(body(5)).encode(), "no string"),
        (json.dumps(body(None)).encode(), "no string"),
        (json.dumps(body("w1", outputs=[{"name": "color"}])).encode(), "'color'"),
        (b'{"inputs":[{"name":"t","shape":[1],"datatype":"BYTES","data":["a"]}]}', "'text'"),
        (b'{"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a"]}]}', "[1]"),
        (b'{"inputs":[{"name":"text","shape":[1],"datatype":"FP32","data":["a"]}]}', "BYTES"),
        (b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["\\ud800"]}]}', "Unic"),
        (b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","data":["\xff"]}]}', ""),
        (b"[" * 10000, ""),
    ],
)
def test_a_wrong_v2_request_gets_400_with_what_was_wrong(
    predictor: Predictor, wrong: bytes, said: str
) -> None:
    with predictor.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v2/models/m/infer", content=wrong, headers=headers)
    assert answer.status_code == 400, answer.text
    assert said in answer.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"{", "format"),
        (b"[1]", "instances"),
        (b'{"instances": "w1"}', "list"),
        (b'{"instances": []}', "at least one"),
        (b'{"instances": [1]}', "instance 0"),
        (b'{"rows": ["w1"]}', "instances"),
    ],
)
def test_a_wrong_v1_request_gets_400_with_what_was_wrong(
    predictor: Predictor, wrong: bytes, said: str
) -> None:
    with predictor.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/models/m:predict", content=wrong, headers=headers)
    assert answer.status_code == 400, answer.text
    assert said in answer.text


@pytest.mark.parametrize("length", ["-1", "x", "99999999"])
def test_a_binary_body_that_is_not_what_its_header_says_gets_400(
    predictor: Predictor, length: str
) -> None:
    with predictor.client() as client:
        answer = client.post(
            "/v2/models/m/infer",
            content=b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES",'
            b'"parameters":{"binary_data_size":9}}]}\x00\x00',
            headers={
                "content-type": "application/octet-stream",
                "inference-header-content-length": length,
            },
        )
    assert answer.status_code == 400, answer.text


def test_an_oversized_body_gets_413_announced_or_not(predictor: Predictor) -> None:
    large = b" " * (2 * 1024 * 1024 + 1)
    with predictor.client() as client:
        assert client.post("/v2/models/m/infer", content=large).status_code == 413
        chunks = (large[n : n + 65536] for n in range(0, len(large), 65536))
        assert client.post("/v2/models/m/infer", content=chunks).status_code == 413


def test_a_request_with_more_rows_than_the_queue_holds_gets_413(predictor: Predictor) -> None:
    with predictor.client() as client:
        answer = client.post("/v2/models/m/infer", json=body(*["w1 w2 w3 w4"] * 9000))
    assert answer.status_code == 413
    assert "32768" in answer.text


def test_an_unknown_model_is_not_found(predictor: Predictor) -> None:
    with predictor.client() as client:
        assert client.post("/v2/models/other/infer", json=body("w1")).status_code == 404


def test_pipelined_requests_are_answered_in_order(predictor: Predictor) -> None:
    texts = [f"w{n}" for n in range(20)]
    raw = b"".join(
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-type: %s\r\n"
        b"content-length: %d\r\n\r\n%s" % (kind, len(content), content)
        for number, text in enumerate(texts)
        for kind in (b"application/json" if number % 3 else b"application/json; charset=utf-8",)
        for content in (json.dumps(body(text, id=text)).encode(),)
    )
    host, port = predictor.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(raw)
        received = b""
        while received.count(b'"id":') < len(texts):
            received += connection.recv(65536)
    positions = [received.index(b'"id":"%s"' % text.encode()) for text in texts]
    assert positions == sorted(positions)


def test_a_body_in_many_small_pieces_is_answered(predictor: Predictor) -> None:
    content = json.dumps(body("w1")).encode()
    head = (
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(content)
    )
    host, port = predictor.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head + content:
            connection.sendall(bytes([byte]))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_only_the_loopback_address_listens(predictor: Predictor) -> None:
    listening = "0A"
    tables = [("/proc/net/tcp", "0100007F"), ("/proc/net/tcp6", "0000000000000000FFFF00000100007F")]
    ports = {int(address.rsplit(":", 1)[1]) for address in (predictor.url, predictor.grpc)}
    found = {}
    for table, _ in tables:
        with open(table, encoding="ascii") as lines:  # noqa: PTH123 a kernel table, not a file
            for line in list(lines)[1:]:
                _, local, _, state, *_ = line.split()
                address, port = local.split(":")
                if state == listening and int(port, 16) in ports:
                    found[int(port, 16)] = address
    assert set(found) == ports
    assert set(found.values()) <= {loopback for _, loopback in tables}


def test_metrics_count_what_was_answered(predictor: Predictor) -> None:
    before = predictor.metrics()
    with predictor.client() as client:
        for _ in range(5):
            client.post("/v2/models/m/infer", json=body(*TEXTS))
        client.post("/v2/models/m/infer", json=body())
    after = predictor.metrics()

    def grown(name: str) -> float:
        return float(after[name] - before.get(name, 0))

    assert grown('inference_requests_total{code="200"}') == 5
    assert grown('inference_requests_total{code="400"}') == 1
    assert grown("inference_latency_seconds_count") == 6
    assert grown("inference_queue_seconds_count") == 5
    assert grown("inference_batch_size_sum") == 10
    assert after["inference_in_flight"] == 0
    assert after["inference_queue_depth"] == 0
    assert after["inference_calibration_executors"] == 2


def test_a_client_that_hangs_up_is_counted_and_leaves_nothing_behind(predictor: Predictor) -> None:
    host, port = predictor.url.removeprefix("http://").split(":")
    content = json.dumps(body(*["w1 w2"] * 3000)).encode()
    head = (
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(content)
    )
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head + content)
    wait_until(lambda: predictor.metrics()["inference_in_flight"] == 0)
    assert predictor.metrics()["inference_queue_tokens"] == 0
