"""The commands that a platform brings stand beside `sluice`'s own."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main, sluice

FLOAT = """\
import click

@click.command()
def command() -> None:
    click.echo("it floats")
"""


@pytest.fixture
def raft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another platform, with a command of its own."""
    files = {
        "raft_platform.py": "def connect():\n    return None\n",
        "raft_commands/__init__.py": (
            'COMMANDS = {"float": "stay above water", "validate": "not theirs to offer"}\n'
        ),
        "raft_commands/float.py": FLOAT,
        "raft-1.dist-info/entry_points.txt": (
            "[sluice.platforms]\nraft = raft_platform:connect\n"
            "[sluice.commands]\nraft = raft_commands\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SLUICE_PLATFORM", "raft")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sluice, arguments)


@pytest.mark.usefixtures("raft")
def test_another_platform_brings_its_own_commands() -> None:
    listed = run("--help").stdout
    assert "stay above water" in listed
    assert "not theirs to offer" not in listed
    assert "start the platform" not in listed
    assert run("float").stdout == "it floats\n"
    assert "Check endpoint FILES" in run("validate", "--help").stdout


@pytest.mark.usefixtures("raft")
def test_a_command_of_another_platform_is_a_usage_error() -> None:
    result = run("up")
    assert result.exit_code == 2
    assert "No such command 'up'" in result.stderr


@pytest.mark.parametrize("command", ["up", "releases"])
def test_an_unknown_platform_is_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", "nowhere")
    monkeypatch.setattr(sys, "argv", ["sluice", command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sluice: unknown platform 'nowhere': choose one of ")


def test_an_unknown_platform_does_not_hide_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", "nowhere")
    result = run("--help")
    assert result.exit_code == 0
    assert "check endpoint files" in result.stdout
    assert "unknown platform 'nowhere'" in result.stderr


def test_help_imports_nothing_that_is_slow() -> None:
    program = (
        "import sys; from cli import main; sys.argv = ['sluice', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "slow = {'pydantic', 'yaml', 'rich', 'numpy', 'psutil', 'email', 'importlib.metadata'}\n"
        "sys.exit(', '.join(slow & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert "start the platform" in done.stdout
