"""The threads behind the scheduler, with models that are plain functions."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from components.predictor.metrics import Metrics
from components.predictor.model import Row
from components.predictor.scheduling.engine import Engine
from components.predictor.scheduling.refusals import Expired
from components.predictor.scheduling.scheduler import Limits, Scheduler

Run = Callable[[Sequence[Row], bool], list[Any]]


def rows(*values: object) -> list[Row]:
    return [Row(value, 1) for value in values]


def engine(run: Run, executors: int = 2, deadline: float = 30, batch_rows: int = 4) -> Engine:
    scheduler = Scheduler(Limits(batch_rows=batch_rows), executors)
    return Engine(scheduler, run, deadline, Metrics("m", "1"))


def double(batch: Sequence[Row], _: bool) -> list[Any]:
    return [2 * row.payload for row in batch]


def test_every_request_gets_its_own_answers_in_its_order() -> None:
    async def ask() -> list[list[Any]]:
        running = engine(double)
        requests = [[number, number + 1000, number + 2000] for number in range(200)]
        answers = await asyncio.gather(*(running.submit(rows(*values)) for values in requests))
        running.close()
        assert running.join(10)
        return answers

    assert asyncio.run(ask()) == [[2 * n, 2 * n + 2000, 2 * n + 4000] for n in range(200)]


def test_a_row_that_raises_fails_its_own_request_only() -> None:
    def run(batch: Sequence[Row], _: bool) -> list[Any]:
        if any(row.payload == "poison" for row in batch):
            raise ValueError("poison")
        return [row.payload for row in batch]

    async def ask() -> list[Any]:
        running = engine(run)
        values = ["poison" if number % 7 == 3 else number for number in range(40)]
        answers: list[Any] = await asyncio.gather(
            *(running.submit(rows(value)) for value in values), return_exceptions=True
        )
        return answers

    answers = asyncio.run(ask())
    for number, answer in enumerate(answers):
        if number % 7 == 3:
            assert isinstance(answer, ValueError)
        else:
            assert answer == [number]


def test_a_model_that_loses_rows_fails_instead_of_shifting_answers() -> None:
    async def ask() -> None:
        await engine(lambda batch, _: list(batch[1:])).submit(rows("a", "b"))

    with pytest.raises(RuntimeError, match="answers to 1 rows"):
        asyncio.run(ask())


def test_the_executor_that_ran_last_runs_next() -> None:
    async def ask() -> set[str]:
        running = engine(lambda batch, _: [threading.current_thread().name] * len(batch), 3)
        used = set()
        for _ in range(20):
            while len(running._idle) < 3:
                await asyncio.sleep(0.001)
            used.update(await running.submit(rows("a")))
        running.close()
        assert running.join(10)
        return used

    assert len(asyncio.run(ask())) == 1


def test_a_run_that_does_not_end_is_answered_at_its_deadline() -> None:
    blocked = threading.Event()

    def run(batch: Sequence[Row], _: bool) -> list[Any]:
        blocked.wait(30)
        return [None] * len(batch)

    async def ask() -> None:
        running = engine(run, executors=1, deadline=0.1)
        try:
            with pytest.raises(Expired):
                await running.submit(rows("a"))
            assert running.scheduler.open_requests == 0
        finally:
            blocked.set()

    asyncio.run(ask())


def test_a_request_whose_task_is_cancelled_never_runs() -> None:
    gate = threading.Event()
    ran: list[object] = []

    def run(batch: Sequence[Row], _: bool) -> list[Any]:
        gate.wait(30)
        ran.extend(row.payload for row in batch)
        return [None] * len(batch)

    async def ask() -> None:
        running = engine(run, executors=1, batch_rows=1)
        first = asyncio.ensure_future(running.submit(rows("first")))
        second = asyncio.ensure_future(running.submit(rows("second")))
        while running.scheduler.running == 0:
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert running.scheduler.waiting_requests == 0
        gate.set()
        await first

    asyncio.run(ask())
    assert ran == ["first"]


def test_closing_lets_what_was_submitted_finish() -> None:
    async def ask() -> list[Any]:
        running = engine(double, executors=1)
        pending = [asyncio.ensure_future(running.submit(rows(number))) for number in range(20)]
        await asyncio.sleep(0)
        running.close()
        answers: list[Any] = await asyncio.gather(*pending)
        return answers

    assert asyncio.run(ask()) == [[2 * number] for number in range(20)]
