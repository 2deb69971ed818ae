"""Decisions in files: whose a file is, the operating system says."""

import getpass
import json
import os
from pathlib import Path

import pytest

from components.errors import InputError
from local.home import Home
from local.platform.decisions import FileDecisions
from tests.support.present import present


@pytest.fixture
def decisions(tmp_path: Path) -> FileDecisions:
    home = Home(tmp_path)
    home.make()
    return FileDecisions(home)


def file(decisions: FileDecisions) -> Path:
    return decisions.home.path / "decisions" / "r" / "1.json"


def test_who_decides_is_the_user_of_the_operating_system(
    decisions: FileDecisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = getpass.getuser()
    for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    assert present(decisions.add("r", 1, "approve", "")).by == user
    assert "by" not in json.loads(file(decisions).read_text())


def test_a_file_of_another_user_is_that_user_s_decision(decisions: FileDecisions) -> None:
    decisions.add("r", 1, "approve", "")
    wanted = {os.geteuid(): getpass.getuser()}
    if os.geteuid() == 0:  # who else may give files away
        wanted = {65534: "nobody", 54321: "user 54321"}
    for number, name in wanted.items():
        os.chown(file(decisions), number, -1)
        assert [each.by for each in decisions.read("r")] == [name]


@pytest.mark.parametrize("text", ["", "{", '{"says": "promote", "reason": ""}', "[]", "\xff"])
def test_a_damaged_file_is_an_error_that_names_it(decisions: FileDecisions, text: str) -> None:
    decisions.add("r", 1, "approve", "")
    file(decisions).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"decisions/r/1\.json: no decision.*remove it"):
        decisions.read("r")


def test_only_the_user_may_read_or_write_them(decisions: FileDecisions) -> None:
    decisions.add("r", 1, "pause", "")
    path = file(decisions)
    assert [each.stat().st_mode & 0o077 for each in (path, path.parent, path.parent.parent)] == [
        0
    ] * 3


def test_what_a_killed_process_left_is_no_decision(decisions: FileDecisions) -> None:
    decisions.add("r", 1, "pause", "")
    (file(decisions).parent / "tmpabc").write_text("{")
    assert [each.number for each in decisions.read("r")] == [1]
