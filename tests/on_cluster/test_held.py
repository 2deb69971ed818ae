"""Releases that a person or hours hold: no share grows, and the lease lives."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.api import Api
from cluster.settings import SYSTEM
from components.record import Decided, of
from tests.support.holds import first_share_at, holds, is_held, with_windows
from tests.support.people import Person, person
from tests.support.releases import sluice
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
LEASE_S = 60.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "20s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 40, "p95_ratio": 10},
}
BEGUN_S = 60.0
"""Until a release that an alias begins asks for its first share."""


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "holds", **RELEASE) as made:
        yield made


@pytest.fixture
def carol(
    kubernetes: Api, on_cluster: KubernetesRig, team: Road, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    """May hold a release, and take it back."""
    roles = {
        on_cluster.namespace: ("sluice:viewer", "sluice:operator"),
        SYSTEM: ("sluice-viewer",),
    }
    folder = tmp_path_factory.mktemp("carol")
    with person(kubernetes, on_cluster.namespace, f"carol-{team.endpoint}", roles, folder) as found:
        yield found


@contextmanager
def under_users(team: Road, key: str) -> Iterator[None]:
    """All who ask meanwhile are answered."""
    with asking(team.platform, team.endpoint, key, RPS) as asked:
        yield
    assert {each.status for each in asked} == {200}


def test_a_paused_canary_stays_for_longer_than_its_lease_until_it_is_resumed(
    team: Road, carol: Person, on_cluster: KubernetesRig
) -> None:
    with under_users(team, on_cluster.key):
        release = team.candidate("2")
        team.watches(release)
        paused = carol.says("pause", team.endpoint, "--reason", "sale")
        assert paused.returncode == 0, paused.stderr
        wait_until(lambda: is_held(release, 100, "pause"), LONGEST_S, "a step that is held")
        polls = len(release.state().polls)
        team.platform.clock.sleep(LEASE_S + 30)
        assert team.platform.traffic.weights(team.endpoint) == {"1": 50, "2": 50}
        assert not release.state().outcome
        assert len(release.state().polls) > polls, "it is judged on"
        [seen] = [
            each
            for each in json.loads(sluice("status", "--json").stdout)["endpoints"]
            if each["name"] == team.endpoint
        ]
        assert seen["waits"] == (
            f"paused by {carol.name}: sale; 'sluice resume {team.endpoint}' ends it"
        )
        resumed = carol.says("resume", release.release_id)
        assert resumed.returncode == 0, resumed.stderr
        assert team.ended(release) == "promoted", release.state().reason
    assert holds(release) == [(100, ("pause",)), (100, ())]
    decided = [(each.says, each.by, each.reason) for each in of(release.lines(), Decided)]
    assert decided == [("pause", carol.name, "sale"), ("resume", carol.name, "")]
    assert team.platform.traffic.weights(team.endpoint) == {"2": 100}


def test_no_user_meets_a_candidate_before_the_hours_of_its_endpoint(
    team: Road, on_cluster: KubernetesRig
) -> None:
    earliest = datetime.fromtimestamp(team.platform.clock.time() + BEGUN_S, UTC)
    opens = earliest.replace(second=0, microsecond=0) + timedelta(minutes=1)
    closes = opens + timedelta(hours=1)
    hours = f"{opens:%H:%M}-{closes:%H:%M}"
    with_windows(team, open=[hours])
    with under_users(team, on_cluster.key):
        release = team.candidate("2")
        wait_until(lambda: is_held(release, 50, "window"), BEGUN_S, "a share that is held")
        assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
        assert team.ended(release) == "promoted", release.state().reason
    assert first_share_at(release, "2") >= opens.timestamp()
    assert holds(release) == [(50, ("window",)), (50, ())]
