"""Records in an object store, where a process was cut off half way; and moments."""

from collections.abc import Callable

import obstore
import pytest
from obstore.store import MemoryStore

from components.errors import PlatformError, Unreachable
from components.platform import Moment
from components.platform.memory import World
from components.platform.objects import ObjectRecords

LINES = [b"0\n", b"1\n", b"2\n"]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def records(store: MemoryStore) -> ObjectRecords:
    records = ObjectRecords(store)
    for seq, line in enumerate(LINES):
        assert records.append("r", seq, line)
    return records


def keys(store: MemoryStore) -> list[str]:
    return sorted(entry["path"] for page in obstore.list(store) for entry in page)


def test_a_record_is_one_object_a_segment_and_a_mark(
    store: MemoryStore, records: ObjectRecords
) -> None:
    segments = [f"records/r/{seq:012d}" for seq in range(3)]
    assert keys(store) == ["pending/r", *segments]
    records.close("r")
    assert keys(store) == ["records/r/joined"]


def test_a_close_that_was_cut_off_before_it_removed_the_segments_is_finished_by_the_next(
    store: MemoryStore, records: ObjectRecords
) -> None:
    obstore.put(store, "records/r/joined", b"".join(LINES))
    assert b"".join(records.read("r", 0)) == b"".join(LINES)
    assert b"".join(records.read("r", 1)) == b"1\n2\n"
    assert records.pending() == ["r"]
    records.close("r")
    assert keys(store) == ["records/r/joined"]


def test_a_close_leaves_what_was_appended_after_the_joining(
    store: MemoryStore, records: ObjectRecords
) -> None:
    obstore.put(store, "records/r/joined", b"".join(LINES[:2]))
    records.close("r")
    assert keys(store) == ["records/r/000000000002", "records/r/joined"]
    assert b"".join(records.read("r", 0)) == b"".join(LINES)


def test_a_record_that_was_cut_off_before_its_first_line_is_pending_and_empty(
    store: MemoryStore,
) -> None:
    records = ObjectRecords(store)
    obstore.put(store, "pending/r", b"")
    assert records.pending() == ["r"]
    assert records.read("r", 0) == []
    records.close("r")
    assert keys(store) == []


def test_a_late_writer_leaves_nothing_behind_the_joined_lines(
    store: MemoryStore, records: ObjectRecords
) -> None:
    records.close("r")
    assert not records.append("r", 1, b"another\n")
    assert keys(store) == ["records/r/joined"]


def moment(name: str) -> Moment:
    return Moment({"alertname": "ReleaseEnded", "release": name}, {"summary": "it ended"}, 1.5)


def raises(error: Exception) -> Callable[[Moment], None]:
    def messenger(_: Moment) -> None:
        raise error

    return messenger


def test_moments_are_kept_until_somebody_takes_them() -> None:
    world = World()
    moments = world.platform.moments
    for name in ("a", "b/../c"):
        moments.keep(name, moment(name))
    world.messenger = raises(Unreachable("nobody is there"))
    with pytest.raises(Unreachable, match="nobody is there"):
        moments.tell()
    assert moments.kept() == ["a", "b/../c"]
    world.messenger = world.told.append
    assert moments.tell() == []
    assert world.told == [moment("a"), moment("b/../c")]
    assert moments.kept() == []


def test_a_moment_that_will_never_be_taken_goes_and_does_not_stop_the_others() -> None:
    world = World()
    moments = world.platform.moments
    obstore.put(world.store, "moments/a", b"{")
    moments.keep("b", moment("b"))
    assert [said.partition(": ")[::2][0] for said in moments.tell()] == ["a"]
    assert world.told == [moment("b")]
    moments.keep("c", moment("c"))
    world.messenger = raises(PlatformError("it refuses these labels"))
    assert moments.tell() == ["c: nobody is told: it refuses these labels"]
    assert moments.kept() == []
