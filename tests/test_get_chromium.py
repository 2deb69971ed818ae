"""`make test` on a machine without a browser."""

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("get_chromium.sh")


def look_for(folder: Path, user: int) -> subprocess.CompletedProcess[str]:
    """Look for a browser where only the commands in ``folder`` are there, as this user."""
    shell = shutil.which("sh")
    assert shell is not None
    called = folder / "called"
    for name, does in (("id", f"echo {user}"), *((n, "exit 1") for n in ("sudo", "apt-get"))):
        command = folder / name
        command.write_text(f"#!{shell}\necho {name} >> {called}\n{does}\n")
        command.chmod(0o755)
    return subprocess.run(
        [shell, SCRIPT], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_without_root_nothing_is_installed_and_one_line_says_what_is_left_out(
    tmp_path: Path,
) -> None:
    found = look_for(tmp_path, user=1000)
    assert found.returncode == 1
    (said,) = found.stderr.splitlines()
    assert "every test_browser.py is left out" in said
    assert "apt-get install" in said
    assert (tmp_path / "called").read_text().split() == ["id"]


def test_where_root_cannot_install_it_the_same_is_said(tmp_path: Path) -> None:
    found = look_for(tmp_path, user=0)
    assert found.returncode == 1
    assert "every test_browser.py is left out" in found.stderr.splitlines()[-1]
    assert (tmp_path / "called").read_text().split() == ["id", "apt-get"]


def test_a_browser_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    found = look_for(tmp_path, user=1000)
    assert found.returncode == 0
    assert found.stdout == f"{tmp_path / 'chromium'}\n"
