"""A team's namespace is deleted: in mid-canary, and while nobody can take its finalizers away."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from cluster import connect, installation
from cluster.api import Api
from cluster.argo import ArgoEngine
from cluster.kinds import INFERENCE_SERVICE, NAMESPACE, POD, SCALED_OBJECT
from cluster.teams import teams
from components.platform import Platform
from components.printing import say
from components.registry import names
from tests.support.killing import away
from tests.support.releases import Recorded
from tests.support.rigs import KubernetesRig
from tests.support.road import Place, Road, released, road
from tests.support.teams import gone, like, looked_at, platform_of
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
SEEN_S = 120.0
"""Until a reaper has seen that a team is gone, and has written so."""
RUN_ENDS_S = 300.0
"""Until the engine has given up the last step of its run, which it tries five times more."""
KEPT_S = 240.0
"""In which the pods of a namespace end, and Kubernetes says what else of it stays."""
CONTROLLERS = (("kserve", "kserve-controller-manager"), ("keda", "keda-operator"))
FINALIZERS = ("inferenceservice.finalizers", "finalizer.keda.sh")
"""Theirs, in the same order."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "300s",
    "poll": "2s",
    "lease": "60s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}


@pytest.fixture
def neighbour(place: Place) -> Iterator[Road]:
    """An endpoint of another team, whose version 1 was released."""
    with released(*place, "stays", **RELEASE) as made:
        yield made


def test_what_a_deleted_namespace_had_under_way_ends_and_nobody_else_is_harmed(
    neighbour: Road,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"goes-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    with (
        like(kubernetes, on_cluster.namespace, f"team-{uuid.uuid4().hex[:6]}") as team,
        platform_of(kubernetes, team) as own,
    ):
        own.gateway.add("user")
        theirs = road(own, kubernetes, team, folder, **RELEASE)
        environment = {connect.NAMESPACE: team}
        with theirs.begun("1", watched=0, environment=environment) as first:
            assert theirs.ended(first) == "promoted", first.state().reason
        engine = ArgoEngine(kubernetes, team, own)
        release = Recorded(own, engine.release_id(theirs.endpoint, "2"))
        key = neighbour.platform.gateway.key("demo")
        with asking(neighbour.platform, neighbour.endpoint, key, RPS) as asked:
            with asking(own, theirs.endpoint, own.gateway.key("user"), RPS):
                run = engine.submit(theirs.endpoint, "2", release.release_id)
                theirs.watches(release)
                gone(kubernetes, [team])
            wait_until(lambda: bool(release.state().outcome), SEEN_S, "the end in its record")
            pending = own.records.pending
            wait_until(lambda: release.release_id not in pending(), SEEN_S, "its last word")
            wait_until(lambda: not engine.alive(run), RUN_ENDS_S, "the end of its run")
        state = release.state()
        say(f"a namespace that was deleted: {state.outcome}: {state.reason}")
        assert state.outcome == "error"
        assert state.reason
        assert own.registry.alias(theirs.endpoint, names.CHAMPION) == "1"
        assert own.registry.alias(theirs.endpoint, names.CANDIDATE) is None
        assert team not in teams(kubernetes)
    assert [each for each in asked if each.status != 200] == []
    assert asked
    assert neighbour.platform.traffic.weights(neighbour.endpoint) == {"1": 100}


def test_what_keeps_a_namespace_is_named_and_goes_with_its_controllers_back(
    prepared: Platform,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """KServe's manager and KEDA's operator are removed before the team: the wrong order."""
    folder = tmp_path_factory.getbasetemp() / f"kept-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    with (
        like(kubernetes, on_cluster.namespace, f"team-{uuid.uuid4().hex[:6]}") as team,
        platform_of(kubernetes, team) as own,
    ):
        theirs = road(own, kubernetes, team, folder, **RELEASE)
        with theirs.begun("1", watched=0, environment={connect.NAMESPACE: team}) as first:
            assert theirs.ended(first) == "promoted", first.state().reason

        def kept() -> bool:
            found = [
                each
                for kind in (INFERENCE_SERVICE, SCALED_OBJECT)
                for each in kubernetes.list(kind, team)
            ]
            return len(found) == 2 and all(each["metadata"].get("finalizers") for each in found)

        wait_until(kept, KEPT_S, "the finalizers of its predictor and its scaler")
        assert list(installation.ending(kubernetes, team)) == []
        with away(kubernetes, *CONTROLLERS):
            kubernetes.delete(NAMESPACE, "", team)
            wait_until(lambda: kubernetes.list(POD, team) == [], KEPT_S, "the end of its pods")
            looked_at(kubernetes, team)

            def told() -> bool:
                said = " ".join(each.found for each in installation.ending(kubernetes, team))
                return all(each in said for each in FINALIZERS)

            wait_until(told, KEPT_S, "the word of what keeps it")
            mends = [each.fix for each in installation.ending(kubernetes, team)]
            assert any("KServe's manager, KEDA" in each for each in mends), mends
        gone(kubernetes, [team])
        assert team not in teams(kubernetes)
