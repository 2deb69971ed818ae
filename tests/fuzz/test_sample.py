"""Some hundred cases of every target, and what the frame itself finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.fuzz.run import Ask, Target, run
from tests.fuzz.targets import TARGETS

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # MLflow warns of pickles


@pytest.mark.parametrize("name", TARGETS)
def test_a_sample_shows_no_fault(name: str) -> None:
    report = run(TARGETS[name], seed=1, cases=300, watchdog=None)
    assert report.faults == []
    assert len(report.outcomes) > 1, "every case came out alike: it shows nothing"


def target(ask: Ask) -> Target:
    @contextmanager
    def opened() -> Iterator[Ask]:
        yield ask

    return Target("own", opened)


def test_a_fault_is_found_with_the_command_that_repeats_it() -> None:
    def ask(draw: Random) -> str:
        if draw.random() < 0.1:
            raise KeyError("x")
        return "well"

    report = run(target(ask), seed=1, cases=50, watchdog=None)
    number = int(report.faults[0].partition("--first ")[2].split()[0])
    assert "KeyError: 'x'" in report.faults[0]
    assert set(report.outcomes) == {"well", "fault: KeyError"}
    assert len(run(target(ask), seed=1, cases=1, first=number, watchdog=None).faults) == 1


def test_a_case_that_hangs_is_found() -> None:
    def ask(_: Random) -> str:
        while True:
            pass

    report = run(target(ask), seed=1, cases=1, watchdog=1.0)
    assert "longer than 1 s" in report.faults[0]


def test_a_case_that_takes_too_much_memory_is_found() -> None:
    kept = []

    def ask(_: Random) -> str:
        kept.append(b"x" * 2**28)
        return "well"

    report = run(target(ask), seed=1, cases=20, watchdog=None, memory=2**10)
    assert "MemoryError" in report.faults[0]
    assert report.outcomes.total() < 20
