"""A run's temporary files are gone with it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipelines.engines.scratch import own_temporary_files


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of everybody's temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_what_the_run_and_its_children_leave_is_removed(shared: Path) -> None:
    make = "import tempfile; tempfile.mkdtemp()"
    with own_temporary_files():
        tempfile.mkdtemp()
        subprocess.run([sys.executable, "-c", make], check=True)
        (folder,) = shared.iterdir()
        assert len(list(folder.iterdir())) == 2
        assert folder.stat().st_mode & 0o077 == 0
    assert list(shared.iterdir()) == []
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(shared)


def test_what_a_killed_run_has_left_is_removed_and_nothing_else(shared: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = shared / f"sluice-run-{child.pid}-abc"
    others = [shared / f"sluice-run-{os.getppid()}-abc", shared / "sluice-run-x", shared / "mine"]
    for each in (dead, *others):
        (each / "below").mkdir(parents=True)
    with own_temporary_files():
        assert not dead.exists()
    assert sorted(shared.iterdir()) == sorted(others)
