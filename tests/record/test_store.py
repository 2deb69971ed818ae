"""A release's record in the platform's store: several writers, segments, lost answers, damage."""

import threading
from collections.abc import Callable

import obstore
import pytest

from components import record
from components.errors import InputError, Unreachable
from components.judge import Poll
from components.platform.memory import World
from components.record import Ended, Noted, Record, of


@pytest.fixture
def world() -> World:
    return World()


def mine(world: World) -> Record:
    """The record as one more process has it."""
    return Record(world.platform.records, "r", world.clock)


def details(found: Record) -> list[str]:
    return [noted.detail for noted in of(found.lines(), Noted)]


def test_lines_that_are_added_together_are_one_segment(world: World) -> None:
    found = mine(world)
    assert not found.exists()
    found.append(Noted("a"), Noted("b"))
    found.append(Noted("c"))
    assert found.exists()
    segments = world.platform.records.read("r", 0)
    assert [segment.count(b"\n") for segment in segments] == [2, 1]
    assert b"".join(segments) == found.content() == mine(world).content()
    assert len(record.parse(found.content(), "copy", whole=True)) == 3


def test_each_line_has_the_time_at_which_it_was_added(world: World) -> None:
    found = mine(world)
    began = world.clock.time()
    found.note("a")
    world.clock.sleep(5)
    found.append(Noted("b"), Noted("c"))
    assert [line.at - began for line in found.lines()] == [0, 5, 5]


def test_who_has_read_a_record_asks_only_for_what_is_new(world: World) -> None:
    writer, reader = mine(world), mine(world)
    asked = []
    real = world.platform.records

    class Counted:
        append, close, join = real.append, real.close, real.join
        releases, pending, is_joined = real.releases, real.pending, real.is_joined

        def read(self, release_id: str, since: int) -> list[bytes]:
            asked.append(since)
            return real.read(release_id, since)

    reader = Record(Counted(), "r", world.clock)
    for number in range(3):
        writer.note("line", str(number))
        assert details(reader) == [str(n) for n in range(number + 1)]
    assert asked == [0, 1, 2]


def test_two_writers_take_turns_without_knowing_of_each_other(world: World) -> None:
    a, b = mine(world), mine(world)
    for number in range(5):
        a.note("a", f"a{number}")
        b.note("b", f"b{number}")
    assert a.lines() == b.lines() == mine(world).lines()
    assert details(a) == [f"{who}{n}" for n in range(5) for who in "ab"]


def test_many_threads_that_append_at_once_leave_one_whole_chain(world: World) -> None:
    barrier = threading.Barrier(4)

    def write(writer: int, found: Record) -> None:
        barrier.wait()
        for number in range(10):
            found.append(Noted(str(writer), str(number)), Noted(str(writer), "and"))

    shared = mine(world)
    records = [shared, shared, mine(world), mine(world)]
    together = [
        threading.Thread(target=write, args=(writer, found)) for writer, found in enumerate(records)
    ]
    for each in together:
        each.start()
    for each in together:
        each.join()
    found = mine(world).lines()
    assert len(found) == 80
    assert len(record.parse(mine(world).content(), "copy", whole=True)) == 80
    for writer in range(4):
        noted = [each.detail for each in of(found, Noted) if each.event == str(writer)]
        assert noted == [word for number in range(10) for word in (str(number), "and")]


@pytest.mark.parametrize("after", [False, True], ids=["asked", "done"])
def test_a_write_that_was_not_answered_may_be_followed_by_another(
    world: World, after: bool
) -> None:
    found = mine(world)
    found.note("a", "0")
    world.faults.fail("records.append", times=1, after=after)
    with pytest.raises(Unreachable):
        found.note("b", "1")
    found.note("c", "2")
    assert details(found) == (["0", "1", "2"] if after else ["0", "2"])
    assert found.lines() == mine(world).lines()


def test_the_same_line_again_after_a_lost_answer_stands_once(world: World) -> None:
    found = mine(world)
    found.note("a", "0")
    world.faults.fail("records.append", times=1, after=True)
    with pytest.raises(Unreachable):
        found.note("b", "1")
    found.note("b", "1")
    assert details(mine(world)) == ["0", "1"]


def test_a_closed_record_is_read_and_added_to_as_before(world: World) -> None:
    found = mine(world)
    for number in range(3):
        found.note("a", str(number))
    found.append(Ended("promoted", ""))
    before = found.content()
    world.platform.records.close("r")
    assert mine(world).content() == before
    found.note("after", "3")
    mine(world).note("after", "4")
    assert details(found) == [str(number) for number in range(5)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(
    world: World, number: float
) -> None:
    found = mine(world)
    found.note("a")
    with pytest.raises(InputError, match="a poll line with NaN or infinity cannot be recorded"):
        found.append(Noted("b"), Poll(1.0, {"1": number}, {}))
    assert len(mine(world).lines()) == 1
    world.clock.set_wall(number)
    with pytest.raises(InputError, match="NaN or infinity"):
        found.note("b")


def damaged(world: World, change: Callable[[bytes], bytes], seq: int = 1) -> Record:
    found = mine(world)
    for number in range(3):
        found.note("a", str(number))
    path = f"records/r/{seq:012d}"
    content = bytes(obstore.get(world.store, path).bytes())
    obstore.put(world.store, path, change(content))
    return mine(world)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw.replace(b'"1"', b'"7"'), "r:2: the line was changed after it was written"),
        (lambda raw: raw[:-9], "r:2: not a line of a decision record"),
        (lambda raw: raw + raw, "r:3: the chain is broken"),
        (lambda _: b"", "r:2: the chain is broken"),
        (lambda _: b"\xff\n", "r:2: not a line of a decision record"),
    ],
)
def test_damage_is_named(world: World, change: Callable[[bytes], bytes], said: str) -> None:
    found = damaged(world, change)
    for _ in range(2):
        with pytest.raises(InputError, match=said):
            found.lines()
    with pytest.raises(InputError, match=said):
        found.note("more")


def test_a_torn_last_segment_was_altered_for_nobody_writes_half_a_segment(world: World) -> None:
    with pytest.raises(InputError, match="record of r: its last line is torn"):
        damaged(world, lambda raw: raw[:-1], seq=2).lines()


def test_what_was_read_before_the_damage_is_not_lost(world: World) -> None:
    found = mine(world)
    found.note("a", "0")
    assert details(found) == ["0"]
    obstore.put(world.store, f"records/r/{1:012d}", b"{}\n")
    with pytest.raises(InputError):
        found.lines()
    obstore.delete(world.store, f"records/r/{1:012d}")
    assert details(found) == ["0"]


def test_a_store_that_does_not_answer_says_so(world: World) -> None:
    world.away("records")
    with pytest.raises(Unreachable):
        mine(world).lines()
    with pytest.raises(Unreachable):
        mine(world).exists()
    with pytest.raises(Unreachable):
        mine(world).note("a")
