import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import record
from components.errors import InputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "record.jsonl"


def fill(path, lines=4):
    for number in range(lines):
        record.append(path, "poll", {"t": number * 15.0, "text": "größer"}, 1000.0 + number)
    return path


def test_lines_are_read_as_they_were_appended(path):
    fill(path)
    lines = record.read(path, whole=True)
    assert [line.seq for line in lines] == [0, 1, 2, 3]
    assert lines[2].body == {"t": 30.0, "text": "größer"}
    assert lines[0].prev == record.FIRST
    assert [line.prev for line in lines[1:]] == [line.hash for line in lines[:-1]]


def test_the_hash_is_the_sha256_of_the_canonical_line_without_it(path):
    import hashlib

    fill(path, 1)
    line = json.loads(path.read_text())
    found = line.pop("hash")
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == found


@given(st.data())
@settings(max_examples=150)
def test_one_changed_byte_anywhere_fails_the_record(tmp_path_factory, data):
    path = fill(tmp_path_factory.mktemp("record") / "record.jsonl")
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    with pytest.raises(InputError):
        record.read(path, whole=True)


@pytest.mark.parametrize("without", [0, 1, 2])
def test_a_removed_line_is_named(path, without):
    fill(path)
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[without]
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=f":{without + 1}: the chain is broken"):
        record.read(path)


def test_two_lines_that_changed_places_are_named(path):
    fill(path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1], lines[2] = lines[2], lines[1]
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=":2: the chain is broken"):
        record.read(path)


def test_a_line_that_was_written_with_other_spaces_is_refused(path):
    fill(path, 1)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True) + "\n")
    with pytest.raises(InputError, match="canonical"):
        record.read(path)


def test_a_torn_last_line_is_cut_off_by_the_next_append(path):
    fill(path, 2)
    whole = path.read_bytes()
    record.append(path, "poll", {}, 1.0)
    torn = path.read_bytes()[:-10]
    path.write_bytes(torn)
    assert len(record.read(path)) == 2
    with pytest.raises(InputError, match=":3: the last line is torn"):
        record.read(path, whole=True)
    record.append(path, "event", {"event": "resumed", "detail": ""}, 2.0)
    assert path.read_bytes().startswith(whole)
    assert [line.kind for line in record.read(path, whole=True)] == ["poll", "poll", "event"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(path, number):
    with pytest.raises(InputError, match="NaN or infinity"):
        record.append(path, "poll", {"deep": [{"t": number}]}, 0.0)


def test_an_absent_record_is_one_line(path):
    with pytest.raises(InputError, match="No such file"):
        record.read(path)


WRITER = """
import sys
from pathlib import Path
from components import record
for number in range(20):
    record.append(Path(sys.argv[1]), "event", {"writer": sys.argv[2], "number": number}, 0.0)
"""


def test_two_writers_at_once_leave_one_whole_chain(path):
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], cwd=root)
        for name in ("a", "b")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    lines = record.read(path, whole=True)
    assert len(lines) == 40
    for name in ("a", "b"):
        numbers = [line.body["number"] for line in lines if line.body["writer"] == name]
        assert numbers == list(range(20))
