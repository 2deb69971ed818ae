"""The scheduler by itself, on a clock that the test moves."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from components.errors import InputError
from components.predictor.model import Row
from components.predictor.scheduling.refusals import Cancelled, Expired, Overloaded, TooLarge
from components.predictor.scheduling.scheduler import Batch, Limits, Scheduler, Ticket

FAR = 1e9
SIZES = st.one_of(st.integers(1, 3), st.integers(1, 20))


def rows(*sizes: int, group: object = None) -> list[Row]:
    return [Row(f"row{number}", size, group) for number, size in enumerate(sizes)]


def taken(scheduler: Scheduler, now: float) -> Batch:
    batch = scheduler.take(now)
    assert batch is not None
    return batch


def sizes(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [row.size for row in batch.rows]


def test_rows_of_one_length_run_alone_in_order_of_arrival_by_default() -> None:
    scheduler = Scheduler(Limits())
    tickets = [scheduler.submit(rows(5), 0, FAR) for _ in range(3)]
    assert [taken(scheduler, 0).entries for _ in range(3)] == [((t, 0),) for t in tickets]
    assert scheduler.take(0) is None


def test_a_short_row_passes_a_long_one_that_came_before_it() -> None:
    scheduler = Scheduler(Limits())
    for size in (5, 3, 4):
        scheduler.submit(rows(size), 0, FAR)
    assert [sizes(scheduler.take(0)) for _ in range(3)] == [[3], [4], [5]]


def test_a_long_row_lets_only_so_many_short_ones_pass() -> None:
    scheduler = Scheduler(Limits(patience=8))
    scheduler.submit(rows(10), 0, FAR)
    passed = -2
    last = [2]
    while last == [2]:
        passed += 2
        scheduler.submit(rows(2), 0, FAR)
        last = sizes(scheduler.take(0))
    assert passed == 8 * (10 - 2) - 10


def test_a_burst_of_short_rows_at_one_moment_passes_no_more() -> None:
    scheduler = Scheduler(Limits(patience=8))
    scheduler.submit(rows(10), 0, FAR)
    for _ in range(200):
        scheduler.submit(rows(2), 0, FAR)
    passed = 0
    while sizes(scheduler.take(0)) == [2]:
        passed += 2
    assert passed == 8 * (10 - 2) - 10


@given(st.lists(st.one_of(SIZES, st.none()), max_size=80), st.integers(0, 4))
def test_later_rows_of_bounded_length_pass_whatever_arrives(
    events: list[int | None], patience: int
) -> None:
    """A number is a row that arrives, None an executor that takes the next one."""
    scheduler = Scheduler(Limits(patience=patience))
    order: list[Ticket] = []
    for size in events + [None] * len(events):
        if size is not None:
            scheduler.submit(rows(size), 0, FAR)
        elif (batch := scheduler.take(0)) is not None:
            order.append(batch.entries[0][0])
    for number, ticket in enumerate(order):
        size = ticket.rows[0].size
        passed = sum(t.rows[0].size for t in order[:number] if t.place > ticket.place)
        assert passed <= max(0, patience * size - 1)


def test_a_batch_is_filled_with_the_nearest_lengths_up_to_its_padded_tokens() -> None:
    scheduler = Scheduler(Limits(batch_rows=8, batch_tokens=40))
    for size in (10, 100, 12, 9, 11):
        scheduler.submit(rows(size), 0, FAR)
    assert sizes(scheduler.take(0)) == [10, 9, 11]
    assert sizes(scheduler.take(0)) == [12]
    assert sizes(scheduler.take(0)) == [100]


def test_a_row_longer_than_a_batch_runs_alone() -> None:
    scheduler = Scheduler(Limits(batch_rows=8, batch_tokens=40))
    scheduler.submit(rows(100), 0, FAR)
    scheduler.submit(rows(100), 0, FAR)
    assert sizes(scheduler.take(0)) == [100]


def test_rows_of_different_groups_never_share_a_batch() -> None:
    scheduler = Scheduler(Limits(batch_rows=8))
    scheduler.submit(rows(1, group="a"), 0, FAR)
    scheduler.submit(rows(2, group="b"), 0, FAR)
    scheduler.submit(rows(3, group="a"), 0, FAR)
    assert sizes(scheduler.take(0)) == [1, 3]
    assert sizes(scheduler.take(0)) == [2]


def test_only_rows_of_one_length_share_a_batch_when_so_limited() -> None:
    scheduler = Scheduler(Limits(batch_rows=8, equal_sizes=True))
    for size in (4, 5, 4, 4):
        scheduler.submit(rows(size), 0, FAR)
    assert sizes(scheduler.take(0)) == [4, 4, 4]
    assert sizes(scheduler.take(0)) == [5]


def test_a_request_of_many_rows_takes_turns_with_the_others() -> None:
    scheduler = Scheduler(Limits())
    many = scheduler.submit(rows(1, 1, 1, 1), 0, FAR)
    one = scheduler.submit(rows(1), 0, FAR)
    order = [taken(scheduler, 0).entries[0][0] for _ in range(5)]
    assert order == [many, one, many, many, many]


def test_a_batch_may_use_every_core_only_when_nothing_else_waits_or_runs() -> None:
    scheduler = Scheduler(Limits(), executors=2)
    scheduler.submit(rows(1), 0, FAR)
    first = taken(scheduler, 0)
    scheduler.submit(rows(1), 0, FAR)
    beside = taken(scheduler, 0)
    scheduler.done(first, [1], 1)
    scheduler.done(beside, [1], 1)
    scheduler.submit(rows(1), 1, FAR)
    scheduler.submit(rows(1), 1, FAR)
    before = taken(scheduler, 1)
    assert (first.alone, beside.alone, before.alone) == (True, False, False)


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    scheduler = Scheduler(Limits(queue_requests=2))
    scheduler.seconds_per_token = 0.5
    scheduler.submit(rows(3), 0, FAR)
    scheduler.submit(rows(2), 0, FAR)
    with pytest.raises(Overloaded) as caught:
        scheduler.submit(rows(1), 0, FAR)
    assert caught.value.retry_after == 3


def test_a_request_that_would_wait_beyond_its_deadline_is_refused_at_the_door() -> None:
    scheduler = Scheduler(Limits())
    scheduler.seconds_per_token = 1.0
    scheduler.submit(rows(10), 0, FAR)
    scheduler.submit(rows(1), 0, 11)
    with pytest.raises(Overloaded):
        scheduler.submit(rows(1), 0, 10)


def after_runs(runs: list[tuple[int, float]]) -> Scheduler:
    """A scheduler that ran rows of these sizes, each in so many seconds, one after another."""
    scheduler = Scheduler(Limits())
    now = 0.0
    for size, seconds in runs:
        scheduler.submit(rows(size), now, FAR)
        batch = taken(scheduler, now)
        now += seconds
        scheduler.done(batch, [1], now)
    return scheduler


def test_an_interrupted_short_row_is_not_taken_for_a_slow_machine() -> None:
    scheduler = after_runs([(100, 1.0)] * 100 + [(1, 1.0)])
    assert scheduler.seconds_per_token == pytest.approx(0.01, rel=0.1)


def test_the_estimate_follows_a_machine_that_slows_down() -> None:
    scheduler = after_runs([(10, 0.1)] * 100 + [(10, 1.0)] * 100)
    assert scheduler.seconds_per_token == pytest.approx(0.1, rel=0.1)


def test_the_token_limit_counts_what_waits() -> None:
    scheduler = Scheduler(Limits(queue_tokens=10))
    scheduler.submit(rows(6), 0, FAR)
    with pytest.raises(Overloaded):
        scheduler.submit(rows(6), 0, FAR)
    scheduler.take(0)
    scheduler.submit(rows(6), 0, FAR)


def test_a_request_larger_than_the_queue_is_no_matter_of_waiting() -> None:
    with pytest.raises(TooLarge):
        Scheduler(Limits(queue_tokens=10)).submit(rows(6, 6), 0, FAR)


def test_a_request_without_rows_is_refused() -> None:
    with pytest.raises(InputError):
        Scheduler(Limits()).submit([], 0, FAR)


def test_an_expired_request_costs_nothing_and_is_reported() -> None:
    scheduler = Scheduler(Limits())
    late = scheduler.submit(rows(1), 0, 5)
    fine = scheduler.submit(rows(2), 0, 50)
    assert sizes(scheduler.take(5)) == [2]
    assert scheduler.expire(5) == [late]
    assert isinstance(late.error, Expired)
    assert not fine.closed
    assert scheduler.waiting_tokens == 0


def test_a_row_that_is_to_be_tried_again_is_not_after_its_deadline() -> None:
    scheduler = Scheduler(Limits(batch_rows=8))
    for deadline in (5, 5, FAR, FAR):
        scheduler.submit(rows(1), 0, deadline)
    batch = taken(scheduler, 0)
    scheduler.failed(batch, ValueError("poison"))
    again = taken(scheduler, 6)
    assert all(ticket.deadline == FAR for ticket, _ in again.entries)
    assert scheduler.take(6) is None


def test_a_request_that_expires_while_it_runs_is_reported_and_its_answer_dropped() -> None:
    scheduler = Scheduler(Limits())
    ticket = scheduler.submit(rows(1, 1), 0, 5)
    batch = scheduler.take(0)
    assert batch is not None
    assert scheduler.expire(6) == [ticket]
    assert scheduler.done(batch, ["answer"], 6) == []
    assert scheduler.take(6) is None


def test_a_cancelled_request_leaves_the_queue_at_once() -> None:
    scheduler = Scheduler(Limits())
    ticket = scheduler.submit(rows(1, 1), 0, FAR)
    scheduler.cancel(ticket)
    assert isinstance(ticket.error, Cancelled)
    assert (scheduler.waiting_requests, scheduler.waiting_tokens) == (0, 0)
    assert scheduler.take(0) is None


def test_one_poisoned_row_fails_alone_and_its_neighbours_are_answered() -> None:
    scheduler = Scheduler(Limits(batch_rows=8))
    tickets = [scheduler.submit(rows(1), 0, FAR) for _ in range(5)]
    ended: list[Ticket] = []
    while (batch := scheduler.take(0)) is not None:
        if any(ticket is tickets[3] for ticket, _ in batch.entries):
            ended += scheduler.failed(batch, ValueError("poison"))
        else:
            ended += scheduler.done(batch, ["fine"] * len(batch.entries), 1)
    assert len(ended) == 5
    assert [isinstance(ticket.error, ValueError) for ticket in tickets] == [
        False,
        False,
        False,
        True,
        False,
    ]


def test_the_speed_is_learnt_from_what_ran() -> None:
    scheduler = Scheduler(Limits(), executors=2)
    scheduler.submit(rows(10), 0, FAR)
    batch = scheduler.take(0)
    assert batch is not None
    scheduler.done(batch, ["answer"], 5)
    scheduler.submit(rows(4), 5, FAR)
    assert math.isclose(scheduler.wait(), 4 * 0.5 / 2)


@pytest.mark.parametrize(
    ("waiting", "since", "lingers"),
    [
        pytest.param(400, 10.0, True, id="a long queue, and the next is done in time"),
        pytest.param(400, 9.985, False, id="it would have waited too long by then"),
        pytest.param(20, 10.0, False, id="a short queue"),
        pytest.param(0, 10.0, False, id="nothing else waits"),
    ],
)
def test_answers_are_sent_together_only_while_requests_queue(
    waiting: int, since: float, lingers: bool
) -> None:
    scheduler = Scheduler(Limits(), executors=2)
    scheduler.seconds_per_token = 0.001
    scheduler.submit(rows(10), 0, FAR)
    following = taken(scheduler, 0)
    if waiting:
        scheduler.submit(rows(waiting), 0, FAR)
    assert scheduler.may_linger(since, following, 10.0) is lingers


def test_answers_are_sent_at_once_before_an_executor_falls_idle() -> None:
    assert not Scheduler(Limits()).may_linger(0, None, 0)


class AnyTraffic(RuleBasedStateMachine):
    """Any arrivals, cancellations, deadlines and failures, against what must always hold."""

    @initialize(
        queue_requests=st.integers(1, 6),
        queue_tokens=st.integers(10, 60),
        batch_rows=st.integers(1, 5),
        batch_tokens=st.integers(5, 40),
        executors=st.integers(1, 3),
        patience=st.integers(0, 4),
        equal_sizes=st.booleans(),
    )
    def begin(
        self,
        *,
        queue_requests: int,
        queue_tokens: int,
        batch_rows: int,
        batch_tokens: int,
        executors: int,
        patience: int,
        equal_sizes: bool,
    ) -> None:
        self.limits = Limits(
            queue_requests, queue_tokens, batch_rows, batch_tokens, patience, equal_sizes
        )
        self.scheduler = Scheduler(self.limits, executors)
        self.now = 0.0
        self.serial = 0
        self.open: dict[Ticket, None] = {}
        self.ended: Counter[Ticket] = Counter()
        self.running: list[Batch] = []
        self.before: dict[int, int] = {}
        """Rows that waited when the one at this place entered and did not yet begin a batch."""
        self.passed: Counter[int] = Counter()
        """Tokens of later rows that began a batch before the one at this place."""

    @rule(
        kinds=st.lists(st.tuples(SIZES, st.sampled_from("ab")), min_size=1, max_size=6),
        patience=st.floats(0.5, 20),
        poisoned=st.booleans(),
    )
    def arrive(self, kinds: list[tuple[int, str]], patience: float, poisoned: bool) -> None:
        request = []
        for size, group in kinds:
            self.serial += 1
            request.append(Row((self.serial, poisoned and size % 3 == 0), size, group))
        waiting = self.scheduler.waiting_requests
        tokens = self.scheduler.waiting_tokens
        try:
            ticket = self.scheduler.submit(request, self.now, self.now + patience)
        except TooLarge:
            assert sum(row.size for row in request) > self.limits.queue_tokens
        except Overloaded:
            assert waiting > 0
            assert (self.scheduler.waiting_requests, self.scheduler.waiting_tokens) == (
                waiting,
                tokens,
            )
        else:
            self.open[ticket] = None
            self.before[ticket.place] = waiting

    @precondition(lambda self: len(self.running) < self.scheduler.executors)
    @rule()
    def take(self) -> None:
        taken = {ticket: ticket.next_row for ticket in self.open}
        places = {ticket: ticket.place for ticket in self.open}
        batch = self.scheduler.take(self.now)
        if batch is None:
            assert not any(
                ticket.next_row < len(ticket.rows) and ticket.deadline > self.now
                for ticket in self.open
            )
            return
        self.running.append(batch)
        assert len(set(batch.entries)) == len(batch.entries)
        assert all(not ticket.closed and ticket.deadline > self.now for ticket, _ in batch.entries)
        assert len({row.group for row in batch.rows}) == 1
        assert len(batch.rows) <= self.limits.batch_rows
        assert not self.limits.equal_sizes or len({row.size for row in batch.rows}) == 1
        longest = max(row.size for row in batch.rows)
        assert len(batch.rows) == 1 or longest * len(batch.rows) <= self.limits.batch_tokens
        first, index = batch.entries[0]
        if index < taken[first]:
            return  # it runs again, and was counted when it ran first
        head, began = places[first], batch.rows[0].size
        for ticket in self.waiting():
            if ticket.place != places[ticket]:
                self.before[ticket.place] = self.scheduler.waiting_requests - 1
            elif ticket.place < head:
                self.passed[ticket.place] += began
            else:
                self.before[ticket.place] -= 1

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 10), duration=st.floats(0, 2))
    def finish(self, which: int, duration: float) -> None:
        self.now += duration
        batch = self.running.pop(which % len(self.running))
        if any(row.payload[1] for row in batch.rows):
            ended = self.scheduler.failed(batch, ValueError("poison"))
            assert all(isinstance(ticket.error, ValueError) for ticket in ended)
            assert all(any(row.payload[1] for row in ticket.rows) for ticket in ended)
        else:
            answers = [row.payload[0] for row in batch.rows]
            ended = self.scheduler.done(batch, answers, self.now)
            for ticket in ended:
                assert ticket.error is None
                assert ticket.answers == [row.payload[0] for row in ticket.rows]
        self.end(ended)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 10))
    def cancel(self, which: int) -> None:
        ticket = list(self.open)[which % len(self.open)]
        self.scheduler.cancel(ticket)
        self.end([ticket])

    @rule(seconds=st.floats(0, 5))
    def expire(self, seconds: float) -> None:
        self.now += seconds
        late = self.scheduler.expire(self.now)
        assert all(ticket.deadline <= self.now for ticket in late)
        self.end(late)
        assert all(ticket.deadline > self.now for ticket in self.open)

    def waiting(self) -> list[Ticket]:
        return [
            ticket
            for ticket in self.open
            if ticket.next_row < len(ticket.rows) and ticket.deadline > self.now
        ]

    def end(self, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            assert ticket.closed
            del self.open[ticket]
            self.ended[ticket] += 1

    @invariant()
    def gauges_tell_what_waits(self) -> None:
        if not hasattr(self, "scheduler"):
            return
        waiting = [ticket for ticket in self.open if ticket.next_row < len(ticket.rows)]
        rest = [row for ticket in waiting for row in ticket.rows[ticket.next_row :]]
        assert self.scheduler.waiting_requests == len(waiting) <= self.limits.queue_requests
        assert self.scheduler.waiting_rows == len(rest)
        assert self.scheduler.waiting_tokens == sum(row.size for row in rest)
        assert self.scheduler.waiting_tokens <= self.limits.queue_tokens
        assert self.scheduler.open_requests == len(self.open)
        assert self.scheduler.running == len(self.running)

    @invariant()
    def nobody_starves(self) -> None:
        for ticket in self.waiting() if hasattr(self, "open") else ():
            size = ticket.rows[ticket.next_row].size
            assert self.before[ticket.place] >= 0
            assert self.passed[ticket.place] <= max(0, self.limits.patience * size - 1)

    def teardown(self) -> None:
        """Let everything run dry: each request has ended exactly once."""
        if not hasattr(self, "scheduler"):
            return
        while self.running or (batch := self.scheduler.take(self.now)) is not None:
            if not self.running:
                assert batch is not None
                self.running.append(batch)
            self.finish(0, 0.0)
        self.end(self.scheduler.expire(math.inf))
        assert not self.open
        assert set(self.ended.values()) <= {1}
        assert (self.scheduler.waiting_rows, self.scheduler.waiting_tokens) == (0, 0)


AnyTraffic.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestAnyTraffic = AnyTraffic.TestCase
