"""A version whose pods are gone, while another one serves."""

import pytest

from cluster.api import Api
from cluster.kinds import SCALED_OBJECT
from cluster.names import predictor_name
from cluster.scaled_objects import object_named
from components import gateway
from tests.support.killing import pods
from tests.support.rigs import KubernetesRig

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_its_share_is_told_so_and_counted_for_no_version_until_it_is_back(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    rig, endpoint = on_cluster, on_cluster.endpoint("gone")
    name = endpoint.name
    own = {"serving.kserve.io/inferenceservice": predictor_name(name, "2")}

    def hold_at(replicas: str | None) -> None:
        """As people hold a version at a number of pods; None lets its file say it again."""
        patch = {"metadata": {"annotations": {"autoscaling.keda.sh/paused-replicas": replicas}}}
        kubernetes.merge(SCALED_OBJECT, rig.namespace, object_named(name, "2"), patch)

    def nobody() -> float:
        return rig.platform.metrics.sample(name, ["1"], 30.0).unattributed.get("no_backend", 0)

    try:
        for version in ("1", "2"):
            rig.create(endpoint, version)
        rig.split(name, {"1": 50, "2": 50})
        before = nobody()
        hold_at("0")

        # A pod that ends serves on while it is asked: so nobody asks until it has gone.
        rig.wait(lambda: not pods(kubernetes, rig.namespace, own), "the end of version 2", 90)
        rig.wait(lambda: gateway.NO_PREDICTOR in rig.post(name, rig.key).text, "it at proxies", 30)
        answers = [rig.post(name, rig.key) for _ in range(40)]
        told = [each for each in answers if each.status_code != 200]
        assert {each.status_code for each in told} == {503}
        for each in told:
            assert each.json() == {"error": gateway.NO_PREDICTOR}
            assert gateway.VERSION_HEADER not in each.headers
        rig.wait(lambda: nobody() >= before + len(told), "them in the counters", 30)
        hold_at(None)
        rig.wait(lambda: rig.ask(name).version == "2", "version 2", 120)
    finally:
        rig.remove(name)
