"""`make setup` on a machine where Debian's package cannot be had."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "local" / "get_alertmanager.sh"


def fetch(folder: Path, commands: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the script in a tree of its own, where only these commands are there."""
    shell = shutil.which("sh")
    assert shell is not None
    (folder / "local").mkdir()
    shutil.copy(SCRIPT, folder / "local")
    programs = folder / "programs"
    programs.mkdir()
    for name in ("dirname", "mktemp", "rm", "tail"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    for name, does in commands.items():
        (programs / name).write_text(f"#!{shell}\n{does}\n")
        (programs / name).chmod(0o755)
    return subprocess.run(
        [shell, folder / "local" / SCRIPT.name],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "commands", [{}, {"apt-get": "echo E: no network; exit 100", "dpkg-deb": "exit 1"}]
)
def test_without_it_one_line_says_so_and_the_rest_goes_on(
    tmp_path: Path, commands: dict[str, str]
) -> None:
    done = fetch(tmp_path, commands)
    assert done.returncode == 0, done.stderr
    (said,) = done.stderr.splitlines()
    assert said.startswith("alertmanager: ")
    assert "the platform works without alerts; 'sluice doctor' says so too" in said
    assert not (tmp_path / ".tools").exists()


def test_one_that_is_on_the_path_is_taken(tmp_path: Path) -> None:
    done = fetch(tmp_path, {"prometheus-alertmanager": "exit 1", "amtool": "exit 1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
