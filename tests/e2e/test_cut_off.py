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

from components.platform import Platform
from components.record import Line
from components.registry import Registry
from local.home import Home
from local.servers import supervision
from tests.support.releases import SLUICE, Users, newest, released_under_users
from tests.support.waiting import wait_until

CUT_S = 9.0
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
        watch="4s",
        lease="30s",
        judge={"method": "threshold", "min_requests": 30, "p95_ratio": 10, "max_extension": 20},
    ) as (path, seen):
        yield Scene(path, seen, Home(prepared.home))


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
    before = newest(platform, "cut").folder
    release = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: newest(platform, "cut").folder != before, 60, "the release's record")
    wait_until(lambda: watched(newest(platform, "cut").lines()), 120, "a poll of the watch at 50%")
    return release


def watched(lines: list[Line]) -> bool:
    """True once a poll has been judged since the shift."""
    shifts = [n for n, x in enumerate(lines) if x.body.get("action") == "set_weights"]
    return bool(shifts) and any(x.kind == "verdict" for x in lines[shifts[-1] :])


def outcome(release: "subprocess.Popen[str]") -> str:
    out, _ = release.communicate(timeout=240)
    return str(json.loads(out)["outcome"])


def judged(lines: list[Line]) -> list[tuple[Line, str]]:
    """Each poll, and the decision that was made on it: the verdict is written after its poll."""
    found = []
    for poll, verdict in pairwise(x for x in lines if x.kind in ("poll", "verdict")):
        if poll.kind == "poll":
            assert verdict.kind == "verdict"
            found.append((poll, verdict.body["decision"]))
    return found


def is_blind(poll: Line) -> bool:
    """True when a version's counters are missing."""
    return not all(any(sources.values()) for sources in poll.body["sources"].values())


@pytest.mark.parametrize("server", ["prometheus", "mlflow", "postgres", "s3"])
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
    in_the_cut = [(poll, decision) for poll, decision in pairs if began <= poll.at <= ended]
    assert in_the_cut, "no poll fell into the cut"
    if server == "prometheus":
        blind = [decision for poll, decision in pairs if is_blind(poll) and poll.at >= began]
        assert blind, "no poll was blind"
        assert set(blind) == {"HOLD"}
    else:
        # The counters are there all the time, so the watch goes on and ends as it would have.
        assert [poll for poll, _ in in_the_cut if is_blind(poll)] == []
        assert {decision for _, decision in in_the_cut} <= {"HOLD", "PROMOTE"}
    if server in ("mlflow", "postgres"):
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
    assert outcome(release) in ("promoted", "rolled_back")
    seen = scene.users.answers(began)
    assert [row for row in seen if row.status != 200 and row.version == state.champion] == []
    weights = prepared.traffic.weights(state.endpoint)
    assert weights == {registry.alias("banking77-intent", "champion"): 100}
