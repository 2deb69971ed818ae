"""The threads that run batches, and the bridge between them and the event loop.

Executors take their next batch from the scheduler themselves, under one lock, so a core never waits
for the event loop. Answers go back through one wake-up of the loop however many there are; while
requests queue, a few of them share one.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from components.predictor.model import Row
from components.predictor.scheduling.refusals import Cancelled, Refused
from components.predictor.scheduling.scheduler import Batch, Scheduler, Ticket

_TICK = 0.05
"""Seconds between looks for requests past their deadline."""


class Observer(Protocol):
    """Who is told what ran; called under the engine's lock, so it must be quick."""

    def batch_ran(self, batch: Batch, seconds: float) -> None:
        """A batch ran to answers in ``seconds``."""

    def refused(self, error: Exception) -> None:
        """A request was refused, expired or was cancelled."""


class Engine:
    """Runs what is submitted; all methods but `close` belong to the event loop's thread."""

    def __init__(
        self,
        scheduler: Scheduler,
        run: Callable[[Sequence[Row], bool], list[Any]],
        deadline: float,
        observer: Observer,
    ) -> None:
        self.scheduler = scheduler
        self._run = run
        self._deadline = deadline
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._idle: list[threading.Lock] = []
        """What the executors that have nothing to do wait for, the last to have run at the end."""
        self._waiting: dict[Ticket, Callable[[Ticket], None]] = {}
        self._finished: list[Ticket] = []
        self._first_finished = 0.0
        self._woken = False
        self._closing = False
        self._tick: asyncio.TimerHandle | None = None
        self._threads = [
            threading.Thread(target=self._execute, name=f"executor-{n}", daemon=True)
            for n in range(scheduler.executors)
        ]
        for thread in self._threads:
            thread.start()

    def check_room(self) -> None:
        """Refuse a request before anything is spent on it.

        Raises:
            Overloaded: the queue is full.
        """
        now = time.monotonic()
        with self._lock:
            try:
                self.scheduler.check_room(1, now, now + self._deadline)
            except Refused as error:
                self._observer.refused(error)
                raise

    def start(self, rows: Sequence[Row], done: Callable[[Ticket], None]) -> Ticket:
        """Run ``rows`` and call ``done`` in the event loop when their request has ended.

        The ticket then has its answers, or its error: refused, expired, or what the model raised.

        Raises:
            Overloaded: there is no room.
            InputError: no rows, or more than the queue could ever hold.
        """
        now = time.monotonic()
        with self._lock:
            try:
                ticket = self.scheduler.submit(rows, now, now + self._deadline)
            except Refused as error:
                self._observer.refused(error)
                raise
            self._waiting[ticket] = done
            self._wake(len(rows))
        if self._tick is None:
            self._tick = self._loop.call_later(_TICK, self._expire)
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """End a request whose client went away, with the error `Cancelled`; harmless later."""
        if (done := self._waiting.pop(ticket, None)) is not None:
            with self._lock:
                self.scheduler.cancel(ticket)
                self._observer.refused(Cancelled("the client went away"))
            done(ticket)

    async def submit(self, rows: Sequence[Row]) -> list[Any]:
        """The answers to ``rows``, in their order.

        Raises:
            Refused: overloaded, or expired.
            InputError: no rows, or more than the queue could ever hold.
            Exception: what the model raised on one of the rows.
        """
        future: asyncio.Future[None] = self._loop.create_future()

        def done(_: Ticket) -> None:
            if not future.done():
                future.set_result(None)

        ticket = self.start(rows, done)
        try:
            await future
        except asyncio.CancelledError:
            self.cancel(ticket)
            raise
        if ticket.error is not None:
            raise ticket.error
        return ticket.answers

    def close(self) -> None:
        """Let the executors finish what was submitted, then end; returns at once."""
        with self._lock:
            self._closing = True
            self._wake(len(self._idle))

    def join(self, timeout: float) -> bool:
        """Wait for the executors to end; True if they all did."""
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _execute(self) -> None:
        work = threading.Lock()
        work.acquire()
        batch = self._next(work)
        while batch is not None:
            error: Exception | None = None
            answers: list[Any] = []
            started = time.monotonic()
            try:
                answers = self._run(batch.rows, batch.alone)
                if len(answers) != len(batch.entries):
                    raise RuntimeError(f"{len(answers)} answers to {len(batch.entries)} rows")
            except Exception as raised:  # noqa: BLE001 a model may raise anything; its request gets it
                error = raised
            now = time.monotonic()
            with self._lock:
                if error is None:
                    finished = self.scheduler.done(batch, answers, now)
                    self._observer.batch_ran(batch, now - started)
                else:
                    finished = self.scheduler.failed(batch, error)
                    self._wake(1)
                if finished and not self._finished:
                    self._first_finished = now
                self._finished.extend(finished)
                batch = self.scheduler.take(now)
                wake = (
                    bool(self._finished)
                    and not self._woken
                    and not self.scheduler.may_linger(self._first_finished, batch, now)
                )
                self._woken = self._woken or wake
            if wake:
                self._loop.call_soon_threadsafe(self._answer)
            if batch is None:
                batch = self._next(work)

    def _next(self, work: threading.Lock) -> Batch | None:
        """The executor's next batch, waited for at its own lock ``work``; None when it may end."""
        while True:
            with self._lock:
                batch = self.scheduler.take(time.monotonic())
                if batch is not None or self._closing:
                    return batch
                self._idle.append(work)
            work.acquire()

    def _wake(self, count: int) -> None:
        """Let so many idle executors look for work, if there are as many; under the lock.

        The last to have run is the first: what it needs is still in its core's cache.
        """
        for _ in range(min(count, len(self._idle))):
            self._idle.pop().release()

    def _answer(self) -> None:
        with self._lock:
            finished, self._finished, self._woken = self._finished, [], False
        for ticket in finished:
            if (done := self._waiting.pop(ticket, None)) is not None:
                done(ticket)

    def _expire(self) -> None:
        with self._lock:
            late = self.scheduler.expire(time.monotonic())
            for ticket in late:
                if ticket.error is not None:
                    self._observer.refused(ticket.error)
            waits = self.scheduler.open_requests > 0
            self._finished.extend(late)
        self._answer()
        self._tick = self._loop.call_later(_TICK, self._expire) if waits else None
