"""Decision records as segments: a name is taken once, and nobody's line is lost."""

import threading

import pytest

from components.platform import Records
from components.record import Noted, Record, of
from tests.support.rigs import Rig

NAMES = ["Größe 名前", "a/b/../c", "..", ".", "%2F", "x" * 200, "Case", "case", "a/joined"]


@pytest.fixture
def records(rig: Rig) -> Records:
    return rig.platform.records


@pytest.fixture
def release(rig: Rig) -> str:
    return rig.name("release")


def segment(first: int, lines: int = 1, said: str = "line") -> bytes:
    return b"".join(f"{said} {first + n}\n".encode() for n in range(lines))


def fill(records: Records, release: str, *sizes: int) -> bytes:
    """Append segments of so many lines; the whole record."""
    content = b""
    for size in sizes:
        first = content.count(b"\n")
        assert records.append(release, first, segment(first, size))
        content += segment(first, size)
    return content


def test_a_release_begins_without_a_record(records: Records, release: str) -> None:
    assert records.read(release, 0) == []
    assert release not in records.releases()
    assert release not in records.pending()


def test_segments_are_read_in_the_order_of_their_lines(records: Records, release: str) -> None:
    content = fill(records, release, *[1] * 12, 90, 3)
    assert b"".join(records.read(release, 0)) == content


def test_reading_since_a_line_gives_what_begins_there_or_later(
    records: Records, release: str
) -> None:
    fill(records, release, 2, 1, 3)
    assert records.read(release, 2) == [segment(2), segment(3, 3)]
    assert records.read(release, 3) == [segment(3, 3)]
    assert records.read(release, 6) == []


def test_a_name_is_taken_once(records: Records, release: str) -> None:
    fill(records, release, 1, 1)
    for seq in (0, 1):
        assert not records.append(release, seq, segment(seq, said="another"))
    assert records.read(release, 0) == [segment(0), segment(1)]


def test_a_segment_whose_answer_was_lost_may_be_appended_again(
    records: Records, release: str
) -> None:
    fill(records, release, 1, 1)
    for seq in (0, 1):
        assert records.append(release, seq, segment(seq))
    assert records.read(release, 0) == [segment(0), segment(1)]


@pytest.mark.parametrize("seq", [0, 1])
def test_of_8_who_append_the_same_line_one_wins(records: Records, release: str, seq: int) -> None:
    fill(records, release, *[1] * seq)
    barrier = threading.Barrier(8)
    won = []

    def write(said: str) -> None:
        barrier.wait()
        if records.append(release, seq, segment(seq, said=said)):
            won.append(said)

    together = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(8)]
    for each in together:
        each.start()
    for each in together:
        each.join()
    assert len(won) == 1
    assert records.read(release, seq) == [segment(seq, said=won[0])]


def test_several_processes_write_one_chain(rig: Rig, release: str) -> None:
    def write(writer: int) -> None:
        record = Record(rig.platform.records, release, rig.platform.clock)
        for number in range(5):
            record.note("written", f"{writer}/{number}")

    together = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for each in together:
        each.start()
    for each in together:
        each.join()
    noted = of(Record(rig.platform.records, release, rig.platform.clock).lines(), Noted)
    assert len(noted) == 20
    for writer in range(4):
        mine = [each.detail for each in noted if each.detail.startswith(f"{writer}/")]
        assert mine == [f"{writer}/{number}" for number in range(5)]


def test_a_record_is_pending_from_its_first_line_until_it_is_closed(
    records: Records, release: str
) -> None:
    fill(records, release, 1)
    assert release in records.pending()
    assert release in records.releases()
    assert records.append(release, 1, segment(1))
    assert release in records.pending()
    records.close(release)
    assert release not in records.pending()
    assert release in records.releases()


def test_a_record_that_is_joined_is_pending_until_it_is_closed(
    records: Records, release: str
) -> None:
    content = fill(records, release, 1, 2, 1)
    assert not records.is_joined(release)
    for _ in range(2):
        records.join(release)
        assert records.is_joined(release)
        assert release in records.pending()
        assert b"".join(records.read(release, 0)) == content
    records.close(release)
    assert records.is_joined(release)
    assert release not in records.pending()
    assert b"".join(records.read(release, 0)) == content


def test_closing_changes_nothing_of_what_is_read(records: Records, release: str) -> None:
    content = fill(records, release, 1, 2, 1)
    for _ in range(2):
        records.close(release)
        assert b"".join(records.read(release, 0)) == content
        assert b"".join(records.read(release, 3)) == segment(3)
        assert records.read(release, 4) == []


def test_a_closed_record_takes_later_lines(records: Records, release: str) -> None:
    content = fill(records, release, 1, 2)
    records.close(release)
    assert records.append(release, 3, segment(3))
    assert b"".join(records.read(release, 0)) == content + segment(3)
    assert records.read(release, 3) == [segment(3)]
    records.close(release)
    assert b"".join(records.read(release, 0)) == content + segment(3)
    assert release not in records.pending()


@pytest.mark.parametrize("seq", [0, 1, 2])
def test_a_name_that_was_taken_before_the_close_stays_taken(
    records: Records, release: str, seq: int
) -> None:
    content = fill(records, release, 1, 1, 1)
    records.close(release)
    assert not records.append(release, seq, segment(seq, said="another"))
    assert b"".join(records.read(release, 0)) == content


def test_a_segment_whose_answer_was_lost_stands_after_the_close_too(
    records: Records, release: str
) -> None:
    content = fill(records, release, 1, 2, 1)
    records.close(release)
    assert records.append(release, 1, segment(1, 2))
    assert b"".join(records.read(release, 0)) == content


def test_a_line_inside_of_a_joined_segment_is_taken_too(records: Records, release: str) -> None:
    content = fill(records, release, 3)
    records.close(release)
    assert not records.append(release, 1, segment(1, said="another"))
    assert b"".join(records.read(release, 0)) == content


def test_names_of_any_alphabet_and_length_are_told_apart(rig: Rig, records: Records) -> None:
    prefix = rig.name("names")
    names = [*NAMES, *(f"{prefix}{name}" for name in NAMES)]
    for name in names:
        assert records.append(name, 0, name.encode() + b"\n")
    assert set(names) <= set(records.releases())
    assert set(names) <= set(records.pending())
    for name in names:
        records.close(name)
        assert records.read(name, 0) == [name.encode() + b"\n"]
    assert not set(names) & set(records.pending())
