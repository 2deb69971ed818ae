"""The memory of the champion's latencies."""

from hypothesis import given
from hypothesis import strategies as st

from components.judge.constants import RECENT_LATENCIES, RECENT_POLLS
from components.judge.latency import known, remember


def buckets(answers: float, slow: float) -> tuple[float, ...]:
    """Cumulative, of which a share of `slow` lies beyond the only finite edge."""
    return (answers * (1 - slow), answers)


def after(polls: int, answers: float, slow: float, recent: tuple[float, ...]) -> tuple[float, ...]:
    for _ in range(polls):
        recent = remember(recent, buckets(answers, slow))
    return recent


def test_what_is_first_known_is_remembered_whole() -> None:
    assert remember((), buckets(5000, 0.2)) == buckets(5000, 0.2)
    assert remember(buckets(70, 0.2), buckets(50, 0)) == (70 * 0.8 + 50, 120)


def test_nothing_fades_while_nothing_is_answered() -> None:
    full = buckets(5000, 0.2)
    assert remember(full, ()) == full
    assert remember(full, (0.0, 0.0)) == full
    # A torn scrape: the bucket is ahead of the sum, which comes with the next.
    assert remember(remember(full, (3.0, 0.0)), (0.0, 3.0))[-1] < 5003


def test_the_memory_settles_at_its_size() -> None:
    assert after(400, 10, 0.05, buckets(5000, 0.5))[-1] == RECENT_LATENCIES
    many = after(400, 700, 0.05, buckets(5000, 0.5))
    assert abs(many[-1] - RECENT_POLLS * 700) < 1


def test_a_busy_hour_is_forgotten() -> None:
    recent = after(200, 60, 0.05, buckets(5000, 0.5))
    assert abs(1 - recent[0] / recent[1] - 0.05) < 0.001


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), min_size=1, max_size=40))
def test_it_stays_a_histogram_and_stays_known(polls: list[tuple[int, float]]) -> None:
    recent: tuple[float, ...] = ()
    was_known = False
    for answers, slow in polls:
        recent = remember(recent, buckets(answers, slow))
        assert 0 <= recent[0] <= recent[1]
        assert known(recent) or not was_known
        was_known = known(recent)
