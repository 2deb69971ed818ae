"""A target in a process of its own, which a hang, a crash or too much memory takes down alone."""

import multiprocessing
import time
import warnings
from typing import Any

from tests.fuzz.run import Report, run
from tests.fuzz.targets import TARGETS


def fuzz(name: str, seed: int, cases: int, first: int) -> bool:
    """Fuzz one target in a process of its own, and print what came of it; True if all was well."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe(duplex=False)
    at = context.Value("q", first)
    began = time.monotonic()
    process = context.Process(target=_child, args=((name, seed, cases, first), at, theirs))
    process.start()
    theirs.close()
    try:
        report: Report = mine.recv()
    except EOFError:
        process.join()
        ended = f"the process ended with code {process.exitcode} in case {at.value}"
        again = f"python -m tests.fuzz {name} --seed {seed} --first {at.value} --cases 1"
        report = Report(faults=[f"{ended}\n{again}"])
    process.join()
    outcomes = ", ".join(f"{n} {what}" for what, n in report.outcomes.most_common())
    print(
        f"{name}: {report.outcomes.total()} cases in {time.monotonic() - began:.0f} s "
        f"({outcomes}), {report.grown / 1024:.0f} MiB more, {len(report.faults)} faults",
        *report.faults,
        sep="\n",
        flush=True,
    )
    return not report.faults


def _child(told: tuple[str, int, int, int], at: Any, pipe: Any) -> None:
    """In the process of its own: fuzz, and send the report through ``pipe``."""
    warnings.showwarning = lambda *_, **__: None  # MLflow's, of models that are saved and loaded
    name, seed, cases, first = told

    def began(number: int) -> None:
        at.value = number

    pipe.send(run(TARGETS[name], seed=seed, cases=cases, first=first, began=began))
    pipe.close()
