"""Run a target's cases: each is drawn from a seed and its number, so that it can be run again."""

import faulthandler
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from random import Random
from types import FrameType

Ask = Callable[[Random], str]
"""Draws one case and tries it; returns what came of it in a word, raises if it should not have."""

WATCHDOG = 2.0
"""Seconds of processor that a case may take..."""
PATIENCE = 10
"""...and so many times as long by the clock: on a busy machine a process waits, too."""
MEMORY = 512 * 1024
"""KiB by which a target's cases may let the process grow."""
_ENOUGH = 10
"""Faults after which a target is left."""


class Late(KeyboardInterrupt):
    """A case took too long; of this kind since asyncio lets no other error out of a callback."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed: ``open`` prepares it once, and gives what tries a case."""

    name: str
    open: Callable[[], AbstractContextManager[Ask]]


@dataclass
class Report:
    """What came of a target's cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """How many cases came out how; a target that only ever refuses shows nothing."""
    faults: list[str] = field(default_factory=list)
    grown: int = 0
    """KiB."""


def run(
    target: Target,
    *,
    seed: int,
    cases: int,
    first: int = 0,
    watchdog: float | None = WATCHDOG,
    memory: int = MEMORY,
    began: Callable[[int], None] = lambda _: None,
) -> Report:
    """Try the cases from number ``first`` on.

    Args:
        target: what to try.
        seed: of all draws.
        cases: how many.
        first: number of the first one.
        watchdog: seconds a case; None where signals are not ours to use.
        memory: KiB by which the process may grow.
        began: told the number of each case.
    """
    report = Report()
    with target.open() as ask:
        before = _peak()
        for number in range(first, first + cases):
            began(number)
            try:
                outcome = _tried(ask, seed, number, watchdog)
                report.grown = _peak() - before
                if report.grown > memory:
                    raise MemoryError(f"{report.grown} KiB more than before the first case")
            except (Exception, Late) as error:  # noqa: BLE001 (whatever it is, it is the finding)
                outcome = f"fault: {type(error).__name__}"
                where = "".join(traceback.format_exception(error)[-3:])
                report.faults.append(
                    f"python -m tests.fuzz {target.name} --seed {seed} --first {number} --cases 1\n"
                    f"{where}"
                )
            report.outcomes[outcome] += 1
            if len(report.faults) == _ENOUGH or report.grown > memory:
                break
    return report


def _tried(ask: Ask, seed: int, number: int, watchdog: float | None) -> str:
    if watchdog is None:
        return ask(_draw(seed, number))
    try:
        with _limit(watchdog):
            return ask(_draw(seed, number))
    except Late:
        # The machine may have paused; a case that hangs does so again.
        with _limit(watchdog):
            return ask(_draw(seed, number))


def _draw(seed: int, number: int) -> Random:
    return Random(f"{seed} {number}")  # noqa: S311 (no secret)


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise Late after ``seconds`` of processor; what no signal reaches ends the process later."""

    def late(_: int, __: FrameType | None) -> None:
        raise Late(f"longer than {seconds:g} s")

    kinds = ((signal.SIGPROF, signal.ITIMER_PROF), (signal.SIGALRM, signal.ITIMER_REAL))
    handlers = [signal.signal(kind, late) for kind, _ in kinds]
    faulthandler.dump_traceback_later(2 * PATIENCE * seconds, exit=True)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    try:
        yield
    finally:
        for _, timer in kinds:
            signal.setitimer(timer, 0)
        faulthandler.cancel_dump_traceback_later()
        for (kind, _), handler in zip(kinds, handlers, strict=True):
            signal.signal(kind, handler)


def _peak() -> int:
    """The most memory that the process ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
