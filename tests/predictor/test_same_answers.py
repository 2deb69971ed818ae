"""The fast path and KServe's own application answer the same requests, good and bad, alike.

A header that only KServe's application looks at (`content-encoding: identity`, which it ignores)
sends the very same body past the fast path.
"""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import httpx

from tests.support.predictors import Predictor

V1, V2 = "/v1/models/m:predict", "/v2/models/m/infer"
# KServe's ids have dashes, the fast path's have none: so a test sees who answered.
GENERATED = re.compile(rb'(?<="id":")[0-9a-f-]{32,36}(?=")')


def tensor(data: Any, **more: Any) -> dict[str, Any]:
    content = {"name": "text", "shape": [len(data)], "datatype": "BYTES", "data": data}
    return {**content, **more}


def right() -> Iterator[tuple[str, Any]]:
    texts = [["w1"], ["w1 w2", "w3"], [""], ["Ünïcödé 試験 \U0001f600"], ["a\n\t\"'\\/\u0000"]]
    texts += [[f"w{n} w{n + 1}" for n in range(count)] for count in (5, 40)]
    for number, data in enumerate(texts):
        yield V1, {"instances": data}
        yield V2, {"inputs": [tensor(data)]}
        yield V2, {"inputs": [tensor(data)], "id": f"id-{number}"}
        yield V2, {"inputs": [tensor(data, shape=[len(data), 1])]}
        yield V2, {"inputs": [tensor([[text] for text in data], shape=[len(data), 1])]}
        yield V2, {"inputs": [tensor(data, datatype="bytes")], "model_name": "m"}
        for wanted in (["label"], ["probabilities", "label"], ["probability"] * 2, []):
            yield V2, {"inputs": [tensor(data)], "outputs": [{"name": name} for name in wanted]}
    yield V2, {"inputs": [tensor(["w1"])], "parameters": {"a": 1}, "unknown": None}
    yield V2, {"inputs": [tensor(["w1"], parameters={"content_type": "str"})]}
    yield V2, {"inputs": [tensor(["w1"])], "outputs": [{"name": "label", "parameters": {}}]}
    yield V2, {"inputs": [tensor(["w1"])], "id": None, "outputs": None, "parameters": None}
    yield V2, {"inputs": [tensor(["w1"])], "id": ""}
    yield V2, {"inputs": [tensor(["w1"], shape=[1.0])]}
    yield V1, {"instances": ["w1"], "signature_name": "x"}


def wrong() -> Iterator[tuple[str, Any]]:
    content: Any
    data: Any
    for content in (None, 1, "x", [], {}, {"inputs": None}, {"inputs": [None]}, {"inputs": {}}):
        yield V1, content
        yield V2, content
    for data in (None, 1, "w1", {}, [1], [None], [True], [["w1"], "w2"], [{}], [], [[]]):
        yield V1, {"instances": data}
        yield V2, {"inputs": [{**tensor([]), "shape": [1], "data": data}]}
    for shape in (None, [], [0], [2], [1, 2], [-1], ["1"], "1", [1, 1, 1], [2**70], [1.5], [True]):
        yield V2, {"inputs": [tensor(["w1"], shape=shape)]}
    for datatype in (None, 1, "", "FP32", "FP16", "INT64", "bool", "bytes "):
        yield V2, {"inputs": [tensor(["w1"], datatype=datatype)]}
    for name in (None, 1, "", "Text", "label"):
        yield V2, {"inputs": [tensor(["w1"], name=name)]}
        yield V2, {"inputs": [tensor(["w1"])], "outputs": [{"name": name}]}
    yield V2, {"inputs": []}
    yield V2, {"inputs": [tensor(["w1"]), tensor(["w2"])]}
    yield V2, {"inputs": [tensor(["w1"])], "id": 5}
    yield V2, {"inputs": [tensor(["w1"])], "id": ["x"]}
    yield V2, {"inputs": [tensor(["w1"])], "outputs": "label"}
    yield V2, {"inputs": [tensor(["w1"])], "outputs": [{}]}
    yield V2, {"inputs": [tensor(["w1"])], "parameters": {"binary_data_output": "x"}}


def mutated(seed: int, bodies: list[bytes]) -> bytes:
    """A right or wrong body with a few random bytes changed, dropped or inserted."""
    draw = random.Random(seed)  # noqa: S311 nothing secret
    content = bytearray(draw.choice(bodies))
    for _ in range(draw.randint(1, 3)):
        place, change = draw.randrange(len(content)), draw.randrange(3)
        if change == 0:
            content[place] = draw.randrange(256)
        elif change == 1:
            del content[place]
        else:
            content.insert(place, draw.choice(b'"[]{},:0\\ \xff'))
    return bytes(content)


def comparable(answer: httpx.Response) -> tuple[int, str | None, bytes]:
    """Status, content type and body, without an id that the server made up."""
    body = GENERATED.sub(b"", answer.content)
    return answer.status_code, answer.headers.get("content-type"), body


def test_the_fast_path_and_kserve_answer_alike(predictor: Predictor) -> None:
    cases = [(path, json.dumps(content).encode()) for path, content in (*right(), *wrong())]
    cases += [(V2, b'{"inputs":[],"inputs":%s}' % json.dumps([tensor(["w1"])]).encode())]
    cases += [(path, raw) for path in (V1, V2) for raw in (b"", b"\xff", b"{}{}", b"NaN")]
    bodies = {path: [raw for p, raw in cases if p == path and len(raw) > 2] for path in (V1, V2)}
    cases += [(path, mutated(seed, bodies[path])) for seed in range(150) for path in (V1, V2)]
    assert len(cases) > 400

    short_cuts = 0
    with predictor.client() as client:
        for path, raw in cases:
            headers = {"content-type": "application/json"}
            fast = client.post(path, content=raw, headers=headers)
            kserve = client.post(
                path, content=raw, headers={**headers, "content-encoding": "identity"}
            )
            assert comparable(fast) == comparable(kserve), raw
            assert fast.status_code in (200, 400), (raw, fast.text)
            made_up = GENERATED.search(fast.content)
            if path == V2 and made_up and b"-" not in made_up[0]:
                short_cuts += 1
    assert short_cuts > 40


def test_headers_that_ask_for_more_than_plain_json_are_kserves(predictor: Predictor) -> None:
    raw = json.dumps({"inputs": [tensor(["w1"])]}).encode()
    for extra in (
        {"content-type": "application/json; charset=utf-8"},
        {"content-type": "application/json", "ce-type": "x", "ce-id": "1"},
        {"content-type": "application/json", "expect": "100-continue"},
    ):
        with predictor.client() as client:
            answer = client.post(V2, content=raw, headers=extra)
        assert answer.is_success
        assert "-" in answer.json()["id"]


def test_a_cloud_event_is_answered_as_one(predictor: Predictor) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "test",
        "type": "ask",
        "time": "2026-01-01T00:00:00Z",
        "data": {"instances": ["w1"]},
    }
    with predictor.client() as client:
        plain = client.post(V1, json={"instances": ["w1"]}).json()
        headers = {"content-type": "application/cloudevents+json"}
        answer = client.post(V1, content=json.dumps(event), headers=headers)
        binary = client.post(
            V1,
            content=json.dumps({"instances": ["w1"]}),
            headers={
                "content-type": "application/json",
                "ce-specversion": "1.0",
                "ce-id": "1",
                "ce-source": "test",
                "ce-type": "ask",
            },
        )
    assert answer.json()["data"] == plain
    assert binary.json() == plain
    assert binary.headers["ce-type"] == "io.kserve.inference.response"
