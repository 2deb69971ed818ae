"""Predictors that are replaced under load: no user notices."""

from collections import Counter

import pytest

from cluster.api import Api
from cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, POD, Object
from cluster.names import predictor_name
from cluster.settings import SYSTEM
from components.platform import Platform
from tests.support.present import present
from tests.support.rigs import KubernetesRig
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

RPS = 30
AROUND_S = 3.0
"""How long users ask before and after."""


def counted(platform: Platform, endpoint: str) -> tuple[float, float]:
    """Requests and errors of version 1, as the gateway counts them."""
    read = platform.metrics.sample(endpoint, ["1"], 30.0).versions["1"].values()
    found = [each for each in read if each is not None]
    return sum(each.requests for each in found), sum(each.errors for each in found)


def test_another_image_replaces_a_predictor_s_pods_under_load_and_no_request_fails(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    rig, endpoint = on_cluster, on_cluster.endpoint("rolled")
    name = predictor_name(endpoint.name, "1")
    try:
        rig.create(endpoint, "1")
        rig.split(endpoint.name, {"1": 100})
        before = pods(kubernetes, rig.namespace, name)
        with asking(rig.platform, endpoint.name, rig.key, RPS) as outcomes:
            rig.platform.clock.sleep(AROUND_S)
            change(kubernetes, rig.namespace, name)
            wait_until(
                lambda: pods(kubernetes, rig.namespace, name).isdisjoint(before), 300, "new pods"
            )
            rig.platform.clock.sleep(AROUND_S)
        assert Counter((each.status, each.version) for each in outcomes) == {
            (200, "1"): len(outcomes)
        }
        wait_until(
            lambda: counted(rig.platform, endpoint.name) == (len(outcomes), 0),
            30,
            f"{len(outcomes)} requests in the gateway's counters",
        )
    finally:
        rig.remove(endpoint.name)


def change(api: Api, namespace: str, name: str) -> None:
    """Give the predictor another image: that of the steps, which has what a predictor needs."""
    reaper = present(api.get(DEPLOYMENT, SYSTEM, "reaper"))["spec"]["template"]["spec"]
    found = present(api.get(INFERENCE_SERVICE, namespace, name))
    container: Object = found["spec"]["predictor"]["containers"][0]
    container["image"] = reaper["containers"][0]["image"]
    container["command"] = ["python3", "-m", "components.predictor"]
    patch = {"spec": {"predictor": {"containers": [container]}}}
    api.merge(INFERENCE_SERVICE, namespace, name, patch)


def pods(api: Api, namespace: str, name: str) -> set[str]:
    """The pods that are there, ending ones too."""
    found = api.list(POD, namespace, {"serving.kserve.io/inferenceservice": name})
    return {each["metadata"]["name"] for each in found}
