from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from components.judge import Sample
from components.judge.counters import MAX_GONE, Interval, Ledger, advance
from components.judge.growth import Growth
from components.judge.lives import Clock


def sample(
    requests: int,
    errors: float = 0.0,
    fast: int | None = None,
    edges: tuple[str, ...] = ("10", "+Inf"),
) -> Sample:
    counts = (requests if fast is None else fast, requests)
    return Sample(float(requests), float(errors), dict(zip(edges, counts, strict=True)))


def read(*polls: Mapping[str, Sample | None], first: bool = True) -> list[Interval]:
    """The intervals of polls 15 s apart; only the first may be a baseline."""
    ledger, intervals = Ledger({}), []
    for number, samples in enumerate(polls):
        now = 15.0 * number
        clock = Clock(
            now, gone=now - 300.0, paired=now - 15.0, patience=now - 60.0, late=now - 150.0
        )
        ledger, interval = advance(ledger, "2", samples, clock, first=first and number == 0)
        intervals.append(interval)
    return intervals


def requests(intervals: list[Interval]) -> list[float]:
    return [interval.growth.requests for interval in intervals]


def test_the_first_reading_of_the_champion_is_a_baseline_and_no_evidence() -> None:
    first, second = read({"a": sample(1000, 50)}, {"a": sample(1010, 51)})
    assert first.growth == Growth()
    assert first.baseline == Growth(1000, 50, (1000, 1000))
    assert second.growth == Growth(10, 1, (10, 10))


def test_a_source_that_appears_later_is_new_and_starts_at_zero() -> None:
    intervals = read({"a": sample(1000)}, {"a": sample(1000), "b": sample(7, 3)})
    assert intervals[1].growth == Growth(7, 3, (7, 7))
    assert intervals[1].whole


def test_a_new_version_starts_at_zero() -> None:
    assert requests(read({"a": sample(7)}, first=False)) == [7]


def test_fewer_requests_than_before_are_a_restart_once_the_next_poll_confirms_it() -> None:
    intervals = read(
        {"a": sample(1000, 5)}, {"a": sample(30, 2)}, {"a": sample(40, 2)}, {"a": sample(45, 2)}
    )
    # Where the process's start is not known, it begins anew from the first reading below the last.
    assert requests(intervals) == [0, 0, 10, 5]
    assert intervals[2].growth == Growth(10, 0, (10, 10))
    assert [interval.missing for interval in intervals] == [None, "a", None, None]
    assert [interval.whole for interval in intervals] == [True, False, False, True]


def test_a_restart_is_confirmed_after_a_missed_scrape_as_well() -> None:
    intervals = read({"a": sample(1000)}, {"a": sample(30)}, {"a": None}, {"a": sample(40)})
    assert requests(intervals) == [0, 0, 0, 10]


def test_one_stale_reading_changes_nothing() -> None:
    intervals = read({"a": sample(100, 1)}, {"a": sample(90, 1)}, {"a": sample(120, 2)})
    assert requests(intervals) == [0, 0, 20]
    assert (intervals[1].read, intervals[1].missing) == (False, "a")
    assert intervals[2].whole


def test_the_same_stale_reading_twice_is_no_restart_but_one_that_stays_is() -> None:
    twice = read(*({"a": sample(count)} for count in (100, 90, 90, 120)))
    assert requests(twice) == [0, 0, 0, 20]
    idle = read(*({"a": sample(count)} for count in (100, 0, 0, 0, 0, 0, 0, 3)))
    assert requests(idle) == [0, 0, 0, 0, 0, 0, 0, 3]
    assert [interval.missing for interval in idle] == [None, *["a"] * 4, None, None, None]


def test_a_counter_that_falls_and_falls_is_never_read() -> None:
    intervals = read(*({"a": sample(count)} for count in (100, 90, 80, 70, 60)))
    assert requests(intervals) == [0] * 5
    assert [interval.missing for interval in intervals[1:]] == ["a"] * 4


def test_one_bucket_that_goes_back_while_requests_go_on_counts_as_nothing() -> None:
    intervals = read(
        {"a": sample(1000, 5, fast=900)},
        {"a": sample(1030, 6, fast=880)},
        {"a": sample(1050, 7, fast=890)},
        {"a": sample(1060, 7, fast=900)},
    )
    assert [interval.growth for interval in intervals[:3]] == [Growth()] * 3
    assert [interval.whole for interval in intervals] == [True, False, False, True]
    assert intervals[3].growth == Growth(10, 0, (10, 10))


def test_a_histogram_that_appears_later_does_not_count_its_whole_life() -> None:
    bare = Sample(1000.0, 5.0, {})
    intervals = read({"a": bare}, {"a": sample(1010, 5)}, {"a": sample(1020, 5)})
    assert intervals[1].growth == Growth(10, 0)
    assert [interval.whole for interval in intervals] == [True, False, True]
    assert intervals[2].growth == Growth(10, 0, (10, 10))


def test_a_histogram_begins_with_the_first_request() -> None:
    intervals = read({"a": Sample(0.0, 0.0, {})}, {"a": sample(10)})
    assert intervals[1].growth == Growth(10, 0, (10, 10))
    assert intervals[1].whole


def test_more_answers_than_requests_that_were_open_are_no_whole_interval() -> None:
    def answered(requests: int, answers: int) -> Sample:
        return Sample(float(requests), 0.0, {"10": float(answers), "+Inf": float(answers)})

    open_ones = read({"a": answered(100, 97)}, {"a": answered(101, 101)})
    assert open_ones[1].whole
    too_many = read({"a": answered(100, 97)}, {"a": answered(101, 102)})
    assert not too_many[1].whole


