"""Which rows run next, and which requests are refused: decisions only.

The scheduler knows nothing of HTTP, of models, of threads or of the clock: it is told the time.
Whoever calls it holds a lock, or calls it from one thread.

Each request has one row in the queue; when that row is taken, its next one enters at the end: a
request of many rows gets one row per round, like everybody else. Short rows go first, within a
bound: a row's turn is the count of tokens that had entered the queue before it, plus `patience`
times its own. A later row passes it only while fewer tokens than that have entered in between. So
whatever arrives, before a row of ``n`` tokens come only rows that waited when it entered, and later
ones of together less than ``patience * n`` tokens: a long text waits a little so that many short
ones need not, and nobody starves.

The row whose turn it is begins a batch, which is filled with waiting rows that fit it.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from components.errors import InputError
from components.predictor.model import Row
from components.predictor.scheduling.refusals import Cancelled, Expired, Overloaded, TooLarge

_LINGER_SECONDS = 0.02
_LINGER_SHARE = 0.25
"""An answer waits for others at most so long, and at most so much of what a new request waits."""

_SMOOTHING = 0.05
"""What a batch's weight in the estimate of seconds per token loses with each later one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may wait and what may run together.

    ``batch_tokens`` limits rows x longest row, so what a padded batch really costs.
    """

    queue_requests: int = 256
    queue_tokens: int = 32768
    batch_rows: int = 1
    batch_tokens: int = 1 << 30
    patience: int = 16
    """A row lets later ones of less than so many times its own tokens pass."""
    equal_sizes: bool = False
    """Only rows of one length share a batch."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One request in the scheduler's hands."""

    rows: Sequence[Row]
    arrived: float
    deadline: float
    answers: list[Any]
    missing: int
    """Rows without an answer."""
    next_row: int = 0
    """The first row that was not taken yet."""
    place: int = 0
    """When that row entered the queue: later ones have higher places."""
    taken: float = math.nan
    """When the first row was taken."""
    error: Exception | None = None
    closed: bool = False
    """Answered, failed, expired or cancelled: nothing more happens to it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that run together, with the request and the place in it that each belongs to."""

    entries: tuple[tuple[Ticket, int], ...]
    alone: bool
    """Nothing else waits or runs, so the batch may use every core."""
    taken: float

    @property
    def rows(self) -> list[Row]:
        """The rows in the order in which their answers are expected."""
        return [ticket.rows[index] for ticket, index in self.entries]

    @property
    def tokens(self) -> int:
        """The tokens of its rows, without padding."""
        return sum(ticket.rows[index].size for ticket, index in self.entries)


