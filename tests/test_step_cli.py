"""Steps as commands: flags from a signature, a result's fields as files."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from components import step_cli
from components.__main__ import STEPS
from components.errors import InputError


class Told(BaseModel):
    dry: bool
    share: float
    name: str


def tell(name: str, dry: bool, share: float = 0.5) -> Told:
    """Say what was given.

    Raises:
        InputError: the name is empty.
    """
    if not name:
        raise InputError("no name was given: give one")
    return Told(dry=dry, share=share, name=name)


def run(*arguments: str) -> int:
    return step_cli.run("python -m tests", {"tell": tell}, ["tell", *arguments])


@pytest.mark.parametrize(
    ("given", "expected"),
    [("true", True), ("True", True), ("false", False), ("False", False), ("FALSE", False)],
)
def test_a_boolean_is_what_the_text_says(
    given: str, expected: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--name=a", f"--dry={given}") == 0
    assert json.loads(capsys.readouterr().out)["dry"] is expected


@pytest.mark.parametrize("given", ["", "0", "no", "2"])
def test_a_boolean_that_says_neither_is_a_usage_error(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--name=a", f"--dry={given}")
    assert ended.value.code == 2
    assert "neither true nor false" in capsys.readouterr().err


def test_each_field_of_the_result_is_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "outputs"
    assert run("--name=a b", "--dry=false", "--share=0.25", f"--outputs={folder}") == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "name": "a b",
        "dry": "false",
        "share": "0.25",
    }


def test_an_error_of_ours_is_one_line_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--name=", "--dry=true") == 1
    assert capsys.readouterr().err == "sluice: no name was given: give one\n"


def test_sigterm_runs_what_a_step_does_at_its_end_and_is_its_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = []

    def killed(name: str) -> Told:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            ended.append(name)
        raise AssertionError

    before = signal.getsignal(signal.SIGTERM)
    assert step_cli.run("python -m tests", {"killed": killed}, ["killed", "--name=a"]) == 143
    assert ended == ["a"]
    assert capsys.readouterr().err.startswith("sluice: SIGTERM ended this step")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_parameter_that_no_flag_can_hold_is_refused_when_the_table_is_read() -> None:
    def step(names: list[str]) -> Told:
        raise AssertionError(names)

    with pytest.raises(TypeError, match=r"step: no flag can hold names: list\[str\]"):
        step_cli.parser("python -m tests", {"step": step})


def test_every_step_of_a_release_has_flags() -> None:
    steps: dict[str, Callable[..., BaseModel]] = STEPS
    assert step_cli.parser("python -m components", steps).format_help().count("    fetch ") == 1
