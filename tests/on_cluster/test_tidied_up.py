"""A champion whose files were tidied up: all looks well until one of its pods must start anew."""

import json
import re
import shlex
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import obstore
import pytest

from cluster.api import Api
from cluster.kinds import POD
from cluster.names import predictor_name
from components.platform import Platform
from components.platform.object_store import listing
from components.platform.objects import ObjectFiles
from tests.support.killing import pods
from tests.support.present import present
from tests.support.releases import MODEL, sluice
from tests.support.rigs import KubernetesRig
from tests.support.road import Road, road
from tests.support.scaled import OUT_S, has, replicas
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

RPS = 10
AGAIN_S = 240.0
"""The kubelet tries a start again after 10, 20, 40... s: so late at most, once the files are
there."""
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "10s",
    "poll": "2s",
    "lease": "60s",
    "judge": {"method": "threshold", "min_requests": 40, "p95_ratio": 10},
}


@pytest.fixture
def team(
    prepared: Platform, kubernetes: Api, on_cluster: KubernetesRig, tmp_path: Path
) -> Iterator[Road]:
    """An endpoint whose version 1 was released with two predictors, from files of its own."""
    folder = tmp_path / f"tidied-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    place = prepared, kubernetes, on_cluster.namespace, folder
    two = {"scaling": {"min": 2, "max": 2}}
    made = road(*place, versions=(), serving=two, **RELEASE)
    try:
        files = example(prepared, tmp_path / "example")
        # Versions of the same files share them in the store, and others serve the example's.
        own = files | {"own.txt": made.endpoint.encode()}
        assert on_cluster.register(made.endpoint, own) == "1"
        with made.begun("1", watched=0) as first:
            assert made.ended(first) == "promoted", first.state().reason
        has(on_cluster, made.endpoint, 2, OUT_S)
        yield made
    finally:
        made.remove()


def example(platform: Platform, folder: Path) -> dict[str, bytes]:
    """The files of the example model's first version."""
    platform.registry.download(MODEL, "1", folder)
    found = [each for each in folder.rglob("*") if each.is_file()]
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in found}


def tidy_up(team: Road) -> None:
    """Delete the files of version 1 from the store."""
    store = cast(ObjectFiles, team.platform.files).store
    digest = present(team.platform.serving.stored(team.endpoint, "1")).digest
    found = listing(store, f"versions/{digest}")
    assert found
    obstore.delete(store, found)


def status(team: Road) -> tuple[str, list[str]]:
    """What `sluice status` shows of the endpoint's predictors, and what it warns of there."""
    done = sluice("status", "--json")
    found = json.loads(done.stdout)
    [shown] = [each for each in found["endpoints"] if each["name"] == team.endpoint]
    warned = [each for each in found["warnings"] if team.endpoint in each]
    assert not warned or done.returncode == 1
    return shown["predictors"], warned


def test_that_no_further_pod_can_start_is_told_and_what_is_told_mends_it(
    team: Road, on_cluster: KubernetesRig, kubernetes: Api
) -> None:
    label = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, "1")}

    def uids() -> set[str]:
        return {each["metadata"]["uid"] for each in pods(kubernetes, team.team, label)}

    def why() -> str:
        return replicas(on_cluster, team.endpoint).why

    assert status(team) == ("1: 2", [])
    with asking(team.platform, team.endpoint, on_cluster.key, RPS) as asked:
        tidy_up(team)
        shown, [warning] = status(team)
        assert shown == "1: 2"
        assert "no further pod of it can start" in warning
        lost, kept = (each["metadata"] for each in pods(kubernetes, team.team, label))
        kubernetes.delete(POD, team.team, lost["name"])
        wait_until(lambda: "the store has no files" in why(), 120, "a pod that cannot start")
        assert status(team) == ("1: 1 of 2", [warning])
        mend = present(re.search("'sluice ([^']+)'", warning))[1]
        done = sluice(*shlex.split(mend), timeout=400)
        assert done.returncode == 0, done.stdout + done.stderr
        has(on_cluster, team.endpoint, 2, AGAIN_S)
        wait_until(lambda: lost["uid"] not in uids(), 60, "the end of the pod that was deleted")
    assert status(team) == ("1: 2", [])
    assert kept["uid"] in uids()
    assert Counter((each.status, each.version) for each in asked) == {(200, "1"): len(asked)}
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