@dataclass(slots=True)
class Scheduler:
    """The queue of one predictor; see the module's text for its order."""

    limits: Limits
    executors: int = 1
    waiting_rows: int = 0
    waiting_tokens: int = 0
    running: int = 0
    """Batches that were taken and not finished."""
    seconds_per_token: float = 0.0
    """Time of the last batches by their tokens, all together: the mean of each one's own would take
    a short row that was interrupted for a slow machine. 0 before the first batch."""
    _ran_seconds: float = 0.0
    _ran_tokens: float = 0.0
    _entered_rows: int = 0
    _entered_tokens: int = 0
    _waiting: dict[int, Ticket] = field(default_factory=dict)
    """By place."""
    _turns: list[tuple[int, int]] = field(default_factory=list)
    """A heap of turns and places; a place where nobody waits any more is passed over."""
    _open: dict[Ticket, None] = field(default_factory=dict)
    _retries: deque[tuple[tuple[Ticket, int], ...]] = field(default_factory=deque)

    @property
    def waiting_requests(self) -> int:
        """Requests with a row that was not taken yet."""
        return len(self._waiting)

    @property
    def open_requests(self) -> int:
        """Requests that wait or run."""
        return len(self._open)

    def submit(self, rows: Sequence[Row], now: float, deadline: float) -> Ticket:
        """Queue one request; ``deadline`` is on the clock of ``now``.

        Raises:
            TooLarge: it could not be queued even if nothing waited.
            Overloaded: there is no room, or it would wait beyond its deadline.
            InputError: it has no rows.
        """
        tokens = sum(row.size for row in rows)
        limits = self.limits
        if not rows:
            raise InputError("the request has no rows: send at least one")
        if tokens > limits.queue_tokens:
            raise TooLarge(
                f"{len(rows)} rows of together {tokens} tokens: "
                f"send at most {limits.queue_tokens} tokens in one request"
            )
        self.check_room(tokens, now, deadline)
        ticket = Ticket(rows, now, deadline, [None] * len(rows), len(rows))
        self._open[ticket] = None
        self._enter(ticket)
        self.waiting_rows += len(rows)
        self.waiting_tokens += tokens
        return ticket

    def check_room(self, tokens: int, now: float, deadline: float) -> None:
        """Refuse what could not be answered in time.

        Raises:
            Overloaded: there is no room for ``tokens``, or they would wait beyond ``deadline``.
        """
        if not self._waiting:
            return
        wait = self.wait()
        if (
            len(self._waiting) >= self.limits.queue_requests
            or self.waiting_tokens + tokens > self.limits.queue_tokens
            or now + wait > deadline
        ):
            raise Overloaded(
                f"{len(self._waiting)} requests wait, as many as can be answered in time: "
                "try again later",
                max(1, math.ceil(wait)),
            )

    def wait(self) -> float:
        """Seconds until what waits now has been taken, by the speed seen so far."""
        return self.waiting_tokens * self.seconds_per_token / self.executors

    def may_linger(self, since: float, following: Batch | None, now: float) -> bool:
        """True when an answer that is there ``since`` may be sent with those of ``following``.

        To send answers takes a core from the model, and the model's data from its cache. While
        requests queue, several answers therefore go together, each late by at most a fraction of
        what the queue costs.

        Args:
            since: when the first answer that was not sent was there.
            following: the batch that was just taken; None when nothing waits.
            now: on the clock of ``since``.
        """
        if following is None:
            return False
        done = now + following.tokens * self.seconds_per_token
        return done <= since + min(_LINGER_SECONDS, _LINGER_SHARE * self.wait())

    def take(self, now: float) -> Batch | None:
        """The next batch for a free executor, or None when nothing waits.

        Requests that are past their deadline are passed over, so they cost nothing; `expire`
        closes them.
        """
        while self._retries:
            entries = tuple(
                (ticket, index)
                for ticket, index in self._retries.popleft()
                if not ticket.closed and ticket.deadline > now
            )
            if entries:
                return self._begin(entries, now)
        while self._turns:
            _, place = heappop(self._turns)
            head = self._waiting.get(place)
            if head is None or head.deadline <= now:
                continue
            first = head.rows[head.next_row]
            entries = (self._advance(head, now),)
            if self.limits.batch_rows > 1:
                entries += self._neighbours(first, now)
            return self._begin(entries, now)
        return None

    def _enter(self, ticket: Ticket) -> None:
        """Queue the ticket's next row."""
        size = ticket.rows[ticket.next_row].size
        self._entered_rows += 1
        ticket.place = self._entered_rows
        self._waiting[ticket.place] = ticket
        heappush(self._turns, (self._entered_tokens + self.limits.patience * size, ticket.place))
        self._entered_tokens += size

    def _begin(self, entries: tuple[tuple[Ticket, int], ...], now: float) -> Batch:
        alone = self.running == 0 and not self._waiting and not self._retries
        self.running += 1
        return Batch(entries, alone, now)

    def _advance(self, ticket: Ticket, now: float) -> tuple[Ticket, int]:
        """Take the ticket's next row, and queue the one after it."""
        index = ticket.next_row
        if index == 0:
            ticket.taken = now
        ticket.next_row += 1
        self.waiting_rows -= 1
        self.waiting_tokens -= ticket.rows[index].size
        del self._waiting[ticket.place]
        if ticket.next_row < len(ticket.rows):
            self._enter(ticket)
        return ticket, index

    def _neighbours(self, first: Row, now: float) -> tuple[tuple[Ticket, int], ...]:
        """Rows that fit beside ``first``: those nearest in length, the earlier place on a tie."""
        candidates = [
            (abs(ticket.rows[index].size - first.size), place, ticket, index)
            for place, ticket in self._waiting.items()
            if ticket.deadline > now
            for index in range(ticket.next_row, len(ticket.rows))[: self.limits.batch_rows]
            if ticket.rows[index].group == first.group
            and (ticket.rows[index].size == first.size or not self.limits.equal_sizes)
        ]
        candidates.sort(key=lambda c: (c[0], c[3] - c[2].next_row, c[1]))
        longest, count = first.size, 1
        chosen: list[Ticket] = []
        for _, _, ticket, index in candidates:
            if count == self.limits.batch_rows:
                break
            size = max(longest, ticket.rows[index].size)
            # Rows of one request are taken in order: a gap would have to be remembered.
            in_order = index == ticket.next_row + sum(1 for t in chosen if t is ticket)
            if in_order and size * (count + 1) <= self.limits.batch_tokens:
                chosen.append(ticket)
                longest, count = size, count + 1
        return tuple(self._advance(ticket, now) for ticket in chosen)

    def done(self, batch: Batch, answers: Sequence[Any], now: float) -> list[Ticket]:
        """Note a batch's answers; returns the requests that are complete by it."""
        self.running -= 1
        self._ran_seconds += now - batch.taken - _SMOOTHING * self._ran_seconds
        self._ran_tokens += batch.tokens - _SMOOTHING * self._ran_tokens
        self.seconds_per_token = self._ran_seconds / max(self._ran_tokens, 1)
        complete = []
        for (ticket, index), answer in zip(batch.entries, answers, strict=True):
            if ticket.closed:
                continue
            ticket.answers[index] = answer
            ticket.missing -= 1
            if ticket.missing == 0:
                self._close(ticket, None)
                complete.append(ticket)
        return complete

    def failed(self, batch: Batch, error: Exception) -> list[Ticket]:
        """Note that a batch raised; returns the requests that fail by it.

        One row that raises alone fails its request. Several are halved and run again first, so
        that only the row at fault fails.
        """
        self.running -= 1
        entries = batch.entries
        if len(entries) > 1:
            middle = len(entries) // 2
            self._retries.extend((entries[:middle], entries[middle:]))
            return []
        ticket = entries[0][0]
        if ticket.closed:
            return []
        self._close(ticket, error)
        return [ticket]

    def cancel(self, ticket: Ticket) -> None:
        """Drop what has not run of a request whose client is gone; harmless when it is closed."""
        if not ticket.closed:
            self._close(ticket, Cancelled("the client went away"))

    def expire(self, now: float) -> list[Ticket]:
        """Close and return the requests, waiting or running, whose deadline has passed."""
        late = [ticket for ticket in self._open if ticket.deadline <= now]
        for ticket in late:
            allowed = ticket.deadline - ticket.arrived
            self._close(ticket, Expired(f"no answer within the deadline of {allowed:g} s"))
        return late

    def _close(self, ticket: Ticket, error: Exception | None) -> None:
        ticket.closed, ticket.error = True, error
        del self._open[ticket]
        if self._waiting.pop(ticket.place, None) is not None:
            rest = ticket.rows[ticket.next_row :]
            self.waiting_rows -= len(rest)
            self.waiting_tokens -= sum(row.size for row in rest)
