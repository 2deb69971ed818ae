"""Parts that are killed in mid-canary: every release ends, says why, and no user notices.

All of it happens once, side by side, for the first test that asks: four endpoints with users of
their own, two of them released by Argo, and one part after the other is killed while all of them
are watched. The proxies are two: a lone one takes all requests with it until it is back.
"""

import math
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from cluster.api import Api
from cluster.kinds import WORKFLOW
from cluster.names import predictor_name
from cluster.proxies import owned_by
from cluster.settings import SYSTEM, Gateway
from components.load.sender import NO_ANSWER, Outcome
from components.platform import Platform
from components.printing import say
from components.release.reaper import GRACE_S as TAKEN_S
from tests.support.killing import Killed, is_ready, kill, pods, strike
from tests.support.present import present
from tests.support.promised import ENDS_S, in_time
from tests.support.rigs import KubernetesRig
from tests.support.road import Road, road_with
from tests.support.scenes import Scene, proxies_of, under_way
from tests.support.users import asking
from tests.support.waiting import wait_until

# The story is told once, by the first test that asks.
pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
HEARD_S = 0.1
"""Until whoever is at the other end of a connection has heard of its end."""
LEASES = {"predictors": 30.0, "steps": 20.0, "argo": 60.0, "workflow": 60.0}
"""By endpoint, each called by what is killed of it."""
SMALL = {"resources": {"cpu": "120m", "memory": "768Mi"}}
TWO_PODS = {**SMALL, "scaling": {"min": 2, "max": 2}}
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "poll": "2s",
    # That parts are killed on a busy node decides nothing of the candidate.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}
REAPER = {"app": "reaper"}
SHARED = {
    "workflow controller": ("argo", {"app": "workflow-controller"}),
    "events controller": ("argo-events", {"app": "controller-manager"}),
    "event source": (SYSTEM, {"eventsource-name": "releases"}),
    "sensor": (SYSTEM, {"sensor-name": "releases"}),
    "nats": ("argo-events", {"app": "nats"}),
    "prometheus": (SYSTEM, {"app": "prometheus"}),
    "mlflow": (SYSTEM, {"app": "mlflow"}),
}
"""What all releases share: each is there again before the next one is killed."""


@dataclass
class Story:
    """Four endpoints, and what was killed."""

    scenes: dict[str, Scene]
    killed: dict[str, Killed] = field(default_factory=dict)
    """By the part's name."""

    def answered_by_the_dead(self, lost: Sequence[Outcome]) -> list[Outcome]:
        """Requests that were under way when a predictor was killed: the gateway answered them."""
        dead = [self.killed["candidate"], self.killed["champion"]]
        return [
            each
            for each in lost
            if each.status == 503
            and any(under_way(each, kill.began, kill.gone + HEARD_S) for kill in dead)
        ]

    def unconnected(self, lost: Sequence[Outcome]) -> list[Outcome]:
        """Requests without any answer while the killed proxy was away: its own connections, and
        those that were to be."""
        proxy = self.killed["proxy"]
        return [
            each
            for each in lost
            if each.status == NO_ANSWER and under_way(each, proxy.began, proxy.back)
        ]


