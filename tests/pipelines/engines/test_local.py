"""The engine of this machine: what it says of a run whose release never began."""

import os
import signal
import stat
import time
from pathlib import Path

import pytest

from components.engine import Engine, Result, Run
from pipelines.engines.local import LocalEngine

pytestmark = pytest.mark.slow

ENDPOINT = "banking77"
ENDPOINT_FILE = Path(__file__).parents[3] / "endpoints" / "banking77.yaml"

AWAY_IN_STEPS = """\
import sys
from pathlib import Path

from components.errors import PlatformError
from components.platform.memory import World

def connect():
    if "--function_to_execute" in sys.argv:
        raise PlatformError("the registry refuses: log in again")
    world = World()
    world.apply(Path({endpoint!r}).read_text())
    return world.platform
"""
"""A platform that the engine's process finds and the steps' processes do not."""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SLUICE_PLATFORM", "toy")
    points = tmp_path / "toy-1.dist-info" / "entry_points.txt"
    points.parent.mkdir()
    points.write_text("[sluice.platforms]\ntoy = toy:connect\n")
    (tmp_path / "toy.py").write_text(AWAY_IN_STEPS.format(endpoint=str(ENDPOINT_FILE)))
    return LocalEngine()


def ended(engine: Engine, run: Run) -> Result:
    deadline = time.monotonic() + 120
    while engine.alive(run):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return engine.result(run)


def test_what_stopped_the_first_step_comes_back_as_data(engine: Engine) -> None:
    run = engine.submit(ENDPOINT, "1", "banking77-v1")
    assert ended(engine, run) == Result(1, "PlatformError", "the registry refuses: log in again")
    assert "Traceback" in Path(run.log).read_text()


def test_what_stopped_the_engine_before_the_first_step_comes_back_as_data(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", "nowhere")
    result = ended(engine, engine.submit(ENDPOINT, "1", "banking77-v1"))
    assert (result.code, result.error) == (1, "InputError")
    assert result.message.startswith("unknown platform 'nowhere'")


def test_an_engine_that_was_killed_is_said_to_be_and_its_log_named(engine: Engine) -> None:
    run = engine.submit(ENDPOINT, "1", "banking77-v1")
    os.kill(int(run.name), signal.SIGKILL)
    result = ended(engine, run)
    assert result.code == -signal.SIGKILL
    assert "SIGKILL" in result.message
    assert run.log in result.message
    assert Path(run.log).exists()


def test_a_run_is_known_to_other_processes_and_can_be_stopped_by_them(engine: Engine) -> None:
    other = LocalEngine()
    assert other.newest("banking77-v1") is None
    run = engine.submit(ENDPOINT, "1", "banking77-v1")
    assert engine.running() == [run]
    assert other.newest("banking77-v1") == run
    assert other.alive(run)
    other.stop(run)
    assert ended(engine, run).code != 0
    assert not other.alive(run)
    assert other.result(run).code != 0
    # Who looks later knows how long ago that was.
    assert 0 <= time.time() - other.result(run).ended_at < 300
    assert engine.running() == []
    other.stop(run)


def test_each_run_of_a_release_has_a_folder_of_its_own_closed_to_others(
    engine: Engine, tmp_path: Path
) -> None:
    runs = [engine.submit(ENDPOINT, "1", "banking77-v1") for _ in range(2)]
    for run in runs:
        engine.stop(run)
        ended(engine, run)
    assert LocalEngine().newest("banking77-v1") == runs[-1]
    folders = [Path(run.log).parent for run in runs]
    assert folders == [tmp_path / "home" / "pipelines" / "banking77-v1" / n for n in "12"]
    for folder in (tmp_path / "home", *folders):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
