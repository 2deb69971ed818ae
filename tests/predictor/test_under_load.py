"""More than it can do, clients that misbehave, and the end of its life."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.support import pyfuncs
from tests.support.bundles import write_bundle
from tests.support.predictors import ONE_BY_ONE, Predictor, start
from tests.support.waiting import wait_until

Start = Callable[..., Predictor]


def body(*texts: str) -> dict[str, object]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor]}


def connect(predictor: Predictor) -> socket.socket:
    host, port = predictor.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def together(predictor: Predictor, count: int, *texts: str) -> list[httpx.Response]:
    """The answers to ``count`` requests that were sent at the same time."""
    barrier = threading.Barrier(count)

    def ask(_: int) -> httpx.Response:
        with predictor.client() as client:
            client.get("/v2/health/live")
            barrier.wait()
            return client.post("/v2/models/m/infer", json=body(*texts))

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def test_what_the_queue_cannot_hold_gets_503_and_is_told_when_to_return(slow: Predictor) -> None:
    before = slow.metrics()
    answers = together(slow, 16, "w1")
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) == {200, 503}
    assert counts[200] >= 3  # what may wait, and more when the executor was quick
    assert all(
        int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 503
    )
    for name in ('inference_refused_total{reason="shed"}', 'inference_requests_total{code="503"}'):
        assert slow.metrics()[name] - before.get(name, 0) == counts[503]
    assert slow.metrics()["inference_queue_depth"] == 0


@contextmanager
def crowd(predictor: Predictor, count: int, text: str) -> Iterator[None]:
    """So many clients that ask without pause."""
    over = threading.Event()

    def ask(_: int) -> None:
        with predictor.client() as client:
            while not over.is_set():
                client.post("/v2/models/m/infer", json=body(text))

    with ThreadPoolExecutor(count) as pool:
        asking = pool.map(ask, range(count))
        try:
            yield
        finally:
            over.set()
        list(asking)


def test_the_gauges_are_true_while_it_is_busy(slow: Predictor) -> None:
    full = {
        "inference_queue_depth": 3,
        "inference_queue_tokens": 6,
        "inference_executors_busy": 1,
    }
    with crowd(slow, 6, "w1 w2"):
        wait_until(lambda: full.items() <= slow.metrics().items())
        assert slow.metrics()["inference_in_flight"] >= 4
    idle = dict.fromkeys((*full, "inference_in_flight"), 0)
    wait_until(lambda: idle.items() <= slow.metrics().items())


def test_a_request_past_its_deadline_gets_504(start_predictor: Start, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "slow", work=50)
    predictor = start_predictor(bundle, *ONE_BY_ONE, "--deadline=0.2")
    answers = together(predictor, 3, "w1")
    assert {answer.status_code for answer in answers} <= {503, 504}
    assert 504 in {answer.status_code for answer in answers}
    wait_until(lambda: predictor.metrics()["inference_executors_busy"] == 0)
    assert predictor.metrics()["inference_in_flight"] == 0


def test_a_cancelled_request_is_dropped_before_it_costs_anything(slow: Predictor) -> None:
    content = json.dumps(body("w1")).encode()
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n" % len(content)
    kinds = (b"application/json", b"application/json; charset=utf-8")
    before = slow.metrics()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(together, slow, 1, "w1")
        wait_until(lambda: slow.metrics()["inference_executors_busy"] == 1)
        with ExitStack() as connections:
            for kind in kinds:
                connection = connections.enter_context(connect(slow))
                connection.sendall(head + b"content-type: %s\r\n\r\n%s" % (kind, content))
            wait_until(lambda: slow.metrics()["inference_queue_depth"] == 2)
        wait_until(lambda: slow.metrics()["inference_queue_depth"] == 0)
        assert first.result()[0].is_success
    expected = {
        'inference_refused_total{reason="cancelled"}': 2,
        'inference_requests_total{code="499"}': 2,
        "inference_model_seconds_count": 1,
    }
    after = slow.metrics()
    assert {name: after[name] - before.get(name, 0) for name in expected} == expected


def test_a_client_that_sends_too_slowly_is_cut_off_and_the_others_are_served(
    start_predictor: Start, tmp_path: Path
) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b"), *ONE_BY_ONE, "--receive-timeout=0.5")
    halves = (
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\n",
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 99\r\n\r\n{",
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n"
        b"content-length: 99\r\n\r\n{",
    )
    connections = [connect(predictor) for _ in halves]
    for connection, half in zip(connections, halves, strict=True):
        connection.sendall(half)
    with predictor.client() as client:
        assert client.post("/v2/models/m/infer", json=body("w1")).is_success
    for connection in connections[:2]:
        assert connection.recv(1000).startswith(b"HTTP/1.1 408")
    assert connections[2].recv(1000) == b""
    for connection in connections:
        connection.close()
    wait_until(lambda: predictor.metrics()["inference_in_flight"] == 0)


@pytest.fixture
def overlong(start_predictor: Start, tmp_path: Path) -> Predictor:
    """A model that raises on long texts."""
    bundle = write_bundle(tmp_path / "b", max_tokens=4, overlong="raise")
    return start_predictor(bundle, "--executors=2", "--threads=1", "--batching=padded")


def test_a_text_on_which_the_model_raises_gets_500_and_no_other(overlong: Predictor) -> None:
    texts = ["w1 w2", "w1 w2 w3 w4 w5"] * 20
    with ThreadPoolExecutor(8) as pool, overlong.client() as client:
        answers = list(
            pool.map(lambda text: client.post("/v2/models/m/infer", json=body(text)), texts)
        )
        slow_path = client.post(
            "/v2/models/m/infer",
            json=body(texts[1]),
            headers={"content-type": "application/json; charset=utf-8"},
        )
    assert [answer.status_code for answer in answers] == [200, 500] * 20
    assert "5 tokens" in answers[1].text
    assert (slow_path.status_code, slow_path.content) == (500, answers[1].content)


@pytest.mark.long
@pytest.mark.parametrize("quantised", [False, True], ids=["fp32", "one scale per batch"])
def test_a_text_gets_the_same_answer_alone_and_in_any_company(
    start_predictor: Start, tmp_path: Path, quantised: bool
) -> None:
    bundle = write_bundle(tmp_path / "b", quantised=quantised)
    predictor = start_predictor(bundle)
    texts = [" ".join(f"w{(7 * n + k * k) % 200}" for k in range(1 + n % 17)) for n in range(60)]
    wanted = {"outputs": [{"name": "probabilities"}]}

    def ask(*batch: str) -> list[float]:
        with predictor.client() as client:
            answer = client.post("/v2/models/m/infer", json={**body(*batch), **wanted})
        assert answer.is_success, answer.text
        data: list[float] = answer.json()["outputs"][0]["data"]
        return data

    alone = [probability for text in texts for probability in ask(text)]
    with ThreadPoolExecutor(16) as pool:
        crowded = [probability for data in pool.map(ask, texts) for probability in data]
    assert crowded == pytest.approx(alone, abs=1e-5)
    assert ask(*texts) == pytest.approx(alone, abs=1e-5)


class Talker(threading.Thread):
    """A client that asks on one connection without pause until it is told to leave."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self._predictor = predictor
        self.answered = 0
        self.failed: list[str] = []

    def run(self) -> None:
        with self._predictor.client() as client:
            while True:
                try:
                    answer = client.post("/v2/models/m/infer", json=body("w1 w2"))
                except httpx.TransportError as error:
                    self.failed.append(repr(error))
                    return
                if answer.is_success:
                    self.answered += 1
                else:
                    self.failed.append(answer.text)
                if answer.headers.get("connection") == "close":
                    return


