"""An API server that is slow, not away: a healthy canary is promoted, and no reaper takes it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.api import Api
from components.record import Noted, of
from tests.support.programs import API_SERVER, answers, slow
from tests.support.promised import in_time
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
SLOW_S, ANSWER_S = 120.0, 7.0
LEASE_S = 60.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "150s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "slow", **RELEASE) as made:
        yield made


def test_a_canary_outlives_two_minutes_of_answers_that_take_seven_seconds(
    team: Road, kubernetes: Api, on_cluster: KubernetesRig
) -> None:
    with (
        asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked,
        team.begun("2") as release,
    ):
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        slow(API_SERVER, SLOW_S, ANSWER_S)
        answers(kubernetes)
        assert team.ended(release) == "promoted", release.state().reason
    assert not [each for each in of(release.lines(), Noted) if each.event == "reaped"]
    in_time(release.lines(), LEASE_S)
    assert Counter(each.status for each in asked) == {200: len(asked)}
