"""What people decide of releases: each number of a release once, in the caller's own name."""

import threading

import pytest

from components.platform import Decision, Decisions
from tests.support.present import present
from tests.support.rigs import Rig

NAMES = ["Größe 名前", "a/b/../c", "..", "%2F", "x" * 300, "Case", "case", "a-1", "a"]


@pytest.fixture
def decisions(rig: Rig) -> Decisions:
    return rig.platform.decisions


@pytest.fixture
def release(rig: Rig) -> str:
    """A release of which nobody has decided anything."""
    return rig.name("release")


def test_what_is_read_is_what_was_decided_in_its_order(decisions: Decisions, release: str) -> None:
    assert decisions.read(release) == []
    said = [
        decisions.add(release, 1, "pause", "lunch\n<b>Größe</b>"),
        decisions.add(release, 2, "resume", ""),
        decisions.add(release, 3, "approve", "seen by two"),
    ]
    assert decisions.read(release) == said
    first = present(said[0])
    wanted = (release, 1, "pause", "lunch\n<b>Größe</b>")
    assert (first.release_id, first.number, first.says, first.reason) == wanted


def test_the_platform_says_who_decides_and_says_the_same_each_time(
    decisions: Decisions, rig: Rig
) -> None:
    by = {present(decisions.add(rig.name("release"), 1, "reject", "")).by for _ in range(3)}
    assert len(by) == 1
    assert by != {""}


def test_a_decision_has_its_time(decisions: Decisions, release: str, rig: Rig) -> None:
    before = rig.platform.clock.time()
    at = present(decisions.add(release, 1, "approve", "")).at
    assert before - 2 <= at <= rig.platform.clock.time() + 2


def test_a_number_is_taken_once(decisions: Decisions, release: str) -> None:
    first = decisions.add(release, 1, "approve", "")
    assert first
    assert decisions.add(release, 1, "reject", "too late") is None
    assert decisions.read(release) == [first]


def test_of_8_who_decide_at_once_one_is_first(decisions: Decisions, release: str) -> None:
    barrier = threading.Barrier(8)
    won: list[Decision] = []

    def decide(reason: str) -> None:
        barrier.wait()
        if found := decisions.add(release, 1, "approve", reason):
            won.append(found)

    threads = [threading.Thread(target=decide, args=(f"writer {n}",)) for n in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert decisions.read(release) == won
    assert len(won) == 1


def test_numbers_sort_as_numbers(decisions: Decisions, release: str) -> None:
    for number in (10, 9, 1):
        decisions.add(release, number, "pause", "")
    assert [each.number for each in decisions.read(release)] == [1, 9, 10]


def test_releases_know_nothing_of_each_other(decisions: Decisions, rig: Rig) -> None:
    names = [*(f"{name}{rig.name('r')}" for name in NAMES), *NAMES]
    made = {name: decisions.add(name, 1, "pause", name) for name in names}
    try:
        for name, decision in made.items():
            assert decisions.read(name) == [decision]
    finally:
        for name in names:
            decisions.clear(name)
    assert [decisions.read(name) for name in names] == [[] for _ in names]


def test_what_is_cleared_is_gone_and_may_be_cleared_again(
    decisions: Decisions, release: str, rig: Rig
) -> None:
    other = rig.name("release")
    for name in (release, other):
        decisions.add(name, 1, "pause", "")
    decisions.clear(release)
    decisions.clear(release)
    assert decisions.read(release) == []
    assert decisions.read(other)
    assert decisions.add(release, 1, "approve", "anew")
