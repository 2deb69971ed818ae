"""A step's error, left as data for its engine."""

from pathlib import Path

import pytest

from components import failure
from components.errors import InputError, LeaseHeld
from components.release import steps


def test_a_step_leaves_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failure.VARIABLE, str(tmp_path / "failure.json"))
    monkeypatch.setenv("SLUICE_PLATFORM", "nowhere")
    with pytest.raises(InputError):
        steps.fetch(endpoint="demo", version="1", release_id="demo-v1")
    left = failure.read(tmp_path / "failure.json")
    assert left
    assert left.error == "InputError"
    assert left.message.startswith("unknown platform 'nowhere'")


def test_the_first_error_is_the_cause_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "termination-log"
    path.touch()  # as Kubernetes makes it
    monkeypatch.setenv(failure.VARIABLE, str(path))
    failure.leave(LeaseHeld("held"))
    failure.leave(InputError("later"))
    assert failure.read(path) == failure.Failure("LeaseHeld", "held")


def test_an_engine_that_does_not_ask_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(failure.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    failure.leave(InputError("unheard"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_does_not_hide_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(failure.VARIABLE, str(tmp_path / "absent" / "failure.json"))
    failure.leave(InputError("wrong"))
    assert failure.read(tmp_path / "absent" / "failure.json") is None


@pytest.mark.parametrize("content", ["", '{"error": "Inp', '{"error": "InputError"}', "[]"])
def test_half_a_failure_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "failure.json"
    path.write_text(content)
    assert failure.read(path) is None
