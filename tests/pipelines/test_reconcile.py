"""Passes over the endpoints: what is wanted is begun once, and trouble is its endpoint's own."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
import yaml

from components.engine import Engine, Result, Run
from components.errors import Unreachable
from components.platform import Lease
from components.registry import names
from components.release import opening
from pipelines.reconcile import LEFT_S, RETRY_S, Reconciler
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import MODEL, QUICK, QUICK_RPS, Scene, scene

FIRST = "rel-demo-v2-1"


@dataclass
class Recorded:
    """An engine whose runs end when they are told to."""

    scene: Scene
    asks: bool = False
    submitted: list[str] = field(default_factory=list)
    alive_now: set[str] = field(default_factory=set)
    ended: dict[str, Result] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    def release_id(self, endpoint: str, version: str) -> str:
        raise AssertionError("nobody is there by hand")

    def submit(self, endpoint: str, version: str, release_id: str) -> Run:
        assert (endpoint, version) == ("demo", "2")
        self.submitted.append(release_id)
        self.alive_now.add(release_id)
        return Run(release_id, release_id, "")

    def newest(self, release_id: str) -> Run | None:
        return Run(release_id, release_id, "") if release_id in self.submitted else None

    def alive(self, run: Run) -> bool:
        return run.name in self.alive_now

    def stop(self, run: Run) -> None:
        self.stopped.append(run.name)

    def running(self) -> list[Run]:
        return [Run(each, each, "") for each in sorted(self.alive_now)]

    def result(self, run: Run) -> Result:
        return self.ended[run.name]

    def fail(self, release_id: str) -> None:
        """Its run ends before its record begins."""
        self.alive_now.discard(release_id)
        now = self.scene.world.clock.time()
        self.ended[release_id] = Result(1, "Unreachable", "the registry is away", now)


@pytest.fixture
def demo() -> Scene:
    found = scene(QUICK_RPS, **QUICK)
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    return found


@pytest.fixture
def engine(demo: Scene) -> Recorded:
    made = Recorded(demo)
    _typed: Engine = made
    return made


def test_a_candidate_is_begun_once_however_many_look(demo: Scene, engine: Recorded) -> None:
    one, other = (Reconciler(demo.world.platform, engine) for _ in range(2))
    assert one.run() == [f"{FIRST}: begun"]
    assert other.run() == one.run() == []
    demo.walk("2", FIRST)
    engine.alive_now.clear()
    assert other.run() == one.run() == []
    assert engine.submitted == [FIRST]


@pytest.mark.parametrize("before", [1, 10])
def test_ten_passes_that_were_missed_are_one_release(
    demo: Scene, engine: Recorded, before: int
) -> None:
    """Made up for one after another, or ``before`` the release of the first one has begun."""
    demo.world.clock.sleep(10 * 120.0)
    passes = [Reconciler(demo.world.platform, engine) for _ in range(10)]
    said = [line for each in passes[:before] for line in each.run()]
    demo.walk("2", FIRST)
    engine.alive_now.clear()
    said += [line for each in passes for line in each.run()]
    assert said == [f"{FIRST}: begun"]
    assert engine.submitted == [FIRST]


def test_a_version_whose_alias_is_set_again_is_begun_again(demo: Scene, engine: Recorded) -> None:
    passes = Reconciler(demo.world.platform, engine)
    demo.passed = False
    passes.run()
    demo.walk("2", FIRST)
    demo.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    assert passes.run() == ["rel-demo-v2-2: begun"]


def test_a_run_that_ended_before_its_record_is_told_once_and_tried_again_later(
    demo: Scene, engine: Recorded
) -> None:
    passes = Reconciler(demo.world.platform, engine)
    passes.run()
    engine.fail(FIRST)
    said = f"{FIRST}: ended before its record began: the registry is away"
    assert passes.run() == [said]
    demo.world.clock.sleep(RETRY_S / 2)
    assert passes.run() == []
    demo.world.clock.sleep(RETRY_S)
    assert Reconciler(demo.world.platform, engine).run() == [f"{FIRST}: begun"]
    assert engine.submitted == [FIRST, FIRST]


def test_one_endpoint_s_trouble_stops_no_other(demo: Scene, engine: Recorded) -> None:
    demo.world.apply(yaml.safe_dump(endpoint_settings("aaa", model="never-registered")))
    passes = Reconciler(demo.world.platform, engine)
    said = passes.run()
    assert len(said) == 2
    assert said[0].startswith("aaa: ")
    assert said[1] == f"{FIRST}: begun"
    assert passes.run() == []


def test_a_pass_that_cannot_look_says_so_and_the_next_one_begins(
    demo: Scene, engine: Recorded
) -> None:
    demo.world.faults.fail("endpoints.names", times=1)
    passes = Reconciler(demo.world.platform, engine)
    with pytest.raises(Unreachable):
        passes.run()
    assert passes.run() == [f"{FIRST}: begun"]


def test_a_run_that_does_not_see_its_release_s_end_is_asked_to_end(
    demo: Scene, engine: Recorded
) -> None:
    """As one whose pod waits for an image: the reaper has ended the release."""
    passes = Reconciler(demo.world.platform, engine)
    passes.run()
    with demo.opened(FIRST) as release:
        opening.fetch(release, "demo", "2")
    assert passes.run() == []
    demo.reap(for_s=300.0)
    assert demo.state(FIRST).outcome == "error"
    assert engine.stopped == []
    demo.world.clock.sleep(LEFT_S)
    assert passes.run() == [f"{FIRST}: asked to end, for its release has ended"]
    assert engine.stopped == [FIRST]


def test_a_run_that_waits_for_another_release_is_let_be(demo: Scene, engine: Recorded) -> None:
    passes = Reconciler(demo.world.platform, engine)
    passes.run()
    demo.world.clock.sleep(2 * LEFT_S)
    passes.run()
    assert engine.stopped == []


def test_a_pass_reads_each_lease_and_lists_the_records_once(demo: Scene, engine: Recorded) -> None:
    """However many endpoints there are: else a pass over a thousand takes hours."""
    for number in range(20):
        settings = endpoint_settings(f"e{number}", model="demo", release=QUICK)
        demo.world.apply(yaml.safe_dump(settings))
    for number in range(10):
        name = f"e{number}"
        demo.world.leases.swap(name, None, Lease(name, f"rel-{name}-v2-1", "somebody", 60, {}))
        engine.alive_now.add(f"rel-{name}-v2-1")
    before = len(demo.world.faults.calls)
    demo.world.registry.delete_alias(MODEL, names.CANDIDATE)
    assert Reconciler(demo.world.platform, engine).run() == []
    calls = Counter(demo.world.faults.calls[before:])
    assert calls["leases.read"] == 10
    assert calls["records.releases"] == calls["records.pending"] == calls["leases.endpoints"] == 1
    assert calls["endpoints.load"] == calls["registry.alias"] == 11
