"""A freeze: an alert that an endpoint's file names keeps every candidate from users."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.api import Api
from components.errors import Unreachable
from tests.support.holds import first_share_at, holds, is_held, with_windows
from tests.support.observed import settings_of_prometheus
from tests.support.rigs import KubernetesRig
from tests.support.road import Place, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
FROZEN_S = 150.0
"""From before Prometheus has the rule until after a release asks for its first share."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "10s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 40, "p95_ratio": 10},
}


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "frozen", **RELEASE) as made:
        yield made


def test_no_user_meets_a_candidate_while_an_alert_fires(
    team: Road, kubernetes: Api, on_cluster: KubernetesRig
) -> None:
    end = team.platform.clock.time() + FROZEN_S
    rule = {"alert": "Freeze", "expr": f"vector(time()) < {end:.0f}"}
    rules = yaml.safe_dump({"groups": [{"name": "people", "rules": [rule]}]})

    def read_rules(settings: dict[str, Any]) -> None:
        settings["rule_files"] = ["/etc/prometheus/freeze.yaml"]

    def fires() -> bool:
        try:
            return team.platform.metrics.alerts(["Freeze"], team.endpoint) == {"Freeze": "firing"}
        except Unreachable:  # it is ready, and its Service may lead to it a moment later
            return False

    with (
        asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked,
        settings_of_prometheus(kubernetes, read_rules, freeze=rules),
    ):
        wait_until(fires, 30, "the alert")
        with_windows(team, alerts=["Freeze"])
        release = team.candidate("2")
        wait_until(lambda: is_held(release, 50, "alert"), 90, "a share that is held")
        assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
        assert team.ended(release) == "promoted", release.state().reason
    assert {each.status for each in asked} == {200}
    assert first_share_at(release, "2") >= end - 1
    assert holds(release) == [(50, ("alert",)), (50, ())]
