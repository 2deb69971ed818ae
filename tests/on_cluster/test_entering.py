"""Versions that are new to the proxies: no user is sent to pods of which a proxy has not heard yet.

What the gateway lets through at once stands beside the pods in a proxy's list of backends. Where it
changes, Envoy waits 15 s for word of pods that have not changed, and hears of no new backend of any
endpoint meanwhile.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml

from cluster.kinds import BACKEND_TRAFFIC_POLICY
from cluster.names import object_name
from components.arms import shadow_of
from components.load.sender import Outcome
from components.platform import Mirror
from tests.support.present import present
from tests.support.rigs import LIMITS, KubernetesRig
from tests.support.road import Place, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

RPS = 20
IN_FORCE_S = 10.0
COPIES = 40
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "20s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}


@pytest.fixture(scope="module")
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "enters", **RELEASE) as made:
        yield made


def statuses(asked: Sequence[Outcome]) -> Counter[int]:
    return Counter(each.status for each in asked)


def at_once(team: Road) -> int:
    """How many requests the gateway lets through to one of its versions."""
    policy = present(team.api.get(BACKEND_TRAFFIC_POLICY, team.team, object_name(team.endpoint)))
    most: int = policy["spec"]["circuitBreaker"]["maxPendingRequests"]
    return most


def test_a_release_that_lets_more_through_the_gateway_loses_no_request(
    team: Road, on_cluster: KubernetesRig
) -> None:
    before = at_once(team)
    file = yaml.safe_load(team.file.read_text())
    file["serving"]["queue"] = {"requests": 2 * before}
    team.platform.endpoints.apply(yaml.safe_dump(file), "its new file")
    with (
        asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked,
        team.begun("2") as release,
    ):
        assert team.ended(release) == "promoted", release.state().reason
    assert at_once(team) == 4 * before
    assert statuses(asked) == {200: len(asked)}
    assert {each.version for each in asked} == {"1", "2"}


def let_less_through(team: Road) -> None:
    """Change what the gateway lets through at once."""
    policy = (BACKEND_TRAFFIC_POLICY, team.team, object_name(team.endpoint))
    team.api.merge(*policy, {"spec": {"circuitBreaker": {"maxPendingRequests": at_once(team) - 1}}})


@pytest.mark.long
def test_first_shares_wait_until_every_proxy_has_heard_of_their_pods(
    team: Road, place: Place, on_cluster: KubernetesRig, caplog: pytest.LogCaptureFixture
) -> None:
    """Another endpoint's limits were changed just before: an endpoint's first one, a canary's."""
    with released(*place, "first", **RELEASE) as first:
        traffic, name = first.platform.traffic, first.endpoint
        traffic.set_weights(name, {})
        traffic.wait_in_force(name, {}, IN_FORCE_S)
        let_less_through(team)
        # Whoever waits for that asks more often than any other client may.
        traffic.set_weights(name, {"1": 100}, replace(LIMITS, requests_per_second=3))
        assert "users may get 500" not in caplog.text
        traffic.set_weights(name, {"1": 100}, LIMITS)
        traffic.wait_in_force(name, {"1": 100}, IN_FORCE_S)
        with asking(first.platform, name, on_cluster.key, RPS) as asked, first.begun("2") as second:
            wait_until(lambda: "2" in first.platform.serving.versions(name), 120, "a predictor")
            let_less_through(team)
            assert first.ended(second) == "promoted", second.state().reason
    assert statuses(asked) == {200: len(asked)}
    assert {each.version for each in asked} == {"1", "2"}


@pytest.mark.long
def test_copies_come_as_soon_as_the_mirror_is_in_force(
    team: Road, on_cluster: KubernetesRig
) -> None:
    """Likewise, and of copies that no proxy can send nobody would hear."""
    rig, endpoint, shadow = on_cluster, on_cluster.endpoint("copied"), shadow_of("2")
    try:
        for version in ("1", "2"):
            rig.create(endpoint, version)
        rig.split(endpoint.name, {"1": 100})
        let_less_through(team)
        rig.platform.traffic.set_mirror(endpoint.name, Mirror("2", 100))
        rig.platform.traffic.wait_in_force(endpoint.name, {"1": 100}, IN_FORCE_S)
        assert {rig.ask(endpoint.name).status for _ in range(COPIES)} == {200}

        def copied() -> float:
            read = rig.platform.metrics.sample(endpoint.name, [shadow], 30.0)
            return sum(each.requests for each in read.versions[shadow].values() if each)

        rig.wait(lambda: copied() >= COPIES, "all copies in the counters", 30)
        assert copied() == COPIES
    finally:
        rig.remove(endpoint.name)
