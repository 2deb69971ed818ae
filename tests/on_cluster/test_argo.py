"""An alias in MLflow, and no other command: the releases that Argo runs, and what becomes of them
when what runs them is stopped, deleted or lost."""

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.api import Api
from cluster.kinds import POD, WORKFLOW
from components.platform import Platform
from components.record import Noted, of
from components.registry import names
from components.step_cli import TERMINATED
from tests.support.releases import sluice, users
from tests.support.rigs import KubernetesRig
from tests.support.road import MODEL, Road, road
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

RPS = 20
OTHER = "3"
"""Slower than version 2, and as good where no latency decides."""
QUICK = {
    "steps": [50, 100],
    "watch": "60s",
    "poll": "2s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 200, "p95_ratio": 10},
}


@pytest.fixture(scope="module")
def prepared(on_cluster: KubernetesRig) -> Platform:
    """The platform with the example models registered, and a client who may ask."""
    done = sluice("prepare", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    if "demo" not in on_cluster.platform.gateway.clients():
        on_cluster.platform.gateway.add("demo")
    return on_cluster.platform


@pytest.fixture(scope="module")
def team(
    prepared: Platform,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    """An endpoint whose version 1 was released by its alias."""
    folder = tmp_path_factory.getbasetemp() / f"argo-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    made = road(prepared, kubernetes, on_cluster.namespace, folder, **QUICK)
    try:
        first = made.candidate("1")
        assert made.ended(first) == "promoted", first.state().reason
        yield made
    finally:
        made.remove()


def test_the_three_verdicts_come_of_an_alias_alone_and_every_request_is_accounted_for(
    team: Road, tmp_path: Path
) -> None:
    registry = team.platform.registry
    with users(team.file, tmp_path / "users.jsonl", RPS, mix="production") as seen:
        promoted = team.candidate("2")
        assert team.ended(promoted) == "promoted", promoted.state().reason
        assert registry.alias(MODEL, names.CHAMPION) == "2"
        refused = team.candidate("1")
        assert team.ended(refused) == "rolled_back", refused.state().reason
        assert not refused.state().polls  # no user met it
        failing = team.candidate("4")
        assert team.ended(failing) == "rolled_back", failing.state().reason
        assert failing.state().polls
    assert registry.alias(MODEL, names.CHAMPION) == "2"
    assert team.platform.traffic.weights(team.endpoint) == {"2": 100}
    answered = Counter(each.version for each in seen.answers() if each.version)
    assert answered.keys() == {"1", "2", "4"}
    assert {each.version for each in seen.answers() if each.status >= 500} <= {"4"}
    wait_until(
        lambda: counted(team, [*answered]) == answered, 60, "the gateway's counters to agree"
    )
    workflow = team.workflow(promoted)
    assert workflow["status"]["phase"] == "Succeeded"


def counted(team: Road, versions: list[str]) -> Counter[str | None]:
    """Requests of each version, as the gateway counts them."""
    read = team.platform.metrics.sample(team.endpoint, versions, 60.0).versions
    return Counter(
        {
            version: round(sum(each.requests for each in sources.values() if each))
            for version, sources in read.items()
        }
    )


def test_a_workflow_that_is_stopped_ends_its_release_at_once(team: Road, tmp_path: Path) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(OTHER)
        team.watches(release)
        team.api.merge(WORKFLOW, team.runs, release.release_id, {"spec": {"shutdown": "Stop"}})
        assert team.ended(release) == "error"
    [watch] = team.nodes(release, "watch")
    assert watch["outputs"]["exitCode"] == str(TERMINATED)
    assert [each["phase"] for each in team.nodes(release, "finalize")] == ["Succeeded"]


def test_a_workflow_that_is_deleted_is_ended_by_the_reaper(team: Road, tmp_path: Path) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(OTHER)
        team.watches(release)
        team.api.delete(WORKFLOW, team.runs, release.release_id)
        assert team.ended(release) == "error"
    said = [each.detail for each in of(release.lines(), Noted) if each.event == "reaped"]
    assert len(said) == 1
    assert "was silent" in said[0]


def test_a_watch_whose_pod_is_deleted_sees_sigterm_and_goes_on_in_another_one(
    team: Road, tmp_path: Path
) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(OTHER)
        team.watches(release)
        [pod] = team.pods(release, "watch")
        team.api.delete(POD, team.runs, pod["metadata"]["name"])
        assert team.ended(release) == "promoted", release.state().reason
    assert [node["phase"] for node in team.nodes(release, "watch")] == ["Error", "Succeeded"]
