"""A drained node takes the only pod of a version that nobody else can answer for."""

import time
from collections import Counter

import pytest

from cluster.api import Api
from cluster.kinds import POD
from cluster.names import predictor_name
from components.printing import say
from tests.support.killing import evict, is_ready, pods
from tests.support.rigs import KubernetesRig
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

RPS = 10
GOES_S = 300.0


def test_the_evicted_pod_of_a_lone_version_serves_until_the_next_one_does(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    """No release is under way: no other version is there."""
    rig, endpoint, namespace = on_cluster, on_cluster.endpoint("drained"), on_cluster.namespace
    label = {"serving.kserve.io/inferenceservice": predictor_name(endpoint.name, "1")}
    try:
        rig.create(endpoint, "1")
        rig.split(endpoint.name, {"1": 100})
        [pod] = pods(kubernetes, namespace, label)
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        with asking(rig.platform, endpoint.name, rig.key, RPS) as asked:
            wait_until(lambda: len(asked) > RPS, 60, "users")
            began = time.time()
            evict(kubernetes, pod)

            def another() -> bool:
                found = pods(kubernetes, namespace, label)
                return any(is_ready(each) for each in found if each["metadata"]["uid"] != uid)

            wait_until(another, GOES_S, "the next pod")
            ready = time.time()
            wait_until(lambda: kubernetes.get(POD, namespace, name) is None, GOES_S, "its end")
            gone, seen = time.time(), len(asked)
            wait_until(lambda: len(asked) > seen + 2 * RPS, 60, "users of the next pod")
    finally:
        rig.remove(endpoint.name)
    statuses = Counter(each.status for each in asked)
    say(
        f"evicted: the next pod was ready {ready - began:.1f} s later, the evicted one gone after"
        f" {gone - began:.1f} s; {dict(statuses)};"
        f" failed after {[round(each.due - began, 1) for each in asked if each.status != 200]} s"
    )
    assert set(statuses) == {200}
