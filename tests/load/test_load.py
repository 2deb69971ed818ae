import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import repeat
from pathlib import Path

import pytest
from aiohttp import web

from components.errors import InputError
from components.load.log import Log, read
from components.load.mix import LONG_WORDS, row_bodies, text_bodies
from components.load.schedule import MAX_REQUESTS, due_times
from components.load.sender import LATE_MS, Outcome, send
from components.load.summary import summarise

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/infer", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/infer"
    finally:
        await runner.cleanup()


def sent(handler: Handler, times: list[float], timeout: float = 5.0) -> list[Outcome]:
    async def run() -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with serving(handler) as url:
            await send(
                url, {"x-api-key": "k"}, times, repeat(b"{}"), outcomes.append, timeout=timeout
            )
        return outcomes

    return asyncio.run(run())


def test_constant_arrivals_are_equally_spaced() -> None:
    assert list(due_times(4, 1, "constant", 0)) == [0.0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_rise_have_the_rate_and_are_the_same_again() -> None:
    times = list(due_times(50, 100, "poisson", 7))
    assert times == sorted(times) == list(due_times(50, 100, "poisson", 7))
    assert all(0 < time < 100 for time in times)
    assert abs(len(times) - 5000) < 5 * 5000**0.5
    assert times != list(due_times(50, 100, "poisson", 8))


@pytest.mark.parametrize(("rate", "seconds"), [(0, 1), (1, 0), (-1, 1), (MAX_REQUESTS, 1.1)])
def test_a_schedule_without_end_or_sense_is_refused(rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"positive|more than"):
        due_times(rate, seconds, "constant", 0)


def test_the_production_mix_holds_its_share_of_long_messages() -> None:
    bodies = text_bodies(["how do I top up"], 0.12, seed=3)
    texts = [json.loads(next(bodies))["inputs"][0]["data"][0] for _ in range(2000)]
    share = sum(len(text.split()) >= LONG_WORDS for text in texts) / len(texts)
    assert 0.09 < share < 0.15
    plain = text_bodies(["how do I top up"], 0.0, seed=3)
    assert {next(plain) for _ in range(100)} == {next(plain)}


def test_rows_become_one_tensor_a_column() -> None:
    body = json.loads(next(row_bodies([{"width": "1.5", "name": "x"}], seed=0)))
    assert body["inputs"] == [
        {"name": "width", "shape": [1], "datatype": "FP64", "data": [1.5]},
        {"name": "name", "shape": [1], "datatype": "BYTES", "data": ["x"]},
    ]


def test_a_column_has_one_type_by_all_of_its_cells() -> None:
    rows = [
        {"n": "1.5", "gap": "", "flag": "True", "code": "007", "text": "7"},
        {"n": "-2", "gap": "3", "flag": "false", "code": "12", "text": "x"},
    ]
    bodies = row_bodies(rows, seed=1)
    seen = {next(bodies) for _ in range(20)}
    inputs = [{i["name"]: i for i in json.loads(body)["inputs"]} for body in seen]
    types = {name: i["datatype"] for each in inputs for name, i in each.items()}
    assert types == {"n": "FP64", "gap": "FP64", "flag": "BOOL", "code": "BYTES", "text": "BYTES"}
    assert sorted("gap" in each for each in inputs) == [False, True]


def test_a_column_is_sent_as_the_model_says() -> None:
    row = {"zip": "12345", "on": "1", "n": "9007199254740993", "m": "3.0", "x": "", "age": "7"}
    row |= {"code": "007", "word": "seven"}
    told = {"zip": "BYTES", "on": "BOOL", "n": "INT64", "m": "INT32", "x": "FP64"}
    told |= {"code": "FP64", "word": "FP64"}
    inputs = json.loads(next(row_bodies([row], 1, told)))["inputs"]
    assert {i["name"]: (i["datatype"], i["data"]) for i in inputs} == {
        "zip": ("BYTES", ["12345"]),
        "on": ("BOOL", [True]),
        "n": ("INT64", [9007199254740993]),
        "m": ("FP64", [3.0]),
        "age": ("FP64", [7.0]),
        "code": ("INT64", [7]),
        "word": ("BYTES", ["seven"]),
    }


def test_each_request_is_noted_with_status_and_version() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["x-api-key"] == "k"
        return web.json_response({}, headers={"x-model-version": "7"})

    outcomes = sent(handler, [0.0, 0.01, 0.02])
    assert [(o.status, o.version, o.error) for o in outcomes] == [(200, "7", None)] * 3
    assert len({o.due for o in outcomes}) == 3


def test_a_slow_answer_does_not_hold_back_the_next_request() -> None:
    waiting = 0
    all_there = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        if waiting == 5:
            all_there.set()
        await all_there.wait()
        return web.json_response({})

    assert [o.status for o in sent(handler, [0.0, 0.01, 0.02, 0.03, 0.04])] == [200] * 5


def test_a_request_without_an_answer_has_status_zero_and_says_why() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.json_response({})

    (outcome,) = sent(handler, [0.0], timeout=0.1)
    assert (outcome.status, outcome.error) == (0, "TimeoutError")


def test_a_dead_server_is_noted_for_every_request() -> None:
    outcomes: list[Outcome] = []
    asyncio.run(send("http://127.0.0.1:9/infer", {}, [0.0, 0.01], repeat(b"{}"), outcomes.append))
    assert [(o.status, o.error) for o in outcomes] == [(0, "ClientConnectorError")] * 2


def test_nothing_is_sent_once_it_is_stopped() -> None:
    async def run() -> list[Outcome]:
        outcomes: list[Outcome] = []
        stop = asyncio.Event()

        async def handler(request: web.Request) -> web.Response:
            stop.set()
            return web.json_response({})

        async with serving(handler) as url:
            times = (n / 2 for n in range(10**6))
            await send(url, {}, times, repeat(b"{}"), outcomes.append, stop=stop)
        return outcomes

    assert len(asyncio.run(run())) == 1


def outcome(status: int, version: str | None, ms: float, late_ms: float = 0.0) -> Outcome:
    return Outcome(100.0 + ms, late_ms, ms, status, version, None if status else "TimeoutError")


def test_a_summary_counts_shares_failures_and_latencies_by_version() -> None:
    outcomes = [
        *(outcome(200, "1", ms) for ms in (1, 2, 3, 4)),
        outcome(500, "2", 9, late_ms=LATE_MS + 1),
        outcome(429, "2", 5),
        outcome(0, None, 0),
    ]
    summary = summarise(outcomes)
    assert summary.statuses == {"200": 4, "429": 1, "500": 1, "TimeoutError": 1}
    assert (summary.late, summary.total.requests, summary.total.failures) == (1, 7, 2)
    one, two = summary.versions["1"], summary.versions["2"]
    assert (one.requests, one.failures, one.p50_ms, one.p95_ms) == (4, 0, 2, 4)
    assert (two.share, two.failures) == (2 / 7, 1)


def test_a_summary_of_nothing_is_empty() -> None:
    summary = summarise([])
    assert (summary.total.requests, summary.total.p95_ms, summary.versions) == (0, None, {})


def test_a_log_is_read_back_and_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    outcomes = [outcome(200, "1", 1.5), outcome(0, None, 0.0)]
    with Log(path) as log:
        for line in outcomes:
            log.write(line)
    with path.open("a") as file:
        file.write('{"due": 1')
    assert list(read(path)) == outcomes
    with path.open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"log\.jsonl:3"):
        list(read(path))
