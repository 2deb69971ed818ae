"""The gateway's controller is away when a release asks for a split: users stay where they are."""

import time
from typing import Any

import pytest

from cluster.api import Api
from components.record import WeightsSet, of
from components.release.restoring import IN_FORCE_TIMEOUT_S
from tests.support.killing import away
from tests.support.releases import Recorded
from tests.support.rigs import KubernetesRig
from tests.support.road import Place, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

CONTROLLER = ("envoy-gateway-system", "envoy-gateway")
RPS = 10
AWAY_S = 15.0
"""After the promotion has asked: longer than a way back may take."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "20s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}


def shared(release: Recorded) -> bool:
    return release.state().weights == {"1": 50, "2": 50}


def test_a_promotion_waits_until_the_gateway_s_controller_is_back(
    place: Place, kubernetes: Api, on_cluster: KubernetesRig
) -> None:
    with released(*place, "unled", **RELEASE) as team:
        traffic, name = team.platform.traffic, team.endpoint
        with (
            asking(team.platform, name, on_cluster.key, RPS) as asked,
            team.begun("2") as release,
        ):
            wait_until(lambda: release.exists() and shared(release), 120, "a share")
            with away(kubernetes, CONTROLLER):
                wait_until(lambda: traffic.weights(name) == {"2": 100}, 120, "the promotion")
                time.sleep(AWAY_S)  # that it is away for so long is what is tried
            assert team.ended(release) == "promoted", release.state().reason
    assert {each.status for each in asked} == {200}
    *_, promoted = of(list(release.lines()), WeightsSet)
    assert promoted.weights == {"2": 100}
    assert promoted.applied_s > IN_FORCE_TIMEOUT_S
