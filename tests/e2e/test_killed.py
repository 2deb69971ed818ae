"""SIGKILL of the real processes: a resumed run or the reaper ends the release, never in between."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from components import record
from components.platform import Platform
from components.record import Noted
from components.registry import Registry
from tests.support.releases import QUICK_JUDGE, SLUICE, Recorded, released_under_users, sluice
from tests.support.waiting import wait_until

LEASE_S = 20.0
"""Long enough that a step's start on a busy machine does not lose it."""
GRACE_S = 30.0
"""How long after the lease the release must be over."""

TWINS = ("2", "4")
"""Versions of the same graph: either may replace the other without a regression."""


@pytest.fixture(scope="module")
def endpoint(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    with released_under_users(
        registry,
        tmp_path_factory.mktemp("killed"),
        "killed",
        TWINS[0],
        steps=[50, 100],
        watch="3s",
        lease=f"{LEASE_S}s",
        judge=QUICK_JUDGE,
    ) as (path, _):
        yield path


def step_process(release: int, step: str) -> psutil.Process | None:
    """The process that runs ``step`` below the release's process."""
    try:
        for child in psutil.Process(release).children(recursive=True):
            command = child.cmdline()
            if "--function_to_execute" in command and command[-1] == step:
                return child
    except psutil.NoSuchProcess:
        return None
    return None


def is_at_work(step: str, version: str, platform: Platform) -> bool:
    """True once ``step`` has begun to change something: to kill it earlier would prove little."""
    lease = platform.leases.read("killed")
    if step == "fetch":
        return lease is not None
    if lease is None or not (log := Recorded(platform, lease.release_id)).exists():
        return False
    signs: dict[str, Callable[[], bool]] = {
        "watch": lambda: any(line.kind == "verdict" for line in log.lines()),
        "promote": lambda: platform.traffic.weights("killed") == {version: 100},
    }
    return signs[step]()


def kill_in(path: Path, version: str, step: str, platform: Platform) -> Recorded:
    """Start a release, and kill all of it as soon as ``step`` is at work; its record."""
    command = [SLUICE, "release", str(path), "--version", version]
    release = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_until(
        lambda: (
            release.poll() is not None
            or (step_process(release.pid, step) is not None and is_at_work(step, version, platform))
        ),
        120,
        f"the step {step}",
    )
    assert release.poll() is None, "it had ended before it could be killed"
    lease = platform.leases.read("killed")
    assert lease
    for process in [*psutil.Process(release.pid).children(recursive=True)]:
        process.kill()
    release.kill()
    release.wait(timeout=10)
    return Recorded(platform, lease.release_id)


def champion_and_other(registry: Registry) -> tuple[str, str]:
    champion = registry.alias("banking77-intent", "champion")
    assert champion in TWINS
    return champion, TWINS[1 - TWINS.index(champion)]


def settled(platform: Platform, registry: Registry, log: Recorded) -> bool:
    """All of the traffic, the alias and the record agree on one version."""
    if not log.exists():
        return platform.leases.read("killed") is None
    state = log.state()
    weights = platform.traffic.weights("killed")
    champion = registry.alias("banking77-intent", "champion")
    expected = state.candidate if state.outcome == "promoted" else state.champion
    return (
        state.outcome is not None
        and platform.leases.read("killed") is None
        and weights == {champion: 100}
        and champion == expected
    )


STEPS = ("watch", *(pytest.param(name, marks=pytest.mark.long) for name in ("fetch", "promote")))
"""Before there is a record, in the middle, and once the candidate has everything. A kill at every
call of every step is tried on the memory platform (`tests/release/test_killed.py`)."""


@pytest.mark.parametrize("step", STEPS)
def test_the_reaper_ends_a_release_that_was_killed_in(
    step: str, endpoint: Path, prepared: Platform, registry: Registry
) -> None:
    _, other = champion_and_other(registry)
    log = kill_in(endpoint, other, step, prepared)
    wait_until(lambda: settled(prepared, registry, log), LEASE_S + GRACE_S, "the reaper's work")
    if step == "watch":
        events = [noted.event for noted in record.of(log.lines(), Noted)]
        assert "reaped" in events
        assert (log.state().outcome, log.state().reason) == (
            "error",
            "the pipeline stopped before a verdict",
        )


@pytest.mark.parametrize("step", ["watch"])
def test_a_resumed_run_ends_a_release_that_was_killed_in(
    step: str, endpoint: Path, prepared: Platform, registry: Registry
) -> None:
    _, other = champion_and_other(registry)
    log = kill_in(endpoint, other, step, prepared)
    sluice("release", "--resume", log.release_id)
    wait_until(lambda: settled(prepared, registry, log), LEASE_S + GRACE_S, "the release's end")


def test_a_pipeline_that_was_only_stopped_may_not_touch_traffic_again(
    endpoint: Path, prepared: Platform, registry: Registry
) -> None:
    """SIGSTOP past the lease, then SIGCONT: the reaper's end stands."""
    champion, other = champion_and_other(registry)
    command = [SLUICE, "release", str(endpoint), "--version", other, "--json"]
    release = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: step_process(release.pid, "watch") is not None, 120, "the watch")
    asleep = step_process(release.pid, "watch")
    assert asleep
    os.kill(asleep.pid, signal.SIGSTOP)
    wait_until(
        lambda: prepared.leases.read("killed") is None, LEASE_S + GRACE_S, "the reaper's work"
    )
    os.kill(asleep.pid, signal.SIGCONT)
    out, _ = release.communicate(timeout=60)
    assert json.loads(out)["outcome"] == "error"
    assert prepared.traffic.weights("killed") == {champion: 100}
