"""Time as a part of the platform."""

from itertools import pairwise

import pytest

from components.platform import Clock
from tests.support.rigs import Rig


@pytest.fixture
def clock(rig: Rig) -> Clock:
    return rig.platform.clock


def test_both_clocks_go_on_while_somebody_sleeps(clock: Clock) -> None:
    wall, monotonic = clock.time(), clock.monotonic()
    clock.sleep(0.2)
    assert clock.time() - wall == pytest.approx(0.2, abs=0.15)
    assert 0.199 < clock.monotonic() - monotonic < 5


@pytest.mark.parametrize("seconds", [0, -5.0])
def test_nobody_waits_for_less_than_nothing(clock: Clock, seconds: float) -> None:
    before = clock.monotonic()
    clock.sleep(seconds)
    assert 0 <= clock.monotonic() - before < 0.15


def test_a_beat_comes_again_and_again_while_its_block_runs(clock: Clock) -> None:
    beats: list[float] = []
    with clock.beating(0.1, lambda: beats.append(clock.monotonic())):
        assert beats == []
        clock.sleep(0.55)
    assert 3 <= len(beats) <= 5
    assert all(later - earlier > 0.099 for earlier, later in pairwise(beats))
    counted = len(beats)
    clock.sleep(0.3)
    assert len(beats) == counted


def test_the_block_s_own_error_ends_the_beat(clock: Clock) -> None:
    beats: list[float] = []
    with pytest.raises(ZeroDivisionError), clock.beating(0.1, lambda: beats.append(0.0)):
        raise ZeroDivisionError
    clock.sleep(0.3)
    assert beats == []
