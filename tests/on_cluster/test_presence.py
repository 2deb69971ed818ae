"""Predictors that go, or become others, in mid-canary: no user waits for the next one."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from cluster.api import Api
from cluster.kinds import INFERENCE_SERVICE, POD, Object
from cluster.names import predictor_name
from components.platform import Platform
from components.printing import say
from components.record import Covered, of
from tests.support.images import steps_image
from tests.support.killing import kill, pods
from tests.support.present import present
from tests.support.releases import Recorded
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Road, road
from tests.support.scenes import lent_at
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 20
SEEN_S = 0.2
"""Until a user's request that was under way is over, and the proxies' threads have the split."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    # Long enough to lose both versions' pods in it.
    "watch": "120s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}
OTHER = {"1": "2", "2": "1"}


@pytest.fixture(scope="module")
def team(
    prepared: Platform,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    folder = tmp_path_factory.getbasetemp() / f"goes-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    made = road(prepared, kubernetes, on_cluster.namespace, folder, **RELEASE)
    try:
        with made.begun("1", watched=0) as first:
            assert made.ended(first) == "promoted", first.state().reason
            assert first.state().codes == {"1": images(made, "1")}
        yield made
    finally:
        made.remove()


def of_version(team: Road, version: str) -> dict[str, str]:
    """The label of a version's pods."""
    return {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, version)}


def images(team: Road, version: str) -> tuple[str, ...]:
    """The digests of the images of a version's predictors, as the kubelet has them."""
    found = {
        each["imageID"].rpartition("@")[2]
        for pod in pods(team.api, team.team, of_version(team, version))
        for each in pod["status"]["containerStatuses"]
        if each["name"] == "kserve-container"
    }
    return tuple(sorted(found))


def test_the_record_has_the_images_that_the_pods_run(team: Road) -> None:
    """The fixture holds the record of version 1 against its pods."""
    [one] = images(team, "1")
    assert one.startswith("sha256:")
    assert team.left("1")


def test_a_candidate_that_becomes_another_program_ends_its_release(team: Road) -> None:
    with (
        asking(team.platform, team.endpoint, key(team), RPS) as asked,
        team.begun("2") as release,
    ):
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        [known] = release.state().codes["2"]
        other(team, "2")
        assert team.ended(release) == "error", release.state().reason
        team.platform.clock.sleep(1)
    assert "version 2 runs another image" in release.state().reason
    assert known[:19] in release.state().reason
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert Counter(each.status for each in asked) == {200: len(asked)}


def other(team: Road, version: str) -> None:
    """Give the predictor another image: that of the steps, which has what a predictor needs."""
    name = predictor_name(team.endpoint, version)
    found = present(team.api.get(INFERENCE_SERVICE, team.team, name))
    container = found["spec"]["predictor"]["containers"][0]
    container["image"] = steps_image(team.api)
    container["command"] = ["python3", "-m", "components.predictor"]
    patch = {"spec": {"predictor": {"containers": [container]}}}
    team.api.merge(INFERENCE_SERVICE, team.team, name, patch)


def key(team: Road) -> str:
    """The key of a user."""
    return team.platform.gateway.key("demo")


@dataclass(frozen=True)
class Loss:
    """A version's only pod was deleted; seconds since the epoch."""

    deleted: float
    ready: float
    """The next one was, by the kubelet: to the second, and no later than that."""


def test_the_other_version_answers_for_one_whose_only_pod_is_gone(team: Road) -> None:
    """First the candidate's, then the champion's; neither is there again at once."""
    with (
        asking(team.platform, team.endpoint, key(team), RPS) as asked,
        team.begun("2") as release,
    ):
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        lost = {version: lose(team, release, version) for version in ("2", "1")}
        assert team.ended(release) == "promoted", release.state().reason
        team.platform.clock.sleep(1)
    lines, explained = release.lines(), 0
    assert [each.arm for each in of(lines, Covered)] == ["2", "", "1", ""]
    for version, loss in lost.items():
        moved = lent_at(lines, version)
        between = [each for each in asked if loss.deleted - 1 < each.due <= moved + SEEN_S]
        failed = [each for each in between if each.status != 200]
        explained += len(failed)
        say(
            f"version {version}: another one had its share {moved - loss.deleted:.1f} s after its"
            f" pod was deleted, the next pod was ready after {loss.ready - loss.deleted:.0f} s;"
            f" {len(failed)} of {len(between)} requests failed:"
            f" {dict(Counter(each.status for each in failed))}"
        )
        away = [each for each in asked if moved + SEEN_S < each.due < loss.ready]
        assert Counter((each.status, each.version) for each in away) == {
            (200, OTHER[version]): len(away)
        }
        assert away
    assert sum(each.status != 200 for each in asked) == explained
    assert team.platform.serving.versions(team.endpoint) == ["2"]


def lose(team: Road, release: Recorded, version: str) -> Loss:
    """Delete the only pod, and kill the next one in its start; returns when that is ready."""
    label = of_version(team, version)
    [pod] = pods(team.api, team.team, label)
    deleted = time.time()
    team.api.delete(POD, team.team, pod["metadata"]["name"])
    wait_until(lambda: release.state().covered == version, 30, f"another one for version {version}")
    # The record is first, the lease follows.
    said = f"version {version} has no ready predictor"
    wait_until(lambda: said in present(team.platform.leases.read(team.endpoint)).waits, 30, said)

    def following() -> list[Object]:
        uid = pod["metadata"]["uid"]
        return [e for e in pods(team.api, team.team, label) if e["metadata"]["uid"] != uid]

    for each in following():
        kill(team.api, each)
    wait_until(lambda: not release.state().covered, 180, f"version {version} again")
    [now] = following()
    return Loss(deleted, ready_since(now))


def ready_since(pod: Object) -> float:
    """When the kubelet found it ready last."""
    [found] = [each for each in pod["status"]["conditions"] if each["type"] == "Ready"]
    assert found["status"] == "True"
    return datetime.fromisoformat(found["lastTransitionTime"]).timestamp()
