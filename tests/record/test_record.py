"""The chain of a record, as a file and as several writers leave it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import LocalStore

from components import record
from components.errors import InputError
from components.judge import Poll
from components.platform import SystemClock
from components.platform.objects import ObjectRecords
from components.record import Noted, Record, chain
from tests.support.records import chained, write, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


def poll(number: int) -> Poll:
    return Poll(number * 15.0, {"größer": 100}, {})


def fill(path: Path, lines: int = 4) -> Path:
    return write(path, written((1000.0 + number, (poll(number),)) for number in range(lines)))


def test_lines_are_read_as_they_were_appended(path: Path) -> None:
    fill(path)
    lines = record.read(path, whole=True)
    assert [line.seq for line in lines] == [0, 1, 2, 3]
    assert [line.at for line in lines] == [1000.0, 1001.0, 1002.0, 1003.0]
    assert lines[2].body == poll(2)
    links = [chain.parse(raw, "record") for raw in path.read_bytes().splitlines()]
    assert [link.hash for link in links] == [line.hash for line in lines]
    assert [link.prev for link in links] == [chain.FIRST, *(link.hash for link in links[:-1])]


def test_the_hash_is_the_sha256_of_the_canonical_line_without_it(path: Path) -> None:
    fill(path, 1)
    line = json.loads(path.read_text())
    found = line.pop("hash")
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == found


@given(st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_one_changed_byte_anywhere_fails_the_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = fill(tmp_path_factory.mktemp("record") / "record.jsonl")
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    with pytest.raises(InputError):
        record.read(path, whole=True)


@pytest.mark.parametrize("without", [0, 1, 2])
def test_a_removed_line_is_named(path: Path, without: int) -> None:
    fill(path)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[without]
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=f":{without + 1}: the chain is broken"):
        record.read(path)


def test_two_lines_that_changed_places_are_named(path: Path) -> None:
    fill(path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=":2: the chain is broken"):
        record.read(path)


def test_a_line_that_was_written_with_other_spaces_is_refused(path: Path) -> None:
    fill(path, 1)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True) + "\n")
    with pytest.raises(InputError, match=":1: the line was changed after it was written"):
        record.read(path)


def test_a_torn_last_line_is_left_out_and_named_where_the_record_must_be_whole(path: Path) -> None:
    fill(path, 3)
    path.write_bytes(path.read_bytes()[:-10])
    assert len(record.read(path)) == 2
    with pytest.raises(InputError, match=":3: the last line is torn"):
        record.read(path, whole=True)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(number: float) -> None:
    with pytest.raises(InputError, match="NaN or infinity"):
        written([(0.0, (Poll(number, {}, {}),))])
    with pytest.raises(InputError, match="NaN or infinity"):
        chain.link(0, "poll", 0.0, {"deep": [{"t": number}]}, chain.FIRST)


@pytest.mark.parametrize("at", [-1.0, 1e300])
def test_a_time_that_no_calendar_has_is_no_line_s(path: Path, at: float) -> None:
    path.write_bytes(chained([("event", at, {"event": "x", "detail": ""})]))
    with pytest.raises(InputError, match=r"record\.jsonl:1: not a line of a decision record"):
        record.read(path)


def test_an_absent_record_is_one_line(path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        record.read(path)


WRITER = """
import sys
from obstore.store import LocalStore
from components.platform import SystemClock
from components.platform.objects import ObjectRecords
from components.record import Noted, Record
record = Record(ObjectRecords(LocalStore(sys.argv[1])), "release", SystemClock())
for number in range(20):
    record.append(Noted(sys.argv[2], str(number)))
"""


def test_two_writers_at_once_leave_one_whole_chain(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=root)
        for name in ("a", "b")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    found = Record(ObjectRecords(LocalStore(tmp_path)), "release", SystemClock())
    assert len(found.lines()) == 40
    assert len(record.parse(found.content(), "joined", whole=True)) == 40
    for name in ("a", "b"):
        notes = [note for note in record.of(found.lines(), Noted) if note.event == name]
        assert [note.detail for note in notes] == [str(number) for number in range(20)]


def test_a_whole_number_that_nothing_counts_is_refused_with_its_line(path: Path) -> None:
    body = {"action": "set_weights", "applied_s": 0.1, "weights": {"1": 10**400}}
    path.write_bytes(chained([("event", 1.0, {"event": "x", "detail": "1" * 40})]))
    assert len(record.read(path)) == 1
    text = b'{"at":1.0,"body":%s,"hash":"' % json.dumps(body, separators=(",", ":")).encode()
    rest = b'","kind":"action","prev":"%s","seq":0}' % (b"0" * 64)
    hashed = hashlib.sha256(text.removesuffix(b',"hash":"') + rest[1:]).hexdigest().encode()
    path.write_bytes(text + hashed + rest + b"\n")
    with pytest.raises(InputError, match=r"record\.jsonl:1: a whole number of more than 64 bits"):
        record.read(path)