def test_a_missed_scrape_is_counted_when_the_source_is_read_again() -> None:
    intervals = read({"a": sample(100)}, {"a": None}, {"a": sample(140)})
    assert requests(intervals) == [0, 0, 40]
    assert (intervals[1].read, intervals[1].missing) == (False, "a")
    assert intervals[2].read
    assert intervals[2].whole


def test_a_source_first_named_without_a_value_has_an_unknown_past() -> None:
    assert requests(read({"a": None}, {"a": sample(500)}, {"a": sample(510)})) == [0, 0, 10]


def test_a_source_that_is_no_longer_listed_has_left_and_is_not_missing() -> None:
    polls = [{"a": sample(10), "b": sample(10)}] + [{"a": sample(10)}] * 22
    assert {interval.missing for interval in read(*polls)} == {None}
    assert read({"a": sample(10)}, {})[1].read is False


def test_a_source_that_is_still_listed_never_counts_as_gone() -> None:
    polls: list[dict[str, Sample | None]] = [{"a": sample(10), "b": sample(10)}]
    polls += [{"a": sample(10), "b": None}] * 30
    assert {interval.missing for interval in read(*polls)[1:]} == {"b"}
    never_read = [{"a": sample(10), "b": None}] * 30
    assert {interval.missing for interval in read(*never_read)} == {"b"}
    mixed_up = [{"a": sample(10)}] + [{"a": sample(10, 90)}] * 30
    assert {interval.missing for interval in read(*mixed_up)[1:]} == {"a"}


def test_so_many_sources_that_have_left_are_remembered_and_no_more() -> None:
    ledger = Ledger({})
    for number in range(3 * MAX_GONE):
        now = 15.0 * number
        clock = Clock(
            now, gone=now - 300.0, paired=now - 15.0, patience=now - 60.0, late=now - 150.0
        )
        samples = {"stays": sample(number), f"pod-{number}": sample(1)}
        ledger, _ = advance(ledger, "2", samples, clock, first=False)
    kept = {name for _, name in ledger.sources}
    assert len(kept) <= MAX_GONE + 23
    assert {"stays", f"pod-{3 * MAX_GONE - 1}", f"pod-{3 * MAX_GONE - 60}"} <= kept
    assert "pod-0" not in kept


def test_a_source_that_comes_back_goes_on_where_it_was() -> None:
    polls = [{"a": sample(10), "b": sample(500)}, *[{"a": sample(10)}] * 40]
    intervals = read(*polls, {"a": sample(10), "b": sample(520)})
    assert intervals[-1].growth.requests == 20


def test_two_scrapes_mixed_up_wait_for_the_next_poll() -> None:
    intervals = read({"a": sample(100, 1)}, {"a": sample(100, 4)}, {"a": sample(110, 4)})
    assert requests(intervals) == [0, 0, 10]
    assert intervals[2].growth.errors == 3


def test_requests_without_a_latency_are_requests_all_the_same() -> None:
    answered = Sample(110.0, 10.0, {"10": 100.0, "+Inf": 100.0})
    (_, interval) = read({"a": sample(100)}, {"a": answered})
    assert (interval.growth.requests, interval.growth.latencies) == (10, 0)


def test_what_was_never_answered_is_slower_than_every_edge_in_its_own_poll() -> None:
    before = Sample(100.0, 0.0, {"10": 100.0, "+Inf": 100.0})
    now = Sample(110.0, 3.0, {"10": 107.0, "+Inf": 107.0}, unanswered=3.0)
    (_, interval) = read({"a": before}, {"a": now})
    assert interval.growth == Growth(10, 3, (7, 10), unanswered=3)
    assert interval.whole


def test_edges_count_by_value_in_whatever_order_they_are_written() -> None:
    shuffled = Sample(30.0, 0.0, {"+Inf": 30.0, "100": 25.0, "20": 10.0})
    (interval,) = read({"a": shuffled}, first=False)
    assert interval.growth.buckets == (10.0, 25.0, 30.0)


BROKEN = [
    Sample(float("nan"), 0.0, {}),
    Sample(10.0, float("nan"), {}),
    Sample(-1.0, 0.0, {}),
    Sample(1e300, 0.0, {}),
    Sample(10.0, 0.0, {"10": float("nan"), "+Inf": 10.0}),
    Sample(10.0, 0.0, {"10": 5.0, "20": float("nan"), "+Inf": 10.0}),
    Sample(10.0, 0.0, {"10": -5.0, "+Inf": 10.0}),
    Sample(10.0, 0.0, {"10": 11.0, "+Inf": 10.0}),
    Sample(10.0, 0.0, {"10": 5.0, "20": 4.0, "+Inf": 10.0}),
    Sample(10.0, 0.0, {"10": 5.0, "20": 6.0}),
    Sample(10.0, 0.0, {"+Inf": 6.0}),
    Sample(10.0, 0.0, {"ten": 5.0, "+Inf": 6.0}),
    Sample(10.0, 0.0, {"-10": 5.0, "+Inf": 6.0}),
    Sample(10.0, 0.0, {"nan": 5.0, "+Inf": 6.0}),
    Sample(10.0, 0.0, {"10": 5.0, "10.0": 5.0, "+Inf": 6.0}),
    Sample(10.0, 0.0, {"10": 5.0, "+Inf": float("inf")}),
    Sample(10.0, 0.0, {"12": 5.0, "+Inf": 6.0}),
]


@given(st.sampled_from(BROKEN))
def test_a_sample_that_cannot_be_true_is_named_and_not_counted(broken: Sample) -> None:
    intervals = read({"a": sample(5)}, {"a": sample(6), "b": broken}, {"a": sample(7)})
    assert requests(intervals) == [0, 1, 1]
    assert intervals[1].fault is not None
    assert "source b" in intervals[1].fault
    assert intervals[1].missing == "b"
