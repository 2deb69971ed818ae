"""Breaking off: a laptop's run ends with its follower, a cluster's only if they want it."""

import signal
import sys
from dataclasses import dataclass, field
from typing import Any

import click
import pytest

from cli.release import _break_off
from components.engine import Run

RUN = Run("rel-demo-v2-1", "rel-demo-v2-1", "")


@dataclass
class Recorded:
    asks: bool
    stopped: list[Run] = field(default_factory=list)

    def stop(self, run: Run) -> None:
        self.stopped.append(run)


def break_off(engine: Any, signum: int = signal.SIGINT) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        _break_off(engine, RUN, signum)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A person is there."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    return monkeypatch


def test_a_run_of_this_machine_is_ended_unasked(terminal: pytest.MonkeyPatch) -> None:
    engine = Recorded(asks=False)
    break_off(engine)
    assert engine.stopped == [RUN]


@pytest.mark.parametrize("answer", [True, click.Abort()])
def test_a_workflow_ends_if_that_is_wanted_or_ctrl_c_comes_again(
    terminal: pytest.MonkeyPatch, answer: Any
) -> None:
    def confirm(_question: str) -> bool:
        if isinstance(answer, click.Abort):
            raise answer
        return bool(answer)

    terminal.setattr(click, "confirm", confirm)
    engine = Recorded(asks=True)
    break_off(engine)
    assert engine.stopped == [RUN]


def test_a_workflow_goes_on_without_who_leaves(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.setattr(click, "confirm", lambda _question: False)
    engine = Recorded(asks=True)
    with pytest.raises(SystemExit) as left:
        break_off(engine)
    assert left.value.code == 1  # nobody knows yet whether it is promoted
    assert engine.stopped == []
    assert "sluice show rel-demo-v2-1" in capsys.readouterr().out


def test_a_workflow_that_nobody_can_be_asked_about_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A script that is terminated ends its release, as on a laptop."""
    for signum, there in ((signal.SIGTERM, True), (signal.SIGINT, False)):
        monkeypatch.setattr(sys.stdin, "isatty", lambda there=there: there, raising=False)
        engine = Recorded(asks=True)
        break_off(engine, signum)
        assert engine.stopped == [RUN]
