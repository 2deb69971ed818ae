"""What is kept in git may be applied again at any time."""

import os
from pathlib import Path

import pytest
import yaml

from cluster.api import Api
from cluster.embedded import lifecycle
from cluster.embedded.home import find_home
from cluster.embedded.kubectl import Kubectl
from cluster.kinds import HTTP_ROUTE, INFERENCE_SERVICE, Object
from cluster.names import object_name, predictor_name
from tests.support.accounts import manifests
from tests.support.present import present
from tests.support.rigs import KubernetesRig
from tests.support.users import asking

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SPLIT = {"1": 90, "2": 10}
RPS = 20


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
