"""Open loop: requests leave when they are due, whatever became of those before them.

`components.load` does the same through a client library; that costs a quarter of a millisecond a
request, which on two cores would be taken from the server. Here it costs some 30 µs.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools
import uvloop

from components.load.schedule import due_times
from components.load.sender import LATE_MS
from components.quantiles import nearest_rank

_GIVE_UP = 5.0
"""Seconds after the last request left."""


@dataclass(frozen=True)
class Message:
    """One body that may be sent."""

    body: bytes
    long: bool


@dataclass(frozen=True)
class Latency:
    """Milliseconds from due to answered; None where too few were."""

    sent: int
    answered: int
    p50: float | None
    p95: float | None
    p99: float | None
    p95_of_sent: float | None
    """Of all that were sent: one without a right answer counts as later than any."""

    @classmethod
    def of(cls, seconds: Sequence[float], sent: int) -> "Latency":
        """The quantiles of ``seconds``, the right answers to ``sent`` requests."""
        if len(seconds) < 2:
            return cls(sent, len(seconds), None, None, None, None)
        milliseconds = [1000 * value for value in seconds]
        never = [math.inf] * (sent - len(seconds))
        p50, p95, p99 = (nearest_rank(milliseconds, share) for share in (0.5, 0.95, 0.99))
        of_sent = nearest_rank(milliseconds + never, 0.95)
        return cls(sent, len(seconds), p50, p95, p99, None if of_sent == math.inf else of_sent)


@dataclass(frozen=True)
class Opened:
    """What became of the requests."""

    rate: float
    sent: int
    late: int
    """Left more than 10 ms after they were due."""
    right: int
    """Answered 200."""
    shed: int
    """Answered 503."""
    other: int
    unanswered: int
    goodput: float
    """Right answers per second, while requests were sent."""
    every: Latency
    short: Latency
    shed_latency: Latency


class _Connection(asyncio.Protocol):
    """One kept connection; carries one request at a time."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._due, self._long, self.busy = 0.0, False, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # TCP gives this kind
        self._run.connected.add(self)

    def send(self, due: float, message: Message, raw: bytes) -> None:
        """Send one request."""
        self._due, self._long, self.busy = due, message.long, True
        assert self._transport is not None  # noqa: S101 (connected before it is used)
        self._transport.write(raw)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Parser: the answer is there."""
        status, keep = self._parser.get_status_code(), self._parser.should_keep_alive()
        self.busy = False
        self._run.answered(self._due, self._long, status)
        if keep:
            self._parser = httptools.HttpResponseParser(self)
            self._run.free.append(self)
        else:
            self.close()

    def close(self) -> None:
        """End the connection."""
        if self._transport:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self._run.connected.discard(self)
        if self in self._run.free:
            self._run.free.remove(self)
        if self.busy:
            self._run.lost += 1


class _Run:
    def __init__(self, url: str, rate: float, seconds: float) -> None:
        self.seconds = seconds
        self.in_time = 0
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            "content-type: application/json\r\ncontent-length: "
        ).encode()
        self.rate = rate
        self.connected: set[_Connection] = set()
        self.free: list[_Connection] = []
        self.times: dict[bool, list[float]] = {True: [], False: []}
        self.shed: list[float] = []
        self.sent = self.sent_long = self.late = self.other = self.lost = 0
        self.began = 0.0

    def answered(self, due: float, long: bool, status: int) -> None:
        took = time.perf_counter() - self.began - due
        if status == 200:
            self.times[long].append(took)
            self.in_time += self.began + self.seconds > time.perf_counter()
        elif status == 503:
            self.shed.append(took)
        else:
            self.other += 1

    @property
    def open(self) -> int:
        right = len(self.times[True]) + len(self.times[False])
        return self.sent - right - len(self.shed) - self.other - self.lost

    async def go(self, messages: Sequence[Message], seed: int) -> Opened:
        loop = asyncio.get_running_loop()
        connecting: set[asyncio.Task[None]] = set()

        async def connect(due: float, message: Message, raw: bytes) -> None:
            try:
                _, made = await loop.create_connection(
                    lambda: _Connection(self), self.host, self.port
                )
            except OSError:
                self.lost += 1
                return
            made.send(due, message, raw)

        raws = [self.head + b"%d\r\n\r\n" % len(m.body) + m.body for m in messages]
        self.began = time.perf_counter()
        for number, due in enumerate(due_times(self.rate, self.seconds, "poisson", seed)):
            wait = due - (time.perf_counter() - self.began)
            if wait > 0:
                await asyncio.sleep(wait)
            elif wait < -LATE_MS / 1000:
                self.late += 1
            self.sent += 1
            turn = number % len(messages)
            self.sent_long += messages[turn].long
            if self.free:
                self.free.pop().send(due, messages[turn], raws[turn])
            else:
                task = asyncio.ensure_future(connect(due, messages[turn], raws[turn]))
                connecting.add(task)
                task.add_done_callback(connecting.discard)
        until = time.perf_counter() + _GIVE_UP
        while self.open and time.perf_counter() < until:
            await asyncio.sleep(0.02)
        unanswered = self.open + self.lost
        for connection in list(self.connected):
            connection.close()
        while self.connected:
            await asyncio.sleep(0)
        every = [*self.times[True], *self.times[False]]
        return Opened(
            rate=self.rate,
            sent=self.sent,
            late=self.late,
            right=len(every),
            shed=len(self.shed),
            other=self.other,
            unanswered=unanswered,
            goodput=self.in_time / self.seconds,
            every=Latency.of(every, self.sent),
            short=Latency.of(self.times[False], self.sent - self.sent_long),
            shed_latency=Latency.of(self.shed, self.sent),
        )


async def send(
    url: str, messages: Sequence[Message], rate: float, seconds: float, seed: int
) -> Opened:
    """Send ``messages`` in turn to ``url`` at Poisson times of ``rate`` a second."""
    return await _Run(url, rate, seconds).go(messages, seed)


def open_loop(
    url: str, messages: Sequence[Message], rate: float, seconds: float, seed: int
) -> Opened:
    """`send`, in an event loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(send(url, messages, rate, seconds, seed))
