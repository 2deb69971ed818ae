"""Releases that wait for a person, who has an account of the cluster's own and no other name."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.api import Api
from cluster.kinds import DECISION, WORKFLOW
from cluster.settings import SYSTEM
from cluster.teams import runs
from components.errors import PlatformError
from components.platform import Platform
from components.record import Decided, of
from tests.support.accounts import as_user
from tests.support.people import Person, person
from tests.support.releases import Recorded, sluice, users
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Road, road
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

RPS = 10
NEXT = "2"
"""Better than version 1, which has the endpoint's traffic."""
LEASE_S = 60
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "10s",
    "poll": "2s",
    "lease": f"{LEASE_S}s",
    "approval": "required",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 40, "p95_ratio": 10},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.getbasetemp() / f"asks-{uuid.uuid4().hex[:6]}"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def alice(kubernetes: Api, on_cluster: KubernetesRig, folder: Path) -> Iterator[Person]:
    """May see and approve, and begin runs; no traffic is hers to move."""
    team = on_cluster.namespace
    roles = {
        team: ("sluice:viewer", "sluice:approver"),
        SYSTEM: ("sluice-viewer",),
        runs(team): ("sluice:releaser",),
    }
    with person(kubernetes, team, f"alice-{folder.name}", roles, folder) as found:
        yield found


@pytest.fixture(scope="module")
def team(
    prepared: Platform, kubernetes: Api, on_cluster: KubernetesRig, folder: Path
) -> Iterator[Road]:
    """An endpoint whose releases ask for approval, and that has none yet."""
    made = road(prepared, kubernetes, on_cluster.namespace, folder, **RELEASE)
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def first(team: Road, alice: Person, kubernetes: Api) -> Recorded:
    """The release of version 1, which nobody but Alice could approve."""
    with team.begun("1", watched=0) as release:
        waits(team, release)
        assert team.platform.traffic.weights(team.endpoint) == {}
        assert "own name" in refused(kubernetes, team, release)
        approved = alice.says("approve", release.release_id, "--reason", "seen", "--json")
        assert approved.returncode == 0, approved.stdout + approved.stderr
        assert json.loads(approved.stdout)["by"] == alice.name
        assert team.ended(release) == "promoted", release.state().reason
    return release


def waits(team: Road, release: Recorded) -> None:
    """Wait until its promotion is held for approval."""

    def held() -> bool:
        return release.exists() and release.state().standing.waits_for_approval

    wait_until(held, LONGEST_S, "a promotion that is held")
    lease = team.platform.leases.read(team.endpoint)
    assert lease is not None
    assert lease.waits.startswith("it waits for approval")


def refused(api: Api, team: Road, release: Recorded) -> str:
    """Why the API server does not take an approval in another one's name, of its administrator."""
    spec = {"release": release.release_id, "number": 1, "says": "approve", "by": "alice"}
    made = DECISION.object({"name": f"forged-{uuid.uuid4().hex[:8]}"}, spec=spec)
    try:
        api.create(DECISION, team.team, made)
    except PlatformError as error:
        return str(error)
    return ""


def decided(release: Recorded) -> list[tuple[str, str, str]]:
    """What people decided of it, as its record has it."""
    return [(each.says, each.by, each.reason) for each in of(release.lines(), Decided)]


def test_a_release_goes_on_when_somebody_has_approved_it_in_the_own_name(
    first: Recorded, alice: Person, team: Road
) -> None:
    assert decided(first) == [("approve", alice.name, "seen")]
    assert team.platform.decisions.read(first.release_id) == []
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}


def test_who_has_no_role_cannot_approve(
    first: Recorded, kubernetes: Api, on_cluster: KubernetesRig
) -> None:
    spec = {"release": first.release_id, "number": 9, "says": "approve", "by": "eve"}
    made = DECISION.object({"name": f"eve-{uuid.uuid4().hex[:8]}"}, spec=spec)
    with (
        closing(as_user(kubernetes, "eve")) as eve,
        pytest.raises(PlatformError, match="forbidden"),
    ):
        eve.create(DECISION, on_cluster.namespace, made)


@contextmanager
def held(team: Road, tmp_path: Path) -> Iterator[Recorded]:
    """A canary that has passed its watch, whose promotion waits, run by Argo and asked by users."""
    with users(team.file, tmp_path / "users.jsonl", RPS) as asked:
        release = team.candidate(NEXT)
        waits(team, release)
        assert team.platform.traffic.weights(team.endpoint) == {"1": 50, "2": 50}
        yield release
        answers = asked.answers()
    assert {each.status for each in answers} == {200}


@pytest.mark.parametrize("is_there", [True, False], ids=["suspended", "deleted"])
def test_a_rejection_ends_a_release_whether_its_workflow_is_there_or_not(
    first: Recorded, alice: Person, team: Road, tmp_path: Path, is_there: bool
) -> None:
    with held(team, tmp_path) as release:
        if not is_there:
            team.api.delete(WORKFLOW, team.runs, release.release_id)
        done = alice.says("reject", release.release_id, "--reason", "wrong labels")
        assert done.returncode == 0, done.stdout + done.stderr
        # Hers is the word, not the traffic: the run's next poll has it, or the reaper.
        assert "gives the traffic back" in done.stdout
        assert team.ended(release) == "rolled_back", release.state().reason
        assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert "wrong labels" in release.state().reason
    assert alice.name in release.state().reason


def test_a_rejection_of_who_may_move_traffic_gives_it_back_before_anything_else(
    first: Recorded, team: Road, tmp_path: Path
) -> None:
    """The workflow is gone: nobody but the command itself can have done it."""
    with held(team, tmp_path) as release:
        team.api.delete(WORKFLOW, team.runs, release.release_id)
        done = sluice("reject", release.release_id, "--reason", "no")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "in force: version 1 100%" in done.stdout
        assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
        assert team.ended(release) == "rolled_back", release.state().reason


def test_who_approves_in_time_is_waited_for_no_longer_than_that(
    first: Recorded, prepared: Platform, kubernetes: Api, on_cluster: KubernetesRig, tmp_path: Path
) -> None:
    folder = tmp_path / f"late-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    made = road(
        prepared, kubernetes, on_cluster.namespace, folder, **{**RELEASE, "approval_within": "1m"}
    )
    try:
        with made.begun("1", watched=0) as release:
            waits(made, release)
            assert made.ended(release) == "held", release.state().reason
        assert release.state().reason == "nobody approved it within 1 min"
        assert made.platform.traffic.weights(made.endpoint) == {}
    finally:
        made.remove()


def test_an_approval_goes_on_in_a_new_run_when_the_workflow_was_deleted(
    first: Recorded, alice: Person, team: Road, tmp_path: Path
) -> None:
    with held(team, tmp_path) as release:
        team.api.delete(WORKFLOW, team.runs, release.release_id)
        done = alice.says("approve", release.release_id, "--reason", "all the same")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "its new run" in done.stdout
        assert team.ended(release) == "promoted", release.state().reason
        assert team.platform.traffic.weights(team.endpoint) == {"2": 100}
    assert decided(release) == [("approve", alice.name, "all the same")]
