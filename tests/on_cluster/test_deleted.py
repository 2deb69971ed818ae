"""What somebody deletes of production's in mid-canary it has again: its predictor, its route."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kinds import HTTP_ROUTE, INFERENCE_SERVICE
from cluster.names import object_name, predictor_name
from components.record import Noted, of
from components.release.starting import REVIVED
from tests.support.promised import in_time
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.scenes import lent_at
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
LEASE_S = 60.0
SEEN_S = 15.0
"""Until a predictor that is gone is seen, and its share is the other version's."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "40s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Predictors share two cores: no latency decides here, and a hole of some seconds is no fault.
    "judge": {"method": "threshold", "min_requests": 40, "p95_ratio": 10, "error_rate": 0.4},
}


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "deletes", **RELEASE) as made:
        yield made


def test_a_predictor_of_production_s_is_made_anew_and_the_release_goes_on(
    team: Road, on_cluster: KubernetesRig
) -> None:
    with (
        asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked,
        team.begun("2") as release,
    ):
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        gone = team.platform.clock.time()
        team.api.delete(INFERENCE_SERVICE, team.team, predictor_name(team.endpoint, "1"))
        assert team.ended(release) == "promoted", release.state().reason
    [told] = [each for each in of(release.lines(), Noted) if each.event == REVIVED]
    assert "version 1 had no predictor any more" in told.detail
    # Its Service goes with it: until the other version answers, its share is answered 500.
    moved = lent_at(release.lines(), "1")
    assert moved - gone < SEEN_S
    reached = [each for each in asked if not gone - 1 <= each.due <= moved + 1]
    assert Counter(each.status for each in reached) == {200: len(reached)}


def test_a_route_that_is_deleted_ends_the_release_and_production_has_one_again(
    team: Road, on_cluster: KubernetesRig
) -> None:
    with (
        asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked,
        team.begun("2") as release,
    ):
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        gone = team.platform.clock.time()
        team.api.delete(HTTP_ROUTE, team.team, object_name(team.endpoint))
        assert team.ended(release) == "error"
        back = release.lines()[-1].at
        team.platform.clock.sleep(2)
    assert "somebody else moved it" in release.state().reason
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    routed = [each for each in asked if not gone - 1 <= each.due <= back]
    assert Counter(each.status for each in routed) == {200: len(routed)}


@pytest.mark.parametrize("what", ["predictor", "route"])
def test_a_reaper_gives_production_what_a_release_that_was_killed_cannot(
    team: Road, on_cluster: KubernetesRig, what: str
) -> None:
    kind, name = {
        "predictor": (INFERENCE_SERVICE, predictor_name(team.endpoint, "1")),
        "route": (HTTP_ROUTE, object_name(team.endpoint)),
    }[what]
    with team.begun("2") as release:
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
    team.api.delete(kind, team.team, name)  # its process was killed at the block's end
    assert team.ended(release) == "error"
    if what == "route":
        in_time(release.lines(), LEASE_S)
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert on_cluster.post(team.endpoint, on_cluster.key).status_code == 200
