"""What the registry wants and no record has: one release a candidate, whoever asks and when."""

from functools import partial

import pytest
import yaml

from components.errors import InputError, LeaseHeld, Unreachable
from components.platform import Lease
from components.registry import names
from components.release.results import Due
from components.release.wanted import due_at, next_id, wanted
from tests.support.endpoints import endpoint_settings
from tests.support.worlds import MODEL, NAME, QUICK, QUICK_RPS, Scene, scene


def ask(scene: Scene) -> str | None:
    """The id of the release that is wanted."""
    found = wanted(scene.world.platform, NAME)
    return found.release_id if found else None


def set_candidate(scene: Scene) -> None:
    scene.world.registry.set_alias(MODEL, names.CANDIDATE, "2")


@pytest.fixture
def demo() -> Scene:
    return scene(QUICK_RPS, **QUICK)


def test_nothing_is_wanted_without_the_alias(demo: Scene) -> None:
    assert ask(demo) is None


def test_who_asks_twice_gets_one_release(demo: Scene) -> None:
    set_candidate(demo)
    assert ask(demo) == ask(demo) == "rel-demo-v2-1"


@pytest.mark.parametrize("passed", [True, False])
def test_a_candidate_is_released_once_however_that_ends(demo: Scene, passed: bool) -> None:
    set_candidate(demo)
    demo.passed = passed
    ended = demo.walk("2", str(ask(demo)))
    assert ended.outcome == ("promoted" if passed else "rolled_back")
    assert ask(demo) is None


def test_a_version_that_was_rolled_back_is_wanted_again_when_the_alias_is_set_again(
    demo: Scene,
) -> None:
    demo.passed = False
    for attempt in (1, 2, 3):
        assert ask(demo) is None
        set_candidate(demo)
        assert ask(demo) == f"rel-demo-v2-{attempt}"
        demo.walk("2", f"rel-demo-v2-{attempt}")


def test_nothing_is_wanted_where_a_lease_stands(demo: Scene) -> None:
    set_candidate(demo)
    demo.world.leases.swap(NAME, None, Lease(NAME, "demo-v1-by-hand", "somebody", 60, {}))
    assert ask(demo) is None


def test_an_end_of_which_the_registry_has_not_heard_is_no_new_wish(demo: Scene) -> None:
    set_candidate(demo)
    demo.passed = False
    demo.world.faults.fail("registry.swap_alias")
    demo.walk("2", "rel-demo-v2-1")
    assert demo.world.registry.alias(MODEL, names.CANDIDATE) == "2"
    assert ask(demo) is None
    demo.recover()
    assert demo.world.registry.alias(MODEL, names.CANDIDATE) is None
    assert ask(demo) is None


@pytest.mark.parametrize("passed", [True, False])
def test_a_release_that_begins_and_ends_while_somebody_asks_is_not_wanted_again(
    demo: Scene, passed: bool
) -> None:
    """At whichever call: the whole release takes place between it and the one before."""
    set_candidate(demo)
    begun = len(demo.world.faults.calls)
    assert ask(demo) == "rel-demo-v2-1"
    calls = len(demo.world.faults.calls) - begun
    assert calls > 3
    for call in range(calls):
        other = scene(QUICK_RPS, **QUICK)
        other.passed = passed
        set_candidate(other)
        walk = partial(other.walk, "2", "rel-demo-v2-1")
        other.world.faults.before(len(other.world.faults.calls) + call, walk)
        assert ask(other) in {None, "rel-demo-v2-1"}
        assert other.ids == ["rel-demo-v2-1"]


def test_a_damaged_lease_of_another_endpoint_is_no_reason_to_wait(demo: Scene) -> None:
    set_candidate(demo)
    demo.world.leases._leases["other"] = None
    assert ask(demo) == "rel-demo-v2-1"


@pytest.mark.parametrize("what", ["records", "leases", "registry"])
def test_who_cannot_look_says_so(demo: Scene, what: str) -> None:
    set_candidate(demo)
    demo.world.faults.fail(what)
    with pytest.raises(Unreachable):
        ask(demo)


def test_an_endpoint_that_no_release_could_judge_is_refused(demo: Scene) -> None:
    set_candidate(demo)
    settings = endpoint_settings(
        NAME, model=MODEL, release={**QUICK, "judge": {"p95_ratio": 1.4142}}
    )
    demo.world.apply(yaml.safe_dump(settings))
    with pytest.raises(InputError, match="p95_ratio"):
        ask(demo)


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        ([], 1),
        (["rel-a-v1-1"], 2),
        (["rel-a-v1-9", "rel-a-v1-10", "rel-a-v1-2"], 11),
        (["rel-a-v1-v1-1", "rel-a-v11-1", "rel-a-v1-1-r2", "a-v1-20261127-000000-000"], 1),
    ],
)
def test_attempts_are_counted_by_the_ids_of_this_endpoint_and_version(
    begun: list[str], expected: int
) -> None:
    assert next_id(begun, "a", "1") == f"rel-a-v1-{expected}"


def run_of_the_clock(scene: Scene) -> str:
    """What `pipelines.kfp.clock` does; the release that it found, if any."""
    due = due_at(scene.world.platform, NAME, 1)
    if due.begin == "yes":
        scene.walk(due.version, due.release_id)
    return due.release_id


def test_ten_runs_of_the_clock_at_once_are_one_release(demo: Scene) -> None:
    """As KFP makes up for those that it missed: one after another."""
    set_candidate(demo)
    demo.world.clock.sleep(600.0)
    assert [run_of_the_clock(demo) for _ in range(10)] == ["rel-demo-v2-1", *[""] * 9]
    assert demo.world.platform.records.releases() == ["rel-demo-v2-1"]


def test_two_runs_of_the_clock_that_ask_together_are_one_release(demo: Scene) -> None:
    set_candidate(demo)
    first, second = (due_at(demo.world.platform, NAME, 1) for _ in range(2))
    assert first == second == Due(begin="yes", release_id="rel-demo-v2-1", version="2")
    assert demo.walk("2", first.release_id).outcome == "promoted"
    with pytest.raises(LeaseHeld, match="has ended: promoted"):
        demo.walk("2", second.release_id, engine="engine 2")
    assert demo.one_version("rel-demo-v2-1") == "promoted"


def test_a_pipeline_of_another_number_of_steps_releases_nothing(demo: Scene) -> None:
    assert due_at(demo.world.platform, NAME, 3).begin == "no"
    set_candidate(demo)
    with pytest.raises(InputError, match="this pipeline has 3 below 100, the file 1 now: submit"):
        due_at(demo.world.platform, NAME, 3)
