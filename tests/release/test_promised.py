"""How soon a release that was struck is over, as its record has it."""

import pytest

from components.release import watching
from tests.release.test_reaper import LEASE_S, dead
from tests.support.promised import ENDS_S, in_time, longest_silence
from tests.support.worlds import Scene, quick

__all__ = ["dead"]


def test_a_release_that_nobody_strikes_writes_at_each_poll() -> None:
    found = quick()
    assert found.walk("2", "r").outcome == "promoted"
    assert 15.0 <= longest_silence(found.record("r")) < 16.0
    in_time(found.record("r"), LEASE_S)


def test_one_that_a_reaper_ends_was_silent_for_its_lease(dead: Scene) -> None:
    with dead.opened("r") as release:
        watching.poll(release)
    dead.reap(for_s=2 * LEASE_S)
    lines = dead.record("r")
    assert LEASE_S <= longest_silence(lines) <= LEASE_S + ENDS_S
    in_time(lines, LEASE_S)


def test_a_reaper_that_comes_too_late_is_seen(dead: Scene) -> None:
    dead.world.clock.sleep(ENDS_S + 1)
    dead.reap(for_s=2 * LEASE_S)
    with pytest.raises(AssertionError, match="not 90 s at most"):
        in_time(dead.record("r"), LEASE_S)


def test_a_release_without_an_end_keeps_no_promise(dead: Scene) -> None:
    with pytest.raises(AssertionError, match="no end"):
        in_time(dead.record("r"), LEASE_S)


def test_a_release_that_moved_no_user_has_no_silence() -> None:
    found = quick()
    found.passed = False
    found.walk("2", "r")
    assert longest_silence(found.record("r")) == 0
