"""What scaling stands: no Prometheus, all applied again, a crowd that goes, a node without room."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from cluster.api import Api
from cluster.kinds import POD, SCALED_OBJECT, STATEFUL_SET, Kind
from cluster.names import labels
from cluster.settings import SYSTEM
from components import gateway
from components.platform import Platform, Replicas
from components.quantity import amount
from components.record import Held, Scaled, of
from components.release import operating
from components.release.state import ReleaseState
from components.release.wanted import next_id
from tests.support import directly
from tests.support.accounts import kubectl as built_kubectl
from tests.support.accounts import manifests
from tests.support.present import present
from tests.support.releases import Recorded
from tests.support.rigs import LIMITS, KubernetesRig
from tests.support.road import LONGEST_S, Road, road_with
from tests.support.scaled import CROWD, IN_S, OUT_S, RPS, has, replicas, scaled, serve
from tests.support.users import asking, crowding
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

NODE = Kind("v1", "Node", "nodes")


@contextmanager
def least(read: Callable[[], Replicas]) -> Iterator[list[int]]:
    """What an arm was wanted to have, looked at each second while the block runs."""
    seen: list[int] = []
    with ThreadPoolExecutor(1) as beside:
        over: list[bool] = []

        def look() -> None:
            while not over:
                seen.append(read().wanted)
                time.sleep(1)

        looking = beside.submit(look)
        try:
            yield seen
        finally:
            over.append(True)
            looking.result()


@contextmanager
def without_prometheus(api: Api) -> Iterator[None]:
    """No Prometheus is there while the block runs."""

    def scale(count: int) -> None:
        api.merge(STATEFUL_SET, SYSTEM, "prometheus", {"spec": {"replicas": count}})

    def there() -> int:
        found = present(api.get(STATEFUL_SET, SYSTEM, "prometheus"))
        return int((found.get("status") or {}).get("readyReplicas", 0))

    scale(0)
    try:
        wait_until(lambda: not api.list(POD, SYSTEM, {"app": "prometheus"}), 120, "its end")
        yield
    finally:
        scale(1)
        wait_until(lambda: there() == 1, 180, "Prometheus")


def test_waking_needs_no_prometheus(on_cluster: KubernetesRig, kubernetes: Api) -> None:
    rig, endpoint = on_cluster, scaled(on_cluster, "woken", min=0, max=2)
    name = endpoint.name
    try:
        serve(rig, endpoint, {"1": 100})
        has(rig, name, 0, IN_S)
        with without_prometheus(kubernetes):
            assert rig.post(name, rig.key).status_code == 200
            has(rig, name, 0, IN_S)
            assert rig.post(name, rig.key).status_code == 200
    finally:
        rig.remove(name)


def test_who_asks_one_that_cannot_be_woken_is_told_to_ask_again(
    on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    rig = on_cluster
    endpoint = scaled(rig, "dozes", {"deadline": "5s"}, min=0, max=2)
    name = endpoint.name

    def pause(said: str | None) -> None:
        paused = {"metadata": {"annotations": {"autoscaling.keda.sh/paused": said}}}
        kubernetes.merge(SCALED_OBJECT, rig.namespace, f"{name}-v1", paused)

    try:
        serve(rig, endpoint, {"1": 100})
        has(rig, name, 0, IN_S)
        pause("true")
        with ThreadPoolExecutor(1) as beside:
            called = beside.submit(rig.infer, name, rig.key)
            answer = rig.post(name, rig.key)
            code = called.result()[1]
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
        assert answer.json()["error"] == gateway.ASLEEP
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED, "gRPC's own word for it"
        pause(None)
        assert rig.post(name, rig.key).status_code == 200
    finally:
        rig.remove(name)


def test_nothing_that_is_applied_again_or_unknown_takes_predictors_away(
    on_cluster: KubernetesRig, kubernetes: Api, kubeconfig: Path
) -> None:
    """All that is kept in git is applied under load; then Prometheus goes, and comes back."""
    rig, endpoint = on_cluster, scaled(on_cluster, "kept", max=3)
    name, kubectl = endpoint.name, built_kubectl(kubeconfig)
    try:
        serve(rig, endpoint, {"1": 100})
        with crowding(rig.platform, name, rig.key, CROWD) as statuses:
            has(rig, name, 3, OUT_S)
            with least(lambda: replicas(rig, name)) as seen:
                kubectl.apply(manifests(kubectl))
                rig.platform.endpoints.apply(endpoint.model_dump_json(), "endpoint.yaml")
                rig.platform.clock.sleep(20)
                with without_prometheus(kubernetes):
                    # Longer than the autoscaler's memory, the cooldown and three failures of KEDA.
                    rig.platform.clock.sleep(90)
                rig.platform.clock.sleep(30)
        assert set(seen) == {3}
        assert Counter(statuses) == {200: len(statuses)}
        has(rig, name, 1, IN_S)
    finally:
        rig.remove(name)


RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "90s",
    "poll": "3s",
    "lease": "60s",
    "baseline": False,
    # How fast a small predictor is that shares a core decides nothing of the candidate.
    "judge": {"method": "threshold", "min_requests": 50, "p95_ratio": 10, "error_rate": 0.1},
}
POD_CPU = "100m"


@contextmanager
def a_road(
    rig: KubernetesRig, api: Api, factory: pytest.TempPathFactory, what: str, **scaling: Any
) -> Iterator[Road]:
    folder = factory.getbasetemp() / rig.name(what)
    folder.mkdir()
    serving = {
        "resources": {"cpu": POD_CPU, "memory": "768Mi"},
        "queue": {"deadline": "60s"},
        "starts": "3m",
        "scaling": {"queue_depth": 1, "cooldown": "10s", **scaling},
    }
    made = road_with(
        rig.platform,
        api,
        rig.namespace,
        folder,
        versions=("1", "2"),
        serving=serving,
        release=RELEASE,
        # A crowd asks as fast as it is answered.
        gateway={"requests_per_second": LIMITS.requests_per_second},
    )
    try:
        yield made
    finally:
        made.remove()


def begun(road: Road, version: str) -> Recorded:
    """A release without an engine."""
    name = next_id(road.platform.records.releases(), road.endpoint, version)
    directly.begin(road.endpoint, version, name, watched=1)
    return Recorded(road.platform, name)


def watched(release: Recorded) -> ReleaseState:
    """The release once users are on the candidate."""

    def polled() -> bool:
        return release.exists() and any(
            poll.weights.get(release.state().candidate) for poll in release.state().polls
        )

    wait_until(polled, LONGEST_S, "a poll of the watch")
    return release.state()


def test_the_way_back_finds_what_all_of_the_traffic_needs(
    on_cluster: KubernetesRig,
    kubernetes: Api,
    prepared: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rig = on_cluster
    with a_road(rig, kubernetes, tmp_path_factory, "floors", max=3) as road:
        name = road.endpoint
        assert road.ended(begun(road, "1")) == "promoted"
        with asking(rig.platform, name, rig.key, RPS) as light:
            with crowding(rig.platform, name, rig.key, 8) as crowd:
                has(rig, name, 3, OUT_S)
                release = begun(road, "2")
                watched(release)
            with least(lambda: replicas(rig, name)) as seen:
                # Long after the crowd has gone: by its queue alone it would have one.
                rig.platform.clock.sleep(45)
                assert replicas(rig, name, "2").floor == 3, "as many for half as production has"
                operating.roll_back(rig.platform, name, "a trial")
            assert road.ended(release) == "rolled_back"
            has(rig, name, 1, IN_S)
        assert set(seen) == {3}
        assert Counter(each.status for each in light) == {200: len(light)}
        assert set(crowd) == {200}
        (scaler,) = kubernetes.list(SCALED_OBJECT, road.team, labels("scaling", endpoint=name))
        assert scaler["spec"]["minReplicaCount"] == 1
        counted = of(release.lines(), Scaled)
        assert counted[0].replicas["1"].floor == 3


def test_a_step_without_room_goes_back_to_the_champion_with_the_scheduler_s_words(
    on_cluster: KubernetesRig,
    kubernetes: Api,
    prepared: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rig = on_cluster
    with a_road(rig, kubernetes, tmp_path_factory, "room", min=2, max=2) as road:
        name = road.endpoint
        assert road.ended(begun(road, "1")) == "promoted"
        has(rig, name, 2, OUT_S)
        with (
            filled(kubernetes, road.team, but=1.5),
            asking(rig.platform, name, rig.key, RPS) as all_,
        ):
            release = begun(road, "2")
            assert road.ended(release) == "error"
        state = release.state()
        assert state.passed == (50,)
        assert "version 2 has 1 of the 2 predictors ready that 100% of the traffic" in state.reason
        assert "Insufficient cpu" in state.reason
        assert {wait.cause for held in of(release.lines(), Held) for wait in held.waits} == {"room"}
        assert rig.platform.traffic.weights(name) == {"1": 100}
        assert Counter(each.status for each in all_) == {200: len(all_)}


@contextmanager
def filled(api: Api, team: str, but: float) -> Iterator[None]:
    """The node has room for so many predictors more, and for nothing besides."""
    (node,) = api.list(NODE, "")
    running = [
        each
        for each in api.list(POD, "")
        if (each.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
    ]
    asked = sum(
        amount(container.get("resources", {}).get("requests", {}).get("cpu", "0"))
        for pod in running
        for container in pod["spec"]["containers"]
    )
    free = amount(node["status"]["allocatable"]["cpu"]) - asked
    takes = int(1000 * (float(free) - but * float(amount(POD_CPU))))
    image = next(
        container["image"]
        for pod in running
        for container in pod["spec"]["containers"]
        if container["name"] == "kserve-container"
    )
    resources = {"cpu": f"{takes}m", "memory": "32Mi"}
    made = POD.object(
        {"name": "filler"},
        spec={
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "filler",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": ["sleep", "3600"],
                    "resources": {"requests": resources, "limits": {"memory": "32Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    )
    api.create(POD, team, made)
    try:
        yield
    finally:
        with suppress(Exception):
            api.delete(POD, team, "filler")
