"""Leases in files: compare-and-swap, tokens that are never given twice, and damaged files."""

import errno
import json
import math
import os
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError, NoRoom
from components.platform import Lease
from local import ballast
from local.home import Home
from local.platform.leases import FileLeases

NEW = Lease("e", "r1", "one", 60.0, {"1": 100})


@pytest.fixture
def leases(tmp_path: Path) -> FileLeases:
    home = Home(tmp_path)
    home.make()
    return FileLeases(home)


def test_a_lease_is_read_as_it_was_written(leases: FileLeases) -> None:
    assert leases.read("e") is None
    written = replace(NEW, renewals=3, returned="why")
    token = leases.swap("e", None, written)
    assert token
    assert leases.read("e") == replace(written, token=token)
    assert leases.endpoints() == ["e"]


def test_a_stale_token_changes_nothing(leases: FileLeases) -> None:
    first = leases.swap("e", None, NEW)
    second = leases.swap("e", first, replace(NEW, holder="two"))
    assert second
    assert leases.swap("e", None, NEW) is None
    assert leases.swap("e", first, NEW) is None
    assert leases.read("e") == replace(NEW, holder="two", token=second)


def test_a_token_outlives_its_lease(leases: FileLeases) -> None:
    first = leases.swap("e", None, NEW)
    assert leases.swap("e", first, None)
    assert leases.read("e") is None
    assert leases.endpoints() == []
    later = leases.swap("e", None, NEW)
    assert later not in {None, first}
    assert leases.swap("e", first, None) is None


def test_one_of_many_wins(leases: FileLeases) -> None:
    won: list[str] = []

    def swap(holder: str) -> None:
        if leases.swap("e", None, replace(NEW, holder=holder)):
            won.append(holder)

    threads = [threading.Thread(target=swap, args=(f"h{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = leases.read("e")
    assert found
    assert won == [found.holder]


@pytest.mark.parametrize("name", ["é/../" + "x" * 10, "n" * 300, "a b", "."])
def test_a_name_may_be_any_text(leases: FileLeases, name: str) -> None:
    assert leases.swap(name, None, replace(NEW, endpoint=name))
    assert leases.endpoints() == [name]
    assert [path.parent for path in leases.home.path.rglob("*.json")] == [leases.home.leases]


OLD = {
    "endpoint": "old",
    "release_id": "r0",
    "holder": "process 1",
    "deadline": 1.7e9,
    "restore": {"1": 100},
    "token": 4,
}


ENDLESS = asdict(NEW) | {"endpoint": "old", "seconds": math.inf}
NO_SPLIT = asdict(NEW) | {"endpoint": "old", "restore": {"1": -5}}
NO_TIME = asdict(NEW) | {"endpoint": "old", "seconds": math.nan}


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '{"token": 3}'),
        *(json.dumps({"token": 4, "lease": it}) for it in (OLD, ENDLESS, NO_SPLIT, NO_TIME)),
    ],
)
def test_a_damaged_lease_is_named_and_does_not_hide_the_others(
    leases: FileLeases, content: str
) -> None:
    file = leases.home.leases / "old.json"
    file.write_text(content)
    leases.swap("e", None, NEW)
    assert leases.endpoints() == ["e", "old"]
    for use in (lambda: leases.read("old"), lambda: leases.swap("old", None, NEW)):
        with pytest.raises(InputError, match=f"{file}.*(remove the file|fix it)"):
            use()
    assert file.read_text() == content


def test_what_an_older_sluice_left_of_an_ended_release_is_no_lease(leases: FileLeases) -> None:
    (leases.home.leases / "e.json").write_text('{"token": 7, "lease": null}')
    assert leases.read("e") is None
    assert leases.endpoints() == []
    assert leases.swap("e", None, NEW)


class FullDisk:
    """A disk on which nothing can be written while the ballast lies there."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        self._home, self._make = home, tempfile.mkstemp
        monkeypatch.setattr(tempfile, "mkstemp", self.mkstemp)

    def mkstemp(self, **arguments: Any) -> tuple[int, str]:
        if self._home.ballast.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._make(**arguments)


def test_a_full_disk_is_told_of_and_what_was_kept_is_room_for_the_way_back(
    leases: FileLeases, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = leases.swap("e", None, NEW)
    assert leases.home.ballast.stat().st_blocks * 512 >= ballast.SIZE
    FullDisk(leases.home, monkeypatch)
    taken = replace(NEW, holder="reaper")
    with pytest.raises(
        NoRoom, match=r"e\.json was not written: No space left on device: make room"
    ):
        leases.swap("e", token, taken)
    assert leases.read("e") == replace(NEW, token=token or "")
    assert leases.make_room()
    assert leases.swap("e", token, taken)
    assert not leases.make_room()


def test_no_release_begins_where_no_room_can_be_kept(
    leases: FileLeases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(NoRoom, match="8 MB are kept for giving traffic back"):
            leases.swap("e", None, NEW)
    assert leases.read("e") is None
    assert not list(leases.home.path.glob("ballast*"))
    assert leases.swap("e", None, NEW)


def test_a_folder_in_a_lease_s_place_hides_no_other(leases: FileLeases) -> None:
    assert leases.swap("e", None, NEW)
    (leases.home.leases / "odd.json").mkdir()
    assert leases.endpoints() == ["e", "odd"]
    with pytest.raises(InputError, match=r"odd\.json: cannot be read"):
        leases.read("odd")
