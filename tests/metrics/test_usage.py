"""Growth of raw counters over a time, whatever happened to their processes meanwhile."""

from components.metrics.usage import Grown, Read, added_up, grown

START = 1000.0
OLD, NEW = 500.0, 1100.0
"""Births before the time and in it."""


def read(*counts: float, born: float | None = OLD) -> Read:
    return Read(counts, born)


def test_what_was_counted_before_the_time_is_none_of_it() -> None:
    found = grown(read(5, 1), [read(7, 1), read(9, 2)], START)
    assert found == Grown((4, 1))
    assert grown(read(5, 1), [], START).counts == ()


def test_a_counter_that_was_reset_counts_from_zero() -> None:
    reads = [read(90), read(20, born=NEW), read(50, born=NEW)]
    assert grown(read(60), reads, START) == Grown((80,), restarts=1)
    # Where no process says when it began, a counter that fell says it.
    unborn = [read(n, born=None) for n in (90, 20, 50)]
    assert grown(read(60, born=None), unborn, START) == Grown((80,), restarts=1)


def test_a_new_life_that_has_counted_past_the_old_one_is_told_by_its_birth() -> None:
    assert grown(read(60), [read(70), read(100, born=NEW)], START) == Grown((110,), restarts=1)


def test_a_gap_between_two_readings_of_one_life_loses_nothing() -> None:
    whole = [read(n) for n in range(10, 100, 10)]
    assert grown(read(0), whole, START) == grown(read(0), [whole[0], whole[-1]], START)


def test_a_source_that_nobody_had_read_counts_from_zero_if_it_began_since() -> None:
    assert grown(None, [read(30, born=NEW), read(40, born=NEW)], START) == Grown((40,))
    assert grown(None, [read(30), read(40)], START) == Grown((10,), unsure=True)


def test_a_life_that_was_read_last_long_ago_is_not_the_one_that_began_since() -> None:
    base = read(10, born=None)
    assert grown(base, [read(30, born=NEW)], START) == Grown((30,), restarts=1)
    assert grown(base, [read(30)], START) == Grown((20,))


def test_sources_are_added_up() -> None:
    parts = [Grown((1, 2), 1), Grown(()), Grown((3, 4), 2, unsure=True)]
    assert added_up(parts, 2) == Grown((4, 6), 3, unsure=True)
    assert added_up([], 2) == Grown((0, 0))
