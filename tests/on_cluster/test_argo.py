"""What becomes of a release when Argo's part of it is stopped, deleted or lost in mid-canary."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.kinds import POD, WORKFLOW, Kind
from components.record import Noted, of
from components.step_cli import TERMINATED
from tests.support.present import present
from tests.support.releases import users
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

TEMPLATE = Kind("argoproj.io/v1alpha1", "WorkflowTemplate", "workflowtemplates")
RPS = 20
NEXT = "2"
"""Better than version 1, which has the endpoint's traffic."""
QUICK: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "60s",
    "poll": "2s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 200, "p95_ratio": 10},
}


@pytest.fixture(scope="module")
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released by its alias."""
    with released(*place, "argo", by_alias=True, **QUICK) as made:
        yield made


def test_a_workflow_that_is_stopped_ends_its_release_at_once(team: Road, tmp_path: Path) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(NEXT)
        team.watches(release)
        team.api.merge(WORKFLOW, team.runs, release.release_id, {"spec": {"shutdown": "Stop"}})
        assert team.ended(release) == "error"
    [watch] = team.nodes(release, "watch")
    assert watch["outputs"]["exitCode"] == str(TERMINATED)

    def phases() -> list[str]:
        return [each["phase"] for each in team.nodes(release, "finalize")]

    # The record is closed before the pod that closed it has ended.
    wait_until(lambda: phases() == ["Succeeded"], 60, "the end of finalize")


@pytest.mark.long
def test_a_workflow_that_is_deleted_is_ended_by_the_reaper(team: Road, tmp_path: Path) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(NEXT)
        team.watches(release)
        team.api.delete(WORKFLOW, team.runs, release.release_id)
        assert team.ended(release) == "error"
    said = [each.detail for each in of(release.lines(), Noted) if each.event == "reaped"]
    assert len(said) == 1
    assert "was silent" in said[0]


@pytest.mark.long
def test_a_watch_whose_pod_is_deleted_sees_sigterm_and_goes_on_in_another_one(
    team: Road, tmp_path: Path
) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(NEXT)
        team.watches(release)
        [lost] = team.pods(release, "watch")
        team.api.delete(POD, team.runs, lost["metadata"]["name"])
        assert team.ended(release) == "promoted", release.state().reason
    # Argo makes one that it saw start just now anew, by its name, and else a node and a pod more.
    *_, other = team.pods(release, "watch")
    assert other["metadata"]["uid"] != lost["metadata"]["uid"]
    assert other["status"]["phase"] == "Succeeded"


@pytest.mark.long
def test_templates_that_are_applied_again_change_nothing_for_a_release_that_runs(
    team: Road, tmp_path: Path
) -> None:
    """As each upgrade of Sluice does, which names other images."""
    with users(team.file, tmp_path / "users.jsonl", RPS):
        release = team.candidate(NEXT)
        wait_until(release.exists, LONGEST_S, "its first line")
        template = team.workflow(release)["spec"]["workflowTemplateRef"]["name"]
        before = present(team.api.get(TEMPLATE, team.runs, template))["spec"]
        changed = {"activeDeadlineSeconds": before["activeDeadlineSeconds"] - 1}
        team.api.merge(TEMPLATE, team.runs, template, {"spec": changed})
        try:
            assert team.ended(release) == "promoted", release.state().reason
            wait_until(lambda: team.workflow(release)["status"]["phase"] == "Succeeded", 60)
        finally:
            back = {"activeDeadlineSeconds": before["activeDeadlineSeconds"]}
            team.api.merge(TEMPLATE, team.runs, template, {"spec": back})
