"""One reaper for all teams: what one of them meets delays no other."""

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from cluster.api import Api
from cluster.kinds import Kind, Object
from cluster.reaper import Teams, Watches
from cluster.teams import ROLE, SERVING
from components.errors import PlatformError
from components.platform import Platform, Records
from components.release import opening
from components.release.context import opened
from tests.release.test_reaper import LEASE_S, dead
from tests.support.waiting import wait_until
from tests.support.worlds import NAME, Scene

__all__ = ["dead"]


def test_a_team_s_silent_lease_is_ended_whatever_other_teams_meet(dead: Scene) -> None:
    told: queue.Queue[str] = queue.Queue()
    never = threading.Event()

    def connect(team: str) -> Platform:
        match team:
            case "hangs":
                never.wait()
            case "fails":
                raise PlatformError("its store is away")
            case "breaks":
                raise RuntimeError("nobody foresaw it")
        return dead.world.platform

    watches = Watches(connect, 0.01, told.put)
    watches.watch(["hangs", "fails", "breaks", "works"])
    heard: list[str] = []
    # Said once, however often it happens.
    wanted = {
        "works: r: error: the pipeline stopped before a verdict": 1,
        "fails: the next pass tries again: its store is away": 1,
        "breaks: the next pass tries again: RuntimeError: nobody foresaw it": 1,
    }

    def all_heard() -> bool:
        dead.world.clock.sleep(LEASE_S)
        while not told.empty():
            heard.append(told.get())
        return wanted.keys() <= set(heard)

    wait_until(all_heard, 30, f"{list(wanted)} in {heard}")
    watches.watch([])
    never.set()
    assert dead.one_version("r") == "error"
    assert {line: heard.count(line) for line in wanted} == wanted


class Stuck:
    """Records of a store that never answers."""

    def __init__(self, records: Records, never: threading.Event) -> None:
        self._records, self._never = records, never

    def __getattr__(self, name: str) -> object:
        if name == "pending":
            return self._never.wait
        return getattr(self._records, name)


def test_a_store_that_does_not_answer_delays_nobody_s_traffic(dead: Scene) -> None:
    never = threading.Event()
    platform = dead.world.platform
    stuck = replace(platform, records=cast(Records, Stuck(platform.records, never)))
    watches = Watches(lambda _: stuck, 0.01, lambda _: None)
    watches.watch(["demo"])

    def given_back() -> bool:
        dead.world.clock.sleep(LEASE_S)
        return dead.weights == {"1": 100}

    wait_until(given_back, 30, "production's traffic")
    watches.watch([])
    never.set()


def test_a_team_that_has_gone_is_watched_no_longer() -> None:
    asked = threading.Event()
    passes: list[str] = []

    def connect(team: str) -> Platform:
        passes.append(team)
        asked.set()
        raise PlatformError("no")

    watches = Watches(connect, 0.001, lambda _: None)
    watches.watch(["gone"])
    assert asked.wait(10)
    (thread,) = (each for each in threading.enumerate() if each.name == "reaper of gone")
    assert watches.watch([]) == ["gone"]
    thread.join(10)
    assert not thread.is_alive()


def test_what_a_team_that_has_gone_had_under_way_is_ended(dead: Scene) -> None:
    """Its lease, its route and the reaper's rights there went with its namespace."""
    told: queue.Queue[str] = queue.Queue()
    platform = replace(dead.world.platform, place="gone")
    dead.world.leases.remove(NAME)
    with opened("theirs", platform) as release:
        opening.fetch(release, NAME, "2")
    dead.world.leases.remove(NAME)
    watches = Watches(lambda _: platform, 0.01, told.put)
    watches.abandon("gone")
    said = "error: the namespace gone was deleted"
    wait_until(lambda: dead.state("theirs").outcome is not None, 30, "its end")
    wait_until(lambda: "theirs" not in platform.records.pending(), 30, "its last word")
    assert f"{dead.state('theirs').outcome}: {dead.state('theirs').reason}" == said


@dataclass
class Namespaces:
    """An API server that has namespaces only."""

    labels: dict[str, dict[str, str]]
    deleted: set[str] = field(default_factory=set)

    def list(self, kind: Kind, namespace: str, labels: Mapping[str, str] = {}) -> list[Object]:
        """See `Api.list`."""
        deleted = {"deletionTimestamp": "2026-11-29T00:00:00Z"}
        return [
            {"metadata": {"name": name, "labels": own} | (deleted if name in self.deleted else {})}
            for name, own in self.labels.items()
            if labels.items() <= own.items()
        ]


LABELS = {ROLE: SERVING}


def test_a_release_of_a_namespace_that_lost_its_label_is_ended_all_the_same(dead: Scene) -> None:
    told: list[str] = []
    there = Namespaces({"demo": LABELS, "other": LABELS})
    every = Teams(cast(Api, there), told.append)
    watches = Watches(lambda _: dead.world.platform, 0.01, lambda _: None)
    assert watches.watch(every.wanted(watches.watched)) == []
    there.labels["demo"] = {}
    for _ in range(3):
        assert watches.watch(every.wanted(watches.watched)) == []
    assert told == [
        "demo: its namespace has lost the label sluice.release/role=serving, and is watched only"
        " until this process ends: put it back:"
        " 'kubectl label namespace demo sluice.release/role=serving'"
    ]
    there.labels.pop("other")
    assert watches.watch(every.wanted(watches.watched)) == ["other"]

    def given_back() -> bool:
        dead.world.clock.sleep(LEASE_S)
        return dead.weights == {"1": 100}

    wait_until(given_back, 30, "production's traffic")
    watches.watch([])


def test_a_label_that_was_put_back_and_is_lost_again_is_told_again() -> None:
    told: list[str] = []
    there = Namespaces({"demo": LABELS})
    every = Teams(cast(Api, there), told.append)
    for labels in ({}, LABELS, {}, {}):
        there.labels["demo"] = labels
        assert every.wanted(["demo"]) == {"demo"}
    assert len(told) == 2


def test_of_a_namespace_without_its_label_that_is_being_deleted_nothing_is_said() -> None:
    told: list[str] = []
    there = Namespaces({"demo": {}}, {"demo"})
    every = Teams(cast(Api, there), told.append)
    assert every.wanted(["demo"]) == {"demo"}
    there.labels.clear()
    assert every.wanted(["demo"]) == set()
    assert told == []


def test_a_namespace_that_was_never_a_team_s_is_not_watched() -> None:
    told: list[str] = []
    every = Teams(cast(Api, Namespaces({"demo": LABELS, "kube-system": {}})), told.append)
    assert every.wanted([]) == {"demo"}
    assert every.wanted(["demo"]) == {"demo"}
    assert told == []
