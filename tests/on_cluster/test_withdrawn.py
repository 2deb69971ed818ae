"""Candidates that are wanted no more while their release watches: the registry's word counts."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.kinds import WORKFLOW
from cluster.workflows import release_of
from components.record import Noted, of
from components.registry import names
from components.release.meanwhile import WITHDRAWN
from tests.support.releases import Recorded, sluice, users
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

RPS = 20
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    # Longer than from one look at the registry to the next (`meanwhile.EVERY_S`).
    "watch": "45s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}


@pytest.fixture(scope="module")
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released; 2 and 3 are better, and the same."""
    with released(*place, "wanted", versions=("1", "2", "2"), **RELEASE) as made:
        yield made


def begun(team: Road) -> set[str]:
    """The endpoint's releases so far."""
    found = team.platform.records.releases()
    return {each for each in found if each.startswith(f"rel-{team.endpoint}-v")}


def aliases(team: Road) -> dict[str, str | None]:
    """Who has which."""
    alias = team.platform.registry.alias
    return {each: alias(team.endpoint, each) for each in (names.CHAMPION, names.CANDIDATE)}


def is_withdrawn(team: Road, release: Recorded, why: str) -> None:
    """It has ended for this reason, which is told once, and its champion has everybody."""
    assert team.over(release) == "rolled_back", release.state().reason
    said = f"version 2 is wanted no more: its alias candidate {why}"
    assert release.state().reason == said
    noted = [each.detail for each in of(release.lines(), Noted) if each.event == WITHDRAWN]
    assert noted == [said]
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}


def test_a_candidate_whose_alias_is_taken_away_is_not_promoted(team: Road, tmp_path: Path) -> None:
    before = begun(team)
    with users(team.file, tmp_path / "users.jsonl", RPS) as asked:
        with team.begun("2") as release:
            wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
            assert aliases(team) == {"champion": "1", "candidate": "2"}
            team.platform.registry.delete_alias(team.endpoint, names.CANDIDATE)
            is_withdrawn(team, release, "was taken away")
        assert aliases(team) == {"champion": "1", "candidate": None}
        done = sluice("reconcile")
        assert done.returncode == 0, done.stdout + done.stderr
        assert team.endpoint not in done.stdout
        answers = asked.answers()
    assert begun(team) - before == {release.release_id}
    assert Counter(each.status for each in answers) == {200: len(answers)}
    assert {each.version for each in answers} == {"1", "2"}


@pytest.mark.long
def test_a_version_that_gets_the_alias_meanwhile_is_released_next_and_once(
    team: Road, tmp_path: Path
) -> None:
    """By the road from the registry, over Argo Events."""
    before = begun(team)
    with users(team.file, tmp_path / "users.jsonl", RPS) as asked:
        second = team.candidate("2")
        team.watches(second)
        third = team.candidate("3")
        is_withdrawn(team, second, "is on version 3 now")
        assert aliases(team) == {"champion": "1", "candidate": "3"}
        # The cluster's own pass comes every other minute, and may have been faster: twice is once.
        for _ in range(2):
            done = sluice("reconcile")
            assert done.returncode == 0, done.stdout + done.stderr
        assert team.ended(third) == "promoted", third.state().reason
        answers = asked.answers()
    assert aliases(team) == {"champion": "3", "candidate": None}
    assert team.platform.traffic.weights(team.endpoint) == {"3": 100}
    assert begun(team) - before == {second.release_id, third.release_id}
    runs = Counter(release_of(each) for each in team.api.list(WORKFLOW, team.runs))
    assert (runs[second.release_id], runs[third.release_id]) == (1, 1)
    assert Counter(each.status for each in answers) == {200: len(answers)}
    assert {each.version for each in answers} == {"1", "2", "3"}
