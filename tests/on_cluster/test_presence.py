"""Predictors that go, or become others, in mid-canary: no user waits for the next one."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from cluster.api import Api
from cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, POD, SERVICE, Kind, Object
from cluster.names import predictor_name
from cluster.settings import SYSTEM
from components.load.sender import Outcome
from components.platform import Platform
from components.printing import say
from components.record import Covered, Line, WeightsSet, of
from tests.support.killing import kill, pods
from tests.support.present import present
from tests.support.releases import Recorded
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Road, road
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

RPS = 20
SEEN_S = 0.2
"""Until a user's request that was under way is over, and the proxies' threads have the split."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "10s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 60, "p95_ratio": 10},
}
SCALERS = (
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects"),
)
OF_PREDICTORS = (INFERENCE_SERVICE, DEPLOYMENT, POD, SERVICE, *SCALERS)
"""What a version has of its own."""


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


def left(team: Road, version: str) -> list[str]:
    """What there is of a version's own."""
    name = predictor_name(team.endpoint, version)
    return [
        f"{kind.plural}/{each['metadata']['name']}"
        for kind in OF_PREDICTORS
        for each in team.api.list(kind, team.team)
        if each["metadata"]["name"] == name or each["metadata"]["name"].startswith(f"{name}-")
    ]


def watched(release: Recorded) -> None:
    """Wait until users are on the candidate."""

    def polled() -> bool:
        return release.exists() and any(poll.weights.get("2") for poll in release.state().polls)

    wait_until(polled, LONGEST_S, "a poll of the watch")


def test_the_record_has_the_images_that_the_pods_run(team: Road) -> None:
    """The fixture holds the record of version 1 against its pods."""
    [one] = images(team, "1")
    assert one.startswith("sha256:")
    assert left(team, "1")


@pytest.mark.long
def test_a_candidate_that_becomes_another_program_ends_its_release(team: Road) -> None:
    with (
        asking(team.platform, team.endpoint, key(team), RPS) as asked,
        team.begun("2") as release,
    ):
        watched(release)
        [known] = release.state().codes["2"]
        other(team, "2")
        assert team.ended(release) == "error", release.state().reason
        team.platform.clock.sleep(1)
    assert "version 2 runs another image" in release.state().reason
    assert known[:19] in release.state().reason
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert Counter(each.status for each in asked) == {200: len(asked)}
    wait_until(lambda: left(team, "2") == [], 120, "nothing of version 2")


def other(team: Road, version: str) -> None:
    """Give the predictor another image: that of the steps, which has what a predictor needs."""
    reaper: Object = present(team.api.get(DEPLOYMENT, SYSTEM, "reaper"))
    name = predictor_name(team.endpoint, version)
    found = present(team.api.get(INFERENCE_SERVICE, team.team, name))
    container = found["spec"]["predictor"]["containers"][0]
    container["image"] = reaper["spec"]["template"]["spec"]["containers"][0]["image"]
    container["command"] = ["python3", "-m", "components.predictor"]
    patch = {"spec": {"predictor": {"containers": [container]}}}
    team.api.merge(INFERENCE_SERVICE, team.team, name, patch)


def key(team: Road) -> str:
    """The key of a user."""
    return team.platform.gateway.key("demo")


@pytest.mark.long
def test_the_other_version_answers_for_one_whose_only_pod_is_gone(team: Road) -> None:
    """First the candidate's, then the champion's; neither is there again at once."""
    gone = {}
    with (
        asking(team.platform, team.endpoint, key(team), RPS) as asked,
        team.begun("2") as release,
    ):
        watched(release)
        for version in ("2", "1"):
            gone[version] = lose(team, release, version)
        assert team.ended(release) == "promoted", release.state().reason
        team.platform.clock.sleep(1)
    lines = release.lines()
    assert [each.arm for each in of(lines, Covered)] == ["2", "", "1", ""]
    for version, at in gone.items():
        moved, back = lent(lines, version)
        failed = [each for each in asked if each.status != 200 and at - 1 < each.due < back]
        say(
            f"version {version}: its share was the other one's {moved - at:.1f} s after its pod was"
            f" deleted, until {back - at:.1f} s: {len(failed)} requests failed"
        )
        assert [each for each in failed if each.due > moved + SEEN_S] == []
        assert answered(asked, moved + SEEN_S, back - SEEN_S) == {"1" if version == "2" else "2"}
    wait_until(lambda: left(team, "1") == [], 120, "nothing of version 1")
    assert team.platform.serving.versions(team.endpoint) == ["2"]


def lose(team: Road, release: Recorded, version: str) -> float:
    """Delete the only pod, and let the next one's first start fail; returns when it is back.

    Returns:
        When it was deleted, in seconds since the epoch.
    """
    label = of_version(team, version)
    [pod] = pods(team.api, team.team, label)
    at = time.time()
    team.api.delete(POD, team.team, pod["metadata"]["name"])
    wait_until(lambda: release.state().covered == version, 30, f"another one for version {version}")
    lease = team.platform.leases.read(team.endpoint)
    assert lease is not None
    assert f"version {version} has no ready predictor" in lease.waits
    for each in pods(team.api, team.team, label):
        if each["metadata"]["uid"] != pod["metadata"]["uid"]:
            kill(team.api, each)
    wait_until(lambda: not release.state().covered, 180, f"version {version} again")
    return at


def lent(lines: Sequence[Line], version: str) -> tuple[float, float]:
    """When the version's share was the other one's, and when it was its own again."""
    begun = next(n for n, line in enumerate(lines) if _covers(line, version))
    moved = next(line.at for line in lines[begun:] if isinstance(line.body, WeightsSet))
    back = next(n for n, line in enumerate(lines) if n > begun and _covers(line, ""))
    given = [line.at for line in lines[begun:back] if isinstance(line.body, WeightsSet)]
    return moved, given[-1]


def _covers(line: Line, version: str) -> bool:
    return isinstance(line.body, Covered) and line.body.arm == version


def answered(asked: Sequence[Outcome], begin: float, end: float) -> set[str | None]:
    """Who answered those that were due in that time, as long as the proxies moved no share."""
    # What is in force again before the record has it may be answered by either.
    return {each.version for each in asked if begin < each.due < end - 1}
