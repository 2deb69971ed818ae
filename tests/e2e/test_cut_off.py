"""Each server is cut off during a watch: users notice nothing, nobody promotes blindly."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from components.judge import Poll, Verdict
from components.platform import Platform
from components.record import Line, WeightsSet
from components.registry import Registry
from local.home import Home, find_home
from local.servers import supervision
from tests.support.present import present
from tests.support.releases import SLUICE, Users, newest, released_under_users
from tests.support.waiting import wait_until

POLL_S = 1.0
CUT_S = 17.0
"""Longer than two polls and than the watch that is left: a verdict falls while it lasts."""


@dataclass(frozen=True)
class Scene:
    endpoint: Path
    users: Users
    home: Home


@pytest.fixture(scope="module")
def scene(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with released_under_users(
        registry,
        tmp_path_factory.mktemp("cut"),
        "cut",
        "2",
        steps=[50, 100],
        watch="16s",  # so long that the cut falls into it on a busy machine, too
        lease="30s",
        judge={"method": "threshold", "min_requests": 30, "p95_ratio": 10, "max_extension": 20},
    ) as (path, seen):
        yield Scene(path, seen, find_home())


def processes(home: Home, name: str) -> list[psutil.Process]:
    """The processes of one supervised program."""
    (found,) = [process for process in supervision.processes(home) if process.name == name]
    assert found.pid
    parent = psutil.Process(found.pid)
    return [parent, *parent.children(recursive=True)]


@contextmanager
def cut_off(home: Home, name: str) -> Iterator[None]:
    """SIGSTOP: connections stand, nothing answers; then SIGCONT."""
    stopped = processes(home, name)
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()


def start(scene: Scene, platform: Platform, registry: Registry) -> "subprocess.Popen[str]":
    """Start releasing the twin of the champion and return once it is watched."""
    champion = registry.alias("banking77-intent", "champion")
    other = {"2": "4", "4": "2"}[str(champion)]
    command = [SLUICE, "release", str(scene.endpoint), "--version", other, "--json"]
    before = newest(platform, "cut").release_id
    release = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: newest(platform, "cut").release_id != before, 120, "the release's record")

    def is_watched() -> bool:
        mine = newest(platform, "cut")
        assert release.poll() is None, f"it ended unwatched: {mine.state().reason}"
        return watched(mine.lines())

    wait_until(is_watched, 300, "a poll of the watch at 50%")
    return release


def watched(lines: list[Line]) -> bool:
    """True once a poll has been judged since the shift."""
    shifts = [n for n, x in enumerate(lines) if isinstance(x.body, WeightsSet)]
    return bool(shifts) and any(isinstance(x.body, Verdict) for x in lines[shifts[-1] :])


def outcome(release: "subprocess.Popen[str]") -> str:
    out, _ = release.communicate(timeout=240)
    return str(json.loads(out)["outcome"])


def judged(lines: list[Line]) -> list[tuple[float, Poll, str]]:
    """Each poll and when it was taken, and the decision on it, which is written after it."""
    found: list[tuple[float, Poll, str]] = []
    for line, after in pairwise(x for x in lines if isinstance(x.body, Poll | Verdict)):
        if isinstance(line.body, Poll):
            assert isinstance(after.body, Verdict)
            found.append((line.at, line.body, after.body.decision))
    return found


def is_blind(poll: Poll) -> bool:
    """True when a version's counters are missing."""
    return not all(any(sources.values()) for sources in poll.sources.values())


@pytest.mark.parametrize(
    "server",
    ["prometheus", *(pytest.param(name, marks=pytest.mark.long) for name in ("postgres", "s3"))],
)
def test_a_watch_survives_the_loss_of(
    server: str, scene: Scene, prepared: Platform, registry: Registry
) -> None:
    release = start(scene, prepared, registry)
    began = time.time()
    with cut_off(scene.home, server):
        wait_until(lambda: time.time() - began > CUT_S, 60, "the cut's end")
    ended = time.time()
    assert outcome(release) == "promoted", newest(prepared, "cut").state().reason
    lines = newest(prepared, "cut").lines()
    pairs = judged(lines)
    # One that was being written down when the record's store stopped was taken just before.
    in_the_cut = [(poll, said) for at, poll, said in pairs if began - POLL_S <= at <= ended]
    assert in_the_cut, "no poll fell into the cut"
    if server == "prometheus":
        blind = [(poll, said) for at, poll, said in pairs if is_blind(poll) and at >= began]
        assert blind, "no poll was blind"
        assert [poll for poll, said in blind if said != "HOLD"] == []
    else:
        # The counters are there all the time, so the watch goes on and ends as it would have.
        assert [poll for poll, _ in in_the_cut if is_blind(poll)] == []
        assert {said for _, said in in_the_cut} <= {"HOLD", "PROMOTE"}
    if server == "postgres":
        assert lines[-1].at > began + CUT_S, "a promotion that the registry cannot have recorded"
    failed = [row for row in scene.users.answers(began, ended) if row.status != 200]
    assert failed == []


def test_a_dead_candidate_costs_only_its_own_requests(
    scene: Scene, prepared: Platform, registry: Registry
) -> None:
    release = start(scene, prepared, registry)
    state = newest(prepared, "cut").state()
    began = time.time()
    for process in processes(scene.home, f"cut-v{state.candidate}"):
        process.send_signal(signal.SIGKILL)
    ended = outcome(release)
    seen = scene.users.answers(began)
    assert [row for row in seen if row.status != 200 and row.version == state.champion] == []
    # The supervisor starts the predictor anew within seconds. What failed until then is over the
    # limit, unless the watch had ended before a poll counted it: then nothing was known of it.
    last = [x.body for x in newest(prepared, "cut").lines() if isinstance(x.body, Verdict)][-1]
    candidate, limit = present(last.evidence).candidate, state.endpoint.release.policy().error_rate
    harmless = candidate.errors <= limit * candidate.requests
    assert (ended, harmless) in (("promoted", True), ("rolled_back", False)), last.text
    keeps = state.candidate if ended == "promoted" else state.champion
    assert registry.alias("banking77-intent", "champion") == keeps
    assert prepared.traffic.weights("cut") == {keeps: 100}