def test_sigterm_under_load_fails_no_request(start_predictor: Start, tmp_path: Path) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b", work=1), *ONE_BY_ONE)
    talkers = [Talker(predictor) for _ in range(6)]
    for talker in talkers:
        talker.start()
    wait_until(lambda: all(talker.answered > 3 for talker in talkers))
    assert predictor.stop() == 0
    for talker in talkers:
        talker.join(30)
        assert talker.failed == []


def test_sigterm_lets_what_was_accepted_finish(start_predictor: Start, tmp_path: Path) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b", work=30), *ONE_BY_ONE, "--deadline=60")
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(together, predictor, 4, "w1")
        wait_until(lambda: predictor.metrics()["inference_queue_depth"] == 3)
        assert predictor.stop() == 0
        assert {answer.status_code for answer in answers.result()} == {200}


def test_who_listens_when_ready_answers_its_first_connection(tmp_path: Path) -> None:
    bundle, log = write_bundle(tmp_path / "b"), tmp_path / "log"
    predictor = start(bundle, log, *ONE_BY_ONE, "--listen-when-ready", ready=False)
    answers = []

    def is_heard() -> bool:
        assert predictor.process.poll() is None, log.read_text()
        with suppress(httpx.ConnectError), predictor.client() as client:
            answers.append(client.post("/v2/models/m/infer", json=body("w1")).status_code)
        return bool(answers)

    try:
        wait_until(is_heard, 120, "its first answer")
        assert answers == [200]
    finally:
        assert predictor.stop() == 0


