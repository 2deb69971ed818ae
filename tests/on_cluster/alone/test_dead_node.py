"""Nodes that die in mid-canary, for longer than the control plane waits for them.

The embedded cluster's one node is everybody's: when its kubelet has been away for so long, all pods
are told to be not ready, names, store and registry are reached no more, and users neither. What a
dead node does to the rest of a cluster is seen beside it: a second node, of which only the API
server has heard, takes the pod of one step and dies.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from cluster.api import Api
from cluster.kinds import POD, Object
from cluster.names import predictor_name
from cluster.settings import SYSTEM
from components.printing import say
from pipelines.reconcile import LEFT_S
from tests.support import nodes, programs
from tests.support.killing import is_ready, pods
from tests.support.promised import ENDS_S, in_time
from tests.support.releases import Recorded, sluice
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.scenes import under_way
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

RPS = 10
LEASE_S = 120.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "40s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}
RECONCILES_S = 300.0
"""Between two passes of `reconcile`, and until the run that it stops has ended."""


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "node", versions=("1", "2", "3"), **RELEASE) as made:
        yield made


def in_order(team: Road, release: Recorded) -> None:
    """All users are on one version, and everybody names the same."""
    version = "2" if team.ended(release) == "promoted" else "1"
    assert release.state().reason
    assert team.platform.traffic.weights(team.endpoint) == {version: 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == version


def test_a_kubelet_that_is_away_for_longer_than_it_is_waited_for_leaves_one_version(
    team: Road, kubernetes: Api
) -> None:
    [node] = [each["metadata"]["name"] for each in kubernetes.list(nodes.NODE, "")]
    label = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, "1")}

    def champions() -> list[bool]:
        return [is_ready(each) for each in pods(kubernetes, team.team, label)]

    key = team.platform.gateway.key("demo")
    with asking(team.platform, team.endpoint, key, RPS) as asked:
        release = team.candidate("2")
        team.watches(release)
        began = time.time()
        with programs.stopped(programs.KUBELET):
            nodes.lost(kubernetes, node)
            wait_until(lambda: not any(champions()), 60, "pods that are told to be not ready")
            # Whoever held the lease and was not heard of has lost it by then.
            time.sleep(LEASE_S + ENDS_S)
        wait_until(lambda: nodes.ready(kubernetes, node) == "True", 120, "the node")
        wait_until(lambda: any(champions()), 120, "the champion's pod")
        for app in ("s3", "postgres", "mlflow"):
            wait_until(partial(_ready, kubernetes, app), 120, f"{app}: records, or the registry")
        in_order(team, release)
        back = time.time()
        answered = len(asked)
        wait_until(lambda: len(asked) > answered + RPS, 30, "users who are answered again")
    say(f"a node that was given up: {release.state().outcome}: {release.state().reason}")
    say(f"  {Counter(each.status for each in asked)}")
    failed = [each for each in asked if each.status != 200]
    assert [each for each in failed if not under_way(each, began, back)] == []


def _ready(api: Api, app: str) -> bool:
    return any(map(is_ready, pods(api, SYSTEM, {"app": app})))


@contextmanager
def users(team: Road) -> Iterator[None]:
    """Users while the block runs, each of whom is answered."""
    key = team.platform.gateway.key("demo")
    with asking(team.platform, team.endpoint, key, RPS) as asked:
        yield
    assert asked
    assert [each for each in asked if each.status != 200] == []


def bound(team: Road, release: Recorded, node: str) -> list[Object]:
    """The pods of a release's workflow that are on a node."""
    label = {"workflows.argoproj.io/workflow": release.release_id}
    found = team.api.list(POD, team.runs, label)
    return [each for each in found if each["spec"].get("nodeName") == node]


def _next_step_on(team: Road, release: Recorded, near: str, other: nodes.Far) -> None:
    """Let the pod of a release's next step, and no other one, be on the other node."""
    nodes.opened(team.api, near, to_pods=False)
    try:
        nodes.opened(team.api, other.name, to_pods=True)
        wait_until(lambda: bool(bound(team, release, other.name)), 60, "its next step there")
    finally:
        nodes.opened(team.api, near, to_pods=True)
    nodes.opened(team.api, other.name, to_pods=False)
    for each in bound(team, release, other.name):
        nodes.running(team.api, each)


def test_a_step_on_a_node_that_died_holds_up_nobody_for_ever(team: Road, kubernetes: Api) -> None:
    [near] = [each["metadata"]["name"] for each in kubernetes.list(nodes.NODE, "")]
    with nodes.far(kubernetes) as far:
        with users(team):
            release = team.candidate("2")
            wait_until(
                lambda: release.exists() and bool(release.state().passed),
                LONGEST_S,
                "a passed step",
            )
            _next_step_on(team, release, near, far)
            far.die()
            second = sluice("release", str(team.file), "--version", "3", "--engine", "local")
            assert second.returncode != 0
            assert f"is held by release {release.release_id}" in second.stdout + second.stderr
            in_order(team, release)
            assert release.state().outcome == "error"
            in_time(release.lines(), LEASE_S)
        nodes.lost(kubernetes, far.name)
        assert team.workflow(release)["status"]["phase"] == "Running"
        # The next one waits for the dead run, which `reconcile` stops.
        other = team.candidate("2")
        assert other.release_id != release.release_id

        def stopped() -> bool:
            return team.workflow(release)["status"]["phase"] in {"Failed", "Error"}

        wait_until(stopped, LEFT_S + RECONCILES_S, "the end of the dead run")
        assert team.workflow(release)["spec"].get("shutdown") == "Stop"
        with users(team):
            assert team.ended(other) == "promoted", other.state().reason
    assert team.platform.traffic.weights(team.endpoint) == {"2": 100}
