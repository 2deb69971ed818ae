"""The clock that stands still until somebody sleeps."""

import pytest

from components.platform import wait_for
from components.platform.memory import Killed, ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_time_passes_in_sleep_only(clock: ManualClock) -> None:
    wall = clock.time()
    assert (clock.monotonic(), clock.time()) == (0.0, wall)
    clock.sleep(1.5)
    assert (clock.monotonic(), clock.time()) == (1.5, wall + 1.5)


def test_what_is_due_runs_in_the_order_of_its_times_each_at_its_own(clock: ManualClock) -> None:
    seen: list[tuple[str, float]] = []
    for name, t in (("late", 9.0), ("early", 1.0), ("middle", 5.0), ("after the sleep", 10.5)):
        clock.at(t, lambda name=name: seen.append((name, clock.monotonic())))  # type: ignore[misc]
    clock.sleep(10)
    assert seen == [("early", 1.0), ("middle", 5.0), ("late", 9.0)]
    assert clock.monotonic() == 10
    clock.sleep(1)
    assert seen[-1] == ("after the sleep", 10.5)


def test_calls_of_one_time_run_in_the_order_in_which_they_were_put_down(clock: ManualClock) -> None:
    seen: list[int] = []
    for number in range(20):
        clock.at(3.0, lambda number=number: seen.append(number))  # type: ignore[misc]
    clock.sleep(3)
    assert seen == list(range(20))


def test_a_call_may_put_down_others_that_are_due_in_the_same_sleep(clock: ManualClock) -> None:
    seen: list[float] = []

    def again() -> None:
        seen.append(clock.monotonic())
        clock.after(2, again)

    clock.after(2, again)
    clock.sleep(7)
    assert seen == [2, 4, 6]


def test_a_call_that_is_taken_back_does_not_run(clock: ManualClock) -> None:
    seen: list[str] = []
    take_back = clock.after(1, lambda: seen.append("taken back"))
    clock.after(1, lambda: seen.append("kept"))
    take_back()
    clock.sleep(2)
    take_back()
    assert seen == ["kept"]


def test_a_call_for_a_time_that_is_past_runs_in_the_next_sleep(clock: ManualClock) -> None:
    clock.sleep(10)
    seen: list[float] = []
    clock.at(5, lambda: seen.append(clock.monotonic()))
    assert seen == []
    clock.sleep(1)
    assert seen == [10]


def test_the_wall_clock_may_be_set_and_the_other_goes_on(clock: ManualClock) -> None:
    clock.sleep(10)
    clock.after(5, lambda: clock.set_wall(1000.0))
    clock.sleep(7)
    assert clock.monotonic() == 17
    assert clock.time() == 1002


def test_beats_come_between_other_calls(clock: ManualClock) -> None:
    seen: list[str] = []
    clock.at(5, lambda: seen.append("call at 5"))
    with clock.beating(2, lambda: seen.append(f"beat at {clock.monotonic():g}")):
        clock.sleep(7)
    assert seen == ["beat at 2", "beat at 4", "call at 5", "beat at 6"]
    clock.sleep(10)
    assert len(seen) == 4


def test_a_beat_that_sleeps_moves_the_clock_for_everybody_and_misses_nothing(
    clock: ManualClock,
) -> None:
    seen: list[str] = []

    def beat() -> None:
        seen.append(f"beat at {clock.monotonic():g}")
        clock.sleep(5)

    clock.at(4, lambda: seen.append(f"call at {clock.monotonic():g}"))
    with clock.beating(3, beat):
        clock.sleep(9)
    assert seen == ["beat at 3", "call at 4"]
    assert clock.monotonic() == 9
    with clock.beating(3, beat):
        clock.sleep(4)
    assert seen[2:] == ["beat at 12"]
    assert clock.monotonic() == 17, "the beat slept past the end of the sleep that it was in"


def test_a_beat_never_runs_inside_of_itself(clock: ManualClock) -> None:
    inside: list[int] = [0, 0]

    def beat() -> None:
        inside[0] += 1
        inside[1] = max(inside)
        clock.sleep(10)
        inside[0] -= 1

    with clock.beating(1, beat):
        clock.sleep(30)
    assert inside == [0, 1]


def test_the_error_of_a_beat_ends_the_beat_alone(clock: ManualClock) -> None:
    beats: list[float] = []

    def beat() -> None:
        beats.append(clock.monotonic())
        raise ValueError("mine")

    with clock.beating(1, beat):
        clock.sleep(5)
    assert beats == [1]
    assert [str(error) for error in clock.beat_errors] == ["mine"]


def test_the_error_of_a_call_comes_out_of_the_sleep_at_its_time(clock: ManualClock) -> None:
    def end() -> None:
        raise Killed

    clock.at(3, end)
    beats: list[float] = []
    with pytest.raises(Killed), clock.beating(2, lambda: beats.append(clock.monotonic())):
        clock.sleep(10)
    assert clock.monotonic() == 3
    clock.sleep(10)
    assert beats == [2]


def test_waiting_takes_no_time_of_ours(clock: ManualClock) -> None:
    clock.at(3600.0, lambda: came.append(True))
    came: list[bool] = []
    assert wait_for(lambda: bool(came), 7200, 15, lambda: "late", clock)
    assert clock.monotonic() == 3600
