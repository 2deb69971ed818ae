"""What stands behind gateway and predictors is away in mid-canary: no user notices.

All of it happens once, for the first test that asks, while two endpoints are released side by side,
one by Argo and one by a process of its own. The node's own programs are the embedded cluster's.
"""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from cluster.api import Api
from cluster.settings import SYSTEM
from components.platform import Platform
from components.printing import say
from tests.support import programs
from tests.support.killing import strike
from tests.support.present import present
from tests.support.promised import in_time
from tests.support.rigs import KubernetesRig
from tests.support.road import road_with
from tests.support.scenes import Scene
from tests.support.users import asking

# The story is told once, by the first test that asks.
pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
AWAY_S = 30.0
NAMES = ("engine", "process")
LEASE_S = 90.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "200s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # That parts are killed on a busy node decides nothing of the candidate.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}
SHARED = {
    "KServe's manager": ("kserve", {"control-plane": "kserve-controller-manager"}),
    "Envoy Gateway": ("envoy-gateway-system", {"control-plane": "envoy-gateway"}),
    "PostgreSQL": (SYSTEM, {"app": "postgres"}),
    "the store": (SYSTEM, {"app": "s3"}),
}
"""Each is there again before the next one is killed."""


@pytest.fixture(scope="module")
def scenes(
    on_cluster: KubernetesRig,
    kubernetes: Api,
    prepared: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Scene]]:
    made: dict[str, Scene] = {}
    for name in NAMES:
        folder = tmp_path_factory.getbasetemp() / f"behind-{name}-{uuid.uuid4().hex[:4]}"
        folder.mkdir()
        road = road_with(
            on_cluster.platform,
            kubernetes,
            on_cluster.namespace,
            folder,
            versions=("1", "2"),
            serving={"resources": {"cpu": "120m", "memory": "768Mi"}},
            release=RELEASE,
        )
        made[name] = Scene(road)
    try:
        with ExitStack() as stack:
            for scene in made.values():
                scene.begin("1")
            for scene in made.values():
                assert scene.road.ended(present(scene.release)) == "promoted", scene.state.reason
            for scene in made.values():
                users = asking(on_cluster.platform, scene.road.endpoint, on_cluster.key, RPS)
                scene.asked = stack.enter_context(users)
            made["engine"].release = made["engine"].road.candidate("2")
            made["engine"].watched()
            made["process"].begin("2")
            made["process"].watched()
            _strike(kubernetes, list(made.values()))
            for scene in made.values():
                scene.road.ended(present(scene.release))
        for name, scene in made.items():
            failed = Counter((each.status, each.version, each.error) for each in scene.lost())
            say(f"{name}: {scene.state.outcome}: {scene.state.reason}")
            say(f"  {len(scene.asked)} requests, failed: {dict(failed)}")
        yield made
    finally:
        for scene in made.values():
            if scene.process:
                scene.process.kill()
            scene.road.remove()


def _strike(api: Api, scenes: Sequence[Scene]) -> None:
    """Take one part after the other away.

    The API server is struck twice, and takes ten seconds and more to start: between the two every
    release takes a poll, for without it their minutes would be one outage that no lease outlives.
    """
    for part, (namespace, labels) in SHARED.items():
        struck = strike(api, namespace, labels)
        say(f"{part}: {struck.pod} was away for {struck.back - struck.began:.1f} s")
    programs.away(programs.KUBELET, AWAY_S)
    programs.away(programs.API_SERVER, AWAY_S)
    programs.answers(api)
    for scene in scenes:
        scene.polled_again()
    programs.hung(programs.API_SERVER, AWAY_S)
    programs.answers(api)


@pytest.mark.parametrize("name", NAMES)
def test_a_release_goes_on_when_all_that_stands_behind_it_is_back(
    scenes: dict[str, Scene], name: str
) -> None:
    scene = scenes[name]
    assert (scene.state.outcome, scene.reaped()) == ("promoted", []), scene.state.reason
    assert scene.state.reason


@pytest.mark.parametrize("name", NAMES)
def test_no_user_loses_a_request(scenes: dict[str, Scene], name: str) -> None:
    assert scenes[name].lost() == []
    assert scenes[name].asked


@pytest.mark.parametrize("name", NAMES)
def test_all_users_are_on_the_new_champion_afterwards(scenes: dict[str, Scene], name: str) -> None:
    road = scenes[name].road
    assert road.platform.traffic.weights(road.endpoint) == {"2": 100}
    assert road.platform.registry.alias(road.endpoint, "champion") == "2"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_never_silent_for_its_lease_and_thirty_seconds(
    scenes: dict[str, Scene], name: str
) -> None:
    in_time(present(scenes[name].release).lines(), LEASE_S)