def test_who_listens_when_ready_is_not_heard_before_nor_where_it_is_stopped_first(
    tmp_path: Path,
) -> None:
    bundle, log, begun = tmp_path / "b", tmp_path / "log", tmp_path / "begun"
    load = f"open({str(begun)!r}, 'w').close(); time.sleep(3)"
    pyfuncs.save(bundle, "return []", columns={"text": "string"}, load=load)
    flags = ("--allow-pickle", *ONE_BY_ONE, "--listen-when-ready")
    predictor = start(bundle, log, *flags, runtime="mlflow", ready=False)
    try:
        wait_until(begun.exists, 60, "its loading")
        with pytest.raises(httpx.ConnectError), predictor.client() as client:
            client.get("/v2/health/live")
    finally:
        assert predictor.stop() == 0
    assert "ready" not in log.read_text()


def test_who_is_still_asked_after_sigterm_serves_on_until_nobody_asks(
    start_predictor: Start, tmp_path: Path
) -> None:
    """For longer than it looks back for somebody who asks."""
    predictor = start_predictor(write_bundle(tmp_path / "b"), *ONE_BY_ONE, "--stay=600")
    with predictor.client() as client:
        assert client.post("/v2/models/m/infer", json=body("w1")).is_success
        predictor.process.terminate()
        for _ in range(70):
            assert client.post("/v2/models/m/infer", json=body("w1")).is_success
            assert client.get("/v2/models/m/ready").is_success
            time.sleep(0.1)
    assert predictor.process.wait(timeout=60) == 0


def test_who_is_asked_without_end_stays_no_longer_than_it_may(
    start_predictor: Start, tmp_path: Path
) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b"), *ONE_BY_ONE, "--stay=1")
    with predictor.client() as client:
        assert client.post("/v2/models/m/infer", json=body("w1")).is_success
        predictor.process.terminate()

        def ended() -> bool:
            with suppress(httpx.TransportError):
                client.post("/v2/models/m/infer", json=body("w1"))
            return predictor.process.poll() is not None

        wait_until(ended, 30, "its end")
    assert predictor.process.returncode == 0


def test_whom_nobody_asks_ends_at_once(start_predictor: Start, tmp_path: Path) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b"), *ONE_BY_ONE, "--stay=600")
    assert predictor.stop() == 0


def test_it_is_not_ready_while_it_drains(start_predictor: Start, tmp_path: Path) -> None:
    predictor = start_predictor(write_bundle(tmp_path / "b"), *ONE_BY_ONE, "--leave=5")
    with predictor.client() as client:
        assert client.get("/v2/models/m/ready").is_success
        predictor.process.terminate()
        wait_until(lambda: client.get("/v2/models/m/ready").status_code == 503)
        assert client.get("/v1/models/m").status_code == 503
        assert client.post("/v2/models/m/infer", json=body("w1")).is_success


def test_a_taken_port_is_told_in_one_line(start_predictor: Start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{port}"):
            start_predictor(tmp_path, f"--http-port={port}")


def test_a_bundle_that_cannot_be_loaded_is_told_in_one_line(
    start_predictor: Start, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=r"bundle\.json"):
        start_predictor(tmp_path)
