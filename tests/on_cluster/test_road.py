"""From an alias set in the cluster's registry to three verdicts, while users ask.

Nothing else is said to anybody: MLflow tells the relay, Argo Events makes the workflow, its pods
are the release.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.api import Api
from cluster.kinds import EVENT, WORKFLOW
from cluster.names import object_name
from cluster.workflows import release_of
from components import record
from components.load.sender import Outcome
from components.platform import Platform
from components.record import Line
from components.registry import Registry
from components.release.state import ReleaseState, fold
from tests.support.releases import sluice, users
from tests.support.rigs import KubernetesRig
from tests.support.road import Road, road
from tests.support.waiting import wait_until

# The story is told once, by the first test that asks.
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(2400)]

RPS = 20
CHAPTERS = (("2", "held-out", "promoted"), ("1", "held-out", "refused"), ("3", "production", "bad"))
"""Which version is made the candidate, what users ask meanwhile, and what becomes of it: 1 is worse
than 2 on the same rows, 3 fails on long messages, which the held-out texts lack."""


@dataclass(frozen=True)
class Chapter:
    """One release, and what the users saw."""

    release_id: str
    lines: list[Line]
    asked: list[Outcome]

    @property
    def state(self) -> ReleaseState:
        return fold(self.lines)


@dataclass(frozen=True)
class Story:
    """The first release and the three after it."""

    road: Road
    first: Chapter
    chapters: dict[str, Chapter]
    counted: dict[str, tuple[float, float]]
    """Requests and errors by version, as the gateway counted them in all."""


@pytest.fixture(scope="module")
def registry(on_cluster: KubernetesRig) -> Registry:
    found = on_cluster.platform.registry
    assert isinstance(found, Registry)
    return found


@pytest.fixture(scope="module")
def story(
    on_cluster: KubernetesRig,
    kubernetes: Api,
    prepared: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    folder = tmp_path_factory.getbasetemp() / on_cluster.name("road")
    folder.mkdir()
    here = road(
        prepared,
        kubernetes,
        on_cluster.namespace,
        folder,
        versions=("1", "2", "4"),
        steps=[50, 100],
        watch="20s",
        poll="2s",
        lease="120s",
        # Two pods share two cores: what is judged here is requests, not milliseconds.
        judge={"false_rollback": 0.05, "max_extension": 30, "p95_ratio": 5.0},
    )
    first = _released(here, "1")
    chapters = {}
    for version, mix, what in CHAPTERS:
        with users(here.file, folder / f"users-{what}.jsonl", RPS, mix) as asking:
            released = _released(here, version)
        chapters[what] = Chapter(released.release_id, released.lines, asking.answers())
    everybody = [each for chapter in chapters.values() for each in chapter.asked]
    total = Counter(each.version for each in everybody if each.version)

    def counted() -> dict[str, tuple[float, float]]:
        sample = on_cluster.platform.metrics.sample(here.endpoint, sorted(total), 30)
        found = {}
        for version, sources in sample.versions.items():
            read = [each for each in sources.values() if each is not None]
            found[version] = (sum(e.requests for e in read), sum(e.errors for e in read))
        return found

    def all_there() -> bool:
        return {version: requests for version, (requests, _) in counted().items()} == dict(total)

    wait_until(all_there, 60, f"{dict(total)} in the gateway's counters")
    yield Story(here, first, chapters, counted())
    here.remove()


def _released(here: Road, version: str) -> Chapter:
    release = here.candidate(version)
    here.ended(release)
    return Chapter(release.release_id, release.lines(), [])


def test_the_first_version_is_released_without_a_champion(story: Story) -> None:
    assert (story.first.state.kind, story.first.state.outcome) == ("first", "promoted")


def test_a_better_version_is_promoted(story: Story, registry: Registry) -> None:
    state = story.chapters["promoted"].state
    assert (state.outcome, state.passed) == ("promoted", (50,)), state.reason
    assert registry.alias(story.road.endpoint, "champion") == "2"
    assert registry.alias(story.road.endpoint, "candidate") is None


def test_a_worse_version_is_refused_before_anybody_is_given_to_it(story: Story) -> None:
    chapter = story.chapters["refused"]
    assert (chapter.state.outcome, chapter.state.passed) == ("rolled_back", ())
    assert chapter.state.verdict is None
    assert {each.version for each in chapter.asked} == {"2"}


def test_a_failing_version_is_rolled_back_by_its_canary(story: Story) -> None:
    state = story.chapters["bad"].state
    assert (state.outcome, state.passed) == ("rolled_back", ()), state.reason
    assert state.verdict is not None
    assert "error_rate" in {reason.code for reason in state.verdict.reasons}


def test_no_user_s_request_fails_but_those_that_the_failing_version_answers(story: Story) -> None:
    failed = {
        what: Counter(each.version for each in chapter.asked if each.status != 200)
        for what, chapter in story.chapters.items()
    }
    assert (failed["promoted"], failed["refused"]) == ({}, {})
    assert set(failed["bad"]) == {"3"}


def test_every_request_is_accounted_for_on_both_sides(story: Story) -> None:
    """The clients' log and the gateway's counters, by version."""
    asked = [each for chapter in story.chapters.values() for each in chapter.asked]
    total = Counter(each.version for each in asked)
    failed = Counter(each.version for each in asked if each.status >= 500)
    assert story.counted == {str(v): (total[v], failed[v]) for v in total}


def test_each_alias_began_one_workflow(
    story: Story, kubernetes: Api, on_cluster: KubernetesRig
) -> None:
    found = Counter(release_of(each) for each in kubernetes.list(WORKFLOW, story.road.runs))
    wanted = [story.first, *story.chapters.values()]
    assert {each.release_id: found[each.release_id] for each in wanted} == {
        each.release_id: 1 for each in wanted
    }


def test_the_route_s_events_tell_how_each_ended(
    story: Story, kubernetes: Api, on_cluster: KubernetesRig
) -> None:
    def said() -> Counter[str]:
        return Counter(
            each["reason"]
            for each in kubernetes.list(EVENT, on_cluster.namespace)
            if each["regarding"].get("name") == object_name(story.road.endpoint)
        )

    # Each is told after its record is closed.
    wait_until(lambda: (said()["Promoted"], said()["RolledBack"]) == (2, 2), 60, "two of each")


@pytest.mark.parametrize("what", ["promoted", "refused", "bad"])
def test_a_record_of_the_cluster_replays_on_a_laptop(
    story: Story, registry: Registry, what: str, tmp_path: Path
) -> None:
    chapter = story.chapters[what]
    copied = registry.artifact(chapter.state.run_id, "record.jsonl")
    assert copied
    path = tmp_path / "record.jsonl"
    path.write_bytes(copied)
    assert record.read(path) == chapter.lines
    replayed = sluice("replay", str(path))
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
