"""`make demo`: one good and two bad versions, released on real servers under open-loop traffic.

Everything that it shows is a `sluice` command, printed before it runs. It may be told again.
"""

import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.errors import SluiceError
from components.evaluation import EvaluationResult
from components.load import log
from components.load.sender import Outcome
from components.platform import Platform, connect
from components.record import Record
from components.registry import names
from components.release.state import ReleaseState, fold
from components.report import formatting
from examples.banking77 import MODEL

ENDPOINT = "demo"
RPS = 80
"""Users' requests a second, on a machine that is quick enough for them..."""
SLOWEST_RPS = 60
QUICK_P95_MS = 10.0
"""...that is, on which version 1 answers so fast in its evaluation; else fewer in proportion: what
is to be seen is a slow version, not a machine that has more to do than it can."""
STORY = {
    "1": "the first version, trained on a small part of the data",
    "2": "better: trained on all of the data",
    "3": "as accurate, but slow: an unoptimised graph, each text padded to 96 tokens",
    "4": "as accurate on the held-out set, but fails on long messages",
}
EXPECTED = {"2": "promoted", "3": "rolled_back", "4": "rolled_back"}

REPOSITORY = Path(__file__).resolve().parent.parent
SLUICE = str(Path(sysconfig.get_path("scripts"), "sluice"))


@dataclass(frozen=True)
class Chapter:
    """One release of the story, as it went."""

    state: ReleaseState
    report: Path
    bad_share: float
    """Share of all user requests, from the release's start to its end, that this version got."""
    failed: int
    """User requests in that time that were answered 5xx."""


def run(*arguments: str) -> int:
    """Run a `sluice` command as a user would, and show it."""
    sys.stdout.write(f"\n$ sluice {' '.join(arguments)}\n")
    sys.stdout.flush()
    return subprocess.run([SLUICE, *arguments], check=False).returncode


def begin_again(platform: Platform) -> None:
    """Take the endpoint out of service if the story was told before, so that none is in production.

    Raises:
        SluiceError: a release of it is under way.
    """
    if lease := platform.leases.read(ENDPOINT):
        raise SluiceError(
            f"release {lease.release_id} is under way: 'sluice rollback {ENDPOINT}' ends it"
        )
    if platform.traffic.weights(ENDPOINT):
        sys.stdout.write(f"\nThe story was told before: endpoint {ENDPOINT} is taken down first.\n")
        platform.traffic.set_weights(ENDPOINT, {})
        platform.traffic.wait_in_force(ENDPOINT, {}, timeout=30)
    for version in platform.serving.versions(ENDPOINT):
        platform.serving.delete(ENDPOINT, version)
    # Where an endpoint has no route yet, the alias says who is in production.
    platform.registry.delete_alias(MODEL, names.CHAMPION)


def affordable(p95_ms: float | None) -> int:
    """Requests a second that a machine can answer on which version 1 has this p95."""
    if not p95_ms:
        return RPS
    return round(min(max(RPS * QUICK_P95_MS / p95_ms, SLOWEST_RPS), RPS))


@contextmanager
def traffic(requests: Path, rps: int) -> Iterator[None]:
    """Open-loop user traffic while the block runs, each request a line in ``requests``."""
    arguments = ["traffic", ENDPOINT, "--rps", str(rps), "--seconds", "7200", "--mix", "production"]
    sys.stdout.write(f"\n$ sluice {' '.join(arguments)} --out {requests} &\n")
    users = subprocess.Popen(
        [SLUICE, *arguments, "--out", str(requests)],
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        users.send_signal(signal.SIGINT)
        users.wait(timeout=30)


def answers(requests: Path, begin: float, end: float) -> list[Outcome]:
    """The user requests that were due between two times (epoch seconds)."""
    return [outcome for outcome in log.read(requests) if begin <= outcome.due < end]


def newest() -> Record:
    """The record of the newest release of the demonstration's endpoint."""
    platform = connect()
    names = [name for name in platform.records.releases() if name.startswith(f"{ENDPOINT}-v")]
    records = [Record(platform.records, name, platform.clock) for name in names]
    return max(records, key=lambda record: record.lines()[0].at)


def chapter(record: Record, report: Path, requests: Path) -> Chapter:
    """What users saw of a release that has ended."""
    lines = record.lines()
    state = fold(lines)
    seen = answers(requests, lines[0].at, lines[-1].at) if requests.exists() else []
    got = sum(answer.version == state.candidate for answer in seen)
    return Chapter(
        state=state,
        report=report,
        bad_share=got / len(seen) if seen else 0.0,
        failed=sum(answer.status >= 500 for answer in seen),
    )


def table(chapters: list[Chapter], took_s: float) -> None:
    """Print how it ended."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title="Three releases", title_justify="left", show_lines=True, expand=True)
    for column in ("version", "verdict", "what decided", "its share\nof requests", "5xx"):
        shown.add_column(column, overflow="fold")
    for each in chapters:
        shown.add_row(
            each.state.candidate,
            formatting.OUTCOMES[each.state.outcome],
            each.state.why or each.state.reason,
            f"{each.bad_share:.1%}",
            str(each.failed),
        )
    console = Console(width=None if sys.stdout.isatty() else 80, highlight=False)
    console.print()
    console.print(shown)
    for each in chapters:
        console.print(f"report of version {each.state.candidate}: {each.report}", soft_wrap=True)
    last = chapters[-1].state.release_id
    console.print(
        f"\nLook further: {connect().registry.url} (MLflow), 'sluice status' (Prometheus and all"
        f" else),\n'sluice show {last}', 'sluice replay {last}'."
        f"\nThe demonstration took {took_s:.0f} s. 'sluice down' stops the platform.",
        soft_wrap=True,
    )


def main() -> int:
    """Tell the story; 0 if it ended as it should."""
    began = time.monotonic()
    if run("up") or run("prepare"):
        return 1
    begin_again(connect())
    folder = REPOSITORY / "build" / "demo" / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    requests = folder / "requests.jsonl"
    chapters = []
    sys.stdout.write(f"\nversion 1: {STORY['1']}\n")
    if run("release", ENDPOINT, "--version", "1"):
        raise SluiceError(
            "version 1 is not in production, so there is nothing to watch the others beside"
        )
    found = fold(newest().lines()).evaluation
    measured = found.latency.p95_ms if isinstance(found, EvaluationResult) else None
    with traffic(requests, affordable(measured)):
        for version in ("2", "3", "4"):
            sys.stdout.write(f"\nversion {version}: {STORY[version]}\n")
            run("release", ENDPOINT, "--version", version)
            record = newest()
            report = folder / f"version-{version}.html"
            run("report", record.release_id, "--out", str(report))
            chapters.append(chapter(record, report, requests))
    table(chapters, time.monotonic() - began)
    ended = {each.state.candidate: each.state.outcome for each in chapters}
    return 0 if all(ended[version] == EXPECTED[version] for version in ended) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SluiceError as error:
        sys.stderr.write(f"sluice: {error}\n")
        sys.exit(1)
