"""What is kept in git may be applied again at any time."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api import Api
from cluster.embedded import lifecycle
from cluster.embedded.home import find_home
from cluster.embedded.kubectl import Kubectl
from cluster.kinds import GATEWAY, HTTP_ROUTE, INFERENCE_SERVICE, Object
from cluster.names import object_name, predictor_name
from components.errors import PlatformError
from components.printing import say
from tests.support.accounts import manifests
from tests.support.present import present
from tests.support.releases import Recorded
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.scenes import under_way
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SPLIT = {"1": 90, "2": 10}
RPS = 20
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    # The release is to end because of the route.
    "watch": "300s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}


@pytest.fixture
def kubectl() -> Kubectl:
    return Kubectl(lifecycle.kubectl(find_home()).program, Path(os.environ["KUBECONFIG"]))


def kept(rig: KubernetesRig, endpoint: str) -> Object:
    """An endpoint's route as people keep it: whose it is, and no rules."""
    return HTTP_ROUTE.object(
        {"name": object_name(endpoint), "namespace": rig.namespace, "labels": {"shop": "yes"}},
        spec={"parentRefs": [{"name": "sluice", "namespace": "sluice-system"}]},
    )


def test_all_manifests_applied_again_in_mid_canary_change_nothing(
    on_cluster: KubernetesRig, kubernetes: Api, kubectl: Kubectl
) -> None:
    rig, endpoint = on_cluster, on_cluster.endpoint("kept")

    def seen() -> tuple[object, ...]:
        route = present(kubernetes.get(HTTP_ROUTE, rig.namespace, object_name(endpoint.name)))
        names = [predictor_name(endpoint.name, version) for version in SPLIT]
        found = [kubernetes.get(INFERENCE_SERVICE, rig.namespace, name) for name in names]
        services = [present(each)["metadata"]["generation"] for each in found]
        return route["spec"]["rules"], services, rig.in_force(endpoint.name)

    text = yaml.safe_dump(endpoint.model_dump(mode="json"))
    try:
        rig.platform.endpoints.apply(text, "endpoint.yaml")
        for version in SPLIT:
            rig.create(endpoint, version)
        rig.split(endpoint.name, SPLIT)
        before = seen()
        assert before[-1] == [SPLIT] * len(rig.in_force(endpoint.name))
        with asking(rig.platform, endpoint.name, rig.key, RPS) as outcomes:
            rig.platform.clock.sleep(1)
            kubectl.apply([*manifests(kubectl), kept(rig, endpoint.name)])
            rig.platform.endpoints.apply(text, "endpoint.yaml")
            rig.platform.traffic.wait_in_force(endpoint.name, SPLIT, timeout=60)
            rig.platform.clock.sleep(1)
        assert {each.status for each in outcomes} == {200}
        assert seen() == before
        assert rig.platform.traffic.weights(endpoint.name) == SPLIT
    finally:
        rig.remove(endpoint.name)


def test_a_parent_that_refuses_the_route_keeps_no_split_of_the_other_one_back(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    """As another Gateway's controller says it; here Envoy Gateway does, of a listener's name."""
    rig, endpoint = on_cluster, on_cluster.endpoint("parents")
    made = kept(rig, endpoint.name)
    (ours,) = made["spec"]["parentRefs"]
    to = present(kubernetes.get(GATEWAY, ours["namespace"], ours["name"]))
    listeners = (to["spec"]["listeners"][0]["name"], "no-such-listener")
    made["spec"]["parentRefs"] = [{**ours, "sectionName": each} for each in listeners]

    def refuses() -> bool:
        route = present(kubernetes.get(HTTP_ROUTE, rig.namespace, object_name(endpoint.name)))
        said = [
            each["status"]
            for parent in (route.get("status") or {}).get("parents") or []
            for each in parent["conditions"]
            if each["type"] == "Accepted"
            and each["observedGeneration"] == route["metadata"]["generation"]
        ]
        return sorted(said) == ["False", "True"]

    try:
        kubernetes.create(HTTP_ROUTE, rig.namespace, made)
        rig.wait(refuses, "a refusal of one of the two parents")
        rig.create(endpoint, "1")
        rig.split(endpoint.name, {"1": 100})
        rig.wait(refuses, "a refusal of the route with rules")
        rig.platform.traffic.wait_in_force(endpoint.name, {"1": 100}, timeout=10)
    finally:
        rig.remove(endpoint.name)


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "rules", **RELEASE) as made:
        yield made


def polled(release: Recorded) -> None:
    """Wait until users were twice more counted on both versions, or the release is over."""

    def shared() -> int:
        return sum(bool(poll.weights.get("2")) for poll in release.state().polls)

    wait_until(release.exists, LONGEST_S, "the release")
    seen = shared()
    wait_until(
        lambda: shared() > seen + 1 or bool(release.state().outcome), LONGEST_S, "polls of both"
    )


@pytest.mark.long
def test_a_route_that_is_kept_with_its_rules_conflicts_and_ends_the_release_by_force(
    team: Road, kubectl: Kubectl
) -> None:
    """The rules are those of the route as it was while version 1 had all of the traffic."""
    name, key = object_name(team.endpoint), team.platform.gateway.key("demo")

    def route() -> Object:
        return present(team.api.get(HTTP_ROUTE, team.team, name))

    def apply(*flags: str) -> None:
        kubectl.run("apply", "--server-side", *flags, "--filename", "-", given=json.dumps(in_git))

    spec = {part: route()["spec"][part] for part in ("parentRefs", "rules")}
    in_git = HTTP_ROUTE.object({"name": name, "namespace": team.team}, spec=spec)
    with asking(team.platform, team.endpoint, key, RPS) as asked, team.begun("2") as release:
        polled(release)
        before = route()["spec"]
        with pytest.raises(PlatformError, match="conflicts"):
            apply()
        polled(release)
        assert (route()["spec"], release.state().outcome) == (before, None)
        forced = time.time()
        apply("--force-conflicts")
        assert team.ended(release) == "error", release.state().reason
    reason, ended = release.state().reason, release.lines()[-1].at
    assert "the traffic is split 1: 100% instead of 1: 50%, 2: 50%: somebody else moved" in reason
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "1"
    failed = [each for each in asked if each.status != 200]
    say(f"rules by force: {len(failed)} of {len(asked)} requests failed")
    # Who applies it so takes a version out of the route that users are on.
    assert [each for each in failed if not under_way(each, forced, ended)] == []
