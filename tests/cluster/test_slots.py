"""A place that is in use never moves, and never has nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.slots import MOST, WHOLE, Slot, fill, percent
from components.errors import PlatformError

ARMS = ("1", "2", "2-baseline", "3")
SPLITS = st.lists(st.sampled_from(ARMS), min_size=1, unique=True).flatmap(
    lambda arms: st.lists(st.integers(0, 100), min_size=len(arms), max_size=len(arms)).map(
        lambda cuts: _split(arms, cuts)
    )
)


def _split(arms: list[str], cuts: list[int]) -> dict[str, int]:
    ends = [0, *sorted(cuts[1:]), 100]
    return {arm: ends[n + 1] - ends[n] for n, arm in enumerate(arms)}


@given(st.lists(SPLITS, min_size=1, max_size=6))
def test_any_row_of_splits_is_read_back_and_moves_nobody(splits: list[dict[str, int]]) -> None:
    slots: tuple[Slot, ...] = ()
    for weights in splits:
        before, slots = slots, fill(slots, weights)
        assert percent(slots) == weights
        assert sum(slot.parts for slot in slots) == WHOLE
        assert min(slot.parts for slot in slots) >= 1
        assert len(slots) >= len(before)
        for arm in weights:
            own = [(slot.parts, n) for n, slot in enumerate(before) if slot.arm == arm]
            assert not own or slots[max(own)[1]].arm == arm


def test_a_canary_is_appended_and_the_next_one_takes_the_free_place() -> None:
    first = fill((), {"1": 100})
    canary = fill(first, {"1": 90, "2": 10})
    assert canary == (Slot("1", 900_000), Slot("2", 100_000))
    promoted = fill(canary, {"1": 0, "2": 100})
    assert promoted == (Slot("1", 1), Slot("2", WHOLE - 1))
    alone = fill(promoted, {"2": 100})
    assert alone == (Slot("2", 1), Slot("2", WHOLE - 1))
    assert [slot.arm for slot in fill(alone, {"2": 90, "3": 10})] == ["3", "2"]


def test_more_arms_than_places_are_refused() -> None:
    weights = {str(n): 5 for n in range(20)}
    with pytest.raises(PlatformError, match=f"places for {MOST}"):
        fill((), weights)
