"""A tag that is pushed again in mid-canary: a version's next pod is of another program."""

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import settings
from cluster.api import Api
from cluster.kinds import POD
from cluster.names import predictor_name
from components.platform import Platform
from tests.support.images import point, predictor_image, steps_image, tagged
from tests.support.killing import pods
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Road, road
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
TWO = {"scaling": {"min": 2, "max": 2}}
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    # The release is to end because of the pod.
    "watch": "300s",
    "poll": "2s",
    "lease": "60s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10},
}


@pytest.fixture
def tag(kubernetes: Api) -> Iterator[str]:
    """A name of the predictors' image that the test may move."""
    with tagged(settings.read(kubernetes).predictor.image) as name:
        yield name


@pytest.fixture
def team(
    prepared: Platform, kubernetes: Api, on_cluster: KubernetesRig, tmp_path: Path, tag: str
) -> Iterator[Road]:
    """An endpoint whose version 1 was released, and has two pods that are made by that tag."""
    folder = tmp_path / f"pushed-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    made = road(prepared, kubernetes, on_cluster.namespace, folder, serving=TWO, **RELEASE)
    try:
        with predictor_image(kubernetes, tag), made.begun("1", watched=0) as first:
            assert made.ended(first) == "promoted", first.state().reason
        yield made
    finally:
        made.remove()


def test_a_champion_of_two_programs_ends_a_release_and_lets_none_begin(
    team: Road, tag: str
) -> None:
    key = team.platform.gateway.key("demo")
    label = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, "1")}
    replicas = team.platform.scaling.replicas
    wait_until(lambda: replicas(team.endpoint)["1"].ready == 2, 120, "the champion's second pod")
    with asking(team.platform, team.endpoint, key, RPS) as asked, team.begun("2") as release:

        def polled() -> bool:
            return release.exists() and any(p.weights.get("2") for p in release.state().polls)

        wait_until(polled, LONGEST_S, "a poll of the watch")
        [known] = release.state().codes["1"]
        point(tag, steps_image(team.api))
        [first, _] = pods(team.api, team.team, label)
        team.api.delete(POD, team.team, first["metadata"]["name"])
        assert team.ended(release) == "error", release.state().reason
        with team.begun("2") as next_one:
            assert team.ended(next_one) == "error", next_one.state().reason
    assert f"than when it was deployed ({known[:19]})" in release.state().reason
    assert "version 1 runs another image" in release.state().reason
    assert release.state().passed == ()
    assert "version 1 runs 2 images at once" in next_one.state().reason
    assert next_one.state().polls == ()
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "1"
    assert Counter(each.status for each in asked) == {200: len(asked)}
