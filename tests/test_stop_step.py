"""A step of a container sees SIGTERM, whatever its process 1 does with it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components import step_cli, stop_step
from tests.support.waiting import wait_until

STEP = """\
import sys, time
from pathlib import Path
from pydantic import BaseModel
from components import step_cli

class Done(BaseModel):
    pass

def wait(seen: str) -> Done:
    try:
        Path(seen).with_name("began").touch()
        time.sleep(60)
    finally:
        time.sleep(0.3)
        Path(seen).touch()

sys.exit(step_cli.run("step", {"wait": wait}))
"""


def test_the_step_ends_in_order_before_the_program_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, seen = tmp_path / "number", tmp_path / "seen"
    monkeypatch.setenv(step_cli.PROCESS, str(number))
    step = subprocess.Popen([sys.executable, "-c", STEP, "wait", f"--seen={seen}"])
    try:
        # As Argo's executor does: who has ended is a zombie until somebody waits for it.
        signal.signal(signal.SIGCHLD, lambda *_: step.poll())
        wait_until((tmp_path / "began").exists, 30)
        stop_step.main()
        assert seen.exists()
        assert step.wait() == step_cli.TERMINATED
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        step.kill()


def test_a_step_that_never_began_or_has_ended_is_let_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(step_cli.PROCESS, str(tmp_path / "number"))
    stop_step.main(starts_s=0)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert not Path(f"/proc/{ended.pid}").exists()
    (tmp_path / "number").write_text(str(ended.pid))
    stop_step.main(starts_s=0)