@pytest.fixture(scope="module")
def story(
    on_cluster: KubernetesRig,
    kubernetes: Api,
    prepared: Platform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    scenes = {}
    for name, lease in LEASES.items():
        folder = tmp_path_factory.getbasetemp() / f"faults-{name}-{uuid.uuid4().hex[:4]}"
        folder.mkdir()
        watch = "140s" if name in {"argo", "workflow"} else "90s"
        made = road_with(
            on_cluster.platform,
            kubernetes,
            on_cluster.namespace,
            folder,
            versions=("1", "2"),
            serving=TWO_PODS if name == "predictors" else SMALL,
            release={**RELEASE, "lease": f"{lease:g}s", "watch": watch},
        )
        scenes[name] = Scene(made)
    told = Story(scenes)
    try:
        with ExitStack() as stack:
            to = stack.enter_context(proxies_of(kubernetes, 2))
            _first(scenes)
            for scene in scenes.values():
                users = asking(on_cluster.platform, scene.road.endpoint, on_cluster.key, RPS)
                scene.asked = stack.enter_context(users)
            _begin(scenes)
            _strike(kubernetes, told, to)
            for scene in scenes.values():
                scene.road.ended(present(scene.release))
        _tell(told)
        yield told
    finally:
        for scene in scenes.values():
            if scene.process:
                scene.process.kill()
            scene.road.remove()


def _first(scenes: dict[str, Scene]) -> None:
    """Put version 1 into production."""
    for scene in scenes.values():
        scene.begin("1")
    for scene in scenes.values():
        assert scene.road.ended(present(scene.release)) == "promoted", scene.state.reason


def _begin(scenes: dict[str, Scene]) -> None:
    """Release version 2; returns when users are on it everywhere, and are counted."""
    for name in ("argo", "workflow"):
        scenes[name].release = scenes[name].road.candidate("2")
    for name in ("argo", "workflow"):
        scenes[name].watched()
    for name in ("predictors", "steps"):
        scenes[name].begin("2")
    for name in ("predictors", "steps"):
        scenes[name].watched()


def _strike(api: Api, told: Story, to: Gateway) -> None:
    """Kill one part after the other."""
    scenes, killed = told.scenes, told.killed
    workflow, argo, predictors = (scenes[n].road for n in ("workflow", "argo", "predictors"))
    killed["reaper"] = strike(api, SYSTEM, REAPER)
    with ThreadPoolExecutor() as beside:
        present(scenes["steps"].process).kill()
        overtaken = beside.submit(_take_over, api, told)
        api.delete(WORKFLOW, workflow.runs, present(scenes["workflow"].release).release_id)
        reaped = beside.submit(_over, workflow, LEASES["workflow"] + ENDS_S)
        step, *_ = argo.pods(present(scenes["argo"].release), "watch")
        killed["step"] = kill(api, step)
        for part, version in (("candidate", "2"), ("champion", "1")):
            name = predictor_name(predictors.endpoint, version)
            label = {"serving.kserve.io/inferenceservice": name}
            # The other one is to answer for it.
            wait_until(partial(_both_answer, api, predictors.team, label), 60, "its second pod")
            killed[part] = strike(api, predictors.team, label)
        killed["proxy"] = strike(api, to.proxies, owned_by(to))
        for part, (namespace, labels) in SHARED.items():
            killed[part] = strike(api, namespace, labels)
        for each in (overtaken, reaped):
            each.result()


def _both_answer(api: Api, namespace: str, labels: dict[str, str]) -> bool:
    return [is_ready(each) for each in pods(api, namespace, labels)] == [True, True]


def _take_over(api: Api, told: Story) -> None:
    """Kill the reaper that takes the silent lease over, as soon as it has it."""
    road = told.scenes["steps"].road

    def taken() -> bool:
        lease = road.platform.leases.read(road.endpoint)
        assert lease is not None, "the release was over before the reaper could be killed"
        for each in pods(api, SYSTEM, REAPER):
            if lease.holder.endswith(each["metadata"]["name"]):
                told.killed["reaper that took over"] = kill(api, each)
                return True
        return False

    wait_until(taken, LEASES["steps"] + ENDS_S, "a reaper that takes over")
    _over(road, TAKEN_S + ENDS_S)


def _over(road: Road, seconds: float) -> None:
    leases = road.platform.leases
    wait_until(lambda: leases.read(road.endpoint) is None, seconds, f"the end of {road.endpoint}")


def _tell(told: Story) -> None:
    """Figures, for people."""
    for part, struck in told.killed.items():
        away = f"{struck.back - struck.began:.1f} s" if struck.back < math.inf else "good"
        say(f"{part}: {struck.pod} was away for {away}")
    for name, scene in told.scenes.items():
        failed = Counter((each.status, each.version, each.error) for each in scene.lost())
        say(f"{name}: {scene.state.outcome}: {scene.state.reason}")
        say(f"  {len(scene.asked)} requests, failed: {dict(failed)}")
        for each in scene.lost():
            say(f"    {each}")


@pytest.mark.parametrize("name", ["predictors", "argo"])
def test_a_release_whose_parts_come_back_is_promoted(story: Story, name: str) -> None:
    """A step's pod, Argo's servers, either version's predictor, the proxy, Prometheus, MLflow."""
    assert (story.scenes[name].state.outcome, story.scenes[name].reaped()) == ("promoted", [])
    assert story.scenes[name].state.reason


@pytest.mark.parametrize("name", ["steps", "workflow"])
def test_a_release_that_nobody_goes_on_with_is_ended_by_a_reaper(story: Story, name: str) -> None:
    """One that lost another reaper, and one whose own reaper was killed when it had begun."""
    scene = story.scenes[name]
    assert scene.state.outcome == "error"
    assert scene.state.reason
    # Twice, if the first reaper was killed between that line and the end.
    assert scene.reaped()
    assert all("was silent" in each for each in scene.reaped())


@pytest.mark.parametrize("name", LEASES)
def test_users_lose_only_what_the_killed_part_was_answering(story: Story, name: str) -> None:
    lost = story.scenes[name].lost()
    explained = story.unconnected(lost)
    if name == "predictors":
        explained += story.answered_by_the_dead(lost)
    assert [each for each in lost if each not in explained] == []


@pytest.mark.parametrize("name", LEASES)
def test_all_users_are_on_one_version_afterwards(story: Story, name: str) -> None:
    scene = story.scenes[name]
    version = "2" if scene.state.outcome == "promoted" else "1"
    assert scene.road.platform.traffic.weights(scene.road.endpoint) == {version: 100}
    assert scene.road.platform.registry.alias(scene.road.endpoint, "champion") == version


@pytest.mark.parametrize("name", LEASES)
def test_each_goes_on_or_is_over_within_its_lease_and_thirty_seconds(
    story: Story, name: str
) -> None:
    # The reaper that took this one over was killed, too: its own lease had to be silent as well.
    again = TAKEN_S if name == "steps" else 0.0
    in_time(present(story.scenes[name].release).lines(), LEASES[name] + again)
