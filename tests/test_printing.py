"""Nothing that others wrote reaches the terminal as more than text."""

import os
import re
import stat
import sys
from pathlib import Path

import pytest

from cli import main
from components.printing import printable, say

ROOT = Path(__file__).parents[1]
ITSELF = {"cli/_follow.py"}
"""Prints text that was made printable, and moves the cursor."""

EVIL = "a\x1b[31mb\x07\x9bc\u202ed"


def test_every_command_prints_by_one_function() -> None:
    paths = [*(ROOT / "cli").rglob("*.py"), *(ROOT / "local" / "commands").rglob("*.py")]
    raw = re.compile(r"click\.s?echo\(|(?<![.\w])print\(|sys\.std(out|err)\.write")
    found = {p.relative_to(ROOT).as_posix() for p in paths if raw.search(p.read_text())}
    assert found == ITSELF


def test_what_is_said_has_lines_and_nothing_else_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say(f"one {EVIL}\ntwo")
    say(EVIL, err=True)
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"one {printable(EVIL)}", "two"]
    assert said.err == printable(EVIL) + "\n"
    assert printable(EVIL).isprintable()


def test_an_error_that_names_a_file_is_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["sluice", "replay", str(tmp_path / f"{EVIL}.jsonl")])
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    kept = os.umask(0o022)
    try:
        with pytest.raises(SystemExit):
            main()
        (tmp_path / "made").touch()
    finally:
        os.umask(kept)
    said = capsys.readouterr().err
    assert said.strip().isprintable()
    assert said.startswith("sluice: ")
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
