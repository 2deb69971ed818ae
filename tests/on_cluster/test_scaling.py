"""Versions that are scaled: out under load and in again, asleep and awake."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.support.rigs import KubernetesRig
from tests.support.scaled import CROWD, IN_S, OUT_S, RPS, has, replicas, scaled, serve
from tests.support.users import asking, crowding

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def test_versions_scale_apart_out_under_load_and_in_again_and_no_request_is_lost(
    on_cluster: KubernetesRig,
) -> None:
    rig, endpoint = on_cluster, scaled(on_cluster, "scaled", max=3)
    name = endpoint.name
    try:
        serve(rig, endpoint, {"1": 98, "2": 2})
        with asking(rig.platform, name, rig.key, RPS) as light:
            with crowding(rig.platform, name, rig.key, CROWD) as statuses:
                has(rig, name, 3, OUT_S)
                assert replicas(rig, name, "2").wanted == 1, "it is hardly asked"
            has(rig, name, 1, IN_S)
        assert Counter(statuses) == {200: len(statuses)}
        assert Counter(each.status for each in light) == {200: len(light)}
    finally:
        rig.remove(name)


def test_a_version_that_nobody_asks_sleeps_and_the_first_requests_wake_it(
    on_cluster: KubernetesRig,
) -> None:
    rig, endpoint = on_cluster, scaled(on_cluster, "sleeps", min=0, max=2)
    name = endpoint.name
    try:
        rig.create(endpoint, "1")
        rig.split(name, {"1": 100})
        assert replicas(rig, name).floor == 1, "a release may watch it"
        rig.platform.scaling.let_go(name)
        has(rig, name, 0, IN_S)
        with ThreadPoolExecutor(8) as users:
            asked = [users.submit(rig.post, name, rig.key) for _ in range(8)]
            answers = [each.result() for each in asked]
        assert Counter(each.status_code for each in answers) == {200: 8}
        assert {each.headers["x-model-version"] for each in answers} == {"1"}
        has(rig, name, 0, IN_S)
        assert rig.infer(name, rig.key)[:2] == ("1", grpc.StatusCode.OK)
    finally:
        rig.remove(name)
