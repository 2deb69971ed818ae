"""Who may decide of releases, and that nobody decides in another one's name."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cluster.access import find_access
from cluster.api import Api, Invalid
from cluster.argo import ArgoEngine
from cluster.decisions import KubernetesDecisions
from cluster.kinds import DECISION, LEASE, WORKFLOW, Kind, Object
from cluster.leases import KubernetesLeases
from cluster.workflows import release_of
from components.errors import InputError, PlatformError
from components.platform import Platform, Says
from components.platform.memory import Killed
from components.release import deciding
from tests.support.accounts import as_account, as_user, rendered
from tests.support.people import Person, person
from tests.support.present import present
from tests.support.waiting import wait_until
from tests.support.worlds import NAME, Scene, quick

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TEAM, RUNS = "demo", "demo-runs"
GROUP = "rbac.authorization.k8s.io"
BINDING = Kind(f"{GROUP}/v1", "RoleBinding", "rolebindings")
ADMISSION = "admissionregistration.k8s.io/v1"
POLICIES = (
    Kind(ADMISSION, "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    Kind(ADMISSION, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
)
POLICY = "sluice-decisions-are-the-caller-s"
ALICE, OSCAR, EVE = "alice+models@example.org", "oscar", "eve"
ROLES = {
    ALICE: ("sluice:viewer", "sluice:approver"),
    OSCAR: ("sluice:operator",),
    EVE: ("sluice:viewer", "sluice:releaser"),
}
As = Callable[[str], Api]


@pytest.fixture(scope="module")
def as_person(installed: Api) -> Iterator[As]:
    """The API server as people of several roles see it, with the policy in force."""
    for kind in POLICIES:
        (found,) = [
            each
            for each in rendered("embedded")
            if (each["kind"], each["metadata"]["name"]) == (kind.name, POLICY)
        ]
        installed.apply(kind, "", found)
    bound = []
    for number, (who, roles) in enumerate(ROLES.items()):
        for role in roles:
            name = f"decides-{number}-{role.partition(':')[2]}"
            made = BINDING.object(
                {"name": name},
                roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
                subjects=[{"apiGroup": GROUP, "kind": "User", "name": who}],
            )
            installed.apply(BINDING, TEAM, made)
            bound.append(name)
    with ExitStack() as stack:
        people = {who: stack.enter_context(closing(as_user(installed, who))) for who in ROLES}
        wait_until(lambda: "own name" in refused(people[ALICE], by="nobody"), 60, "the policy")
        yield people.__getitem__
    for name in bound:
        installed.delete(BINDING, TEAM, name)


def decision(by: str, says: Says = "approve", number: int = 1) -> Object:
    spec = {"release": "forged", "number": number, "says": says, "by": by}
    return DECISION.object({"name": f"forged-{number}"}, spec=spec)


def refused(api: Api, by: str, says: Says = "approve") -> str:
    """Why the API server does not take it; empty if it would."""
    try:
        api._write("POST", DECISION.path(TEAM), decision(by, says), dryRun="All")
    except PlatformError as error:
        return str(error)
    return ""


def test_who_has_the_role_approves_in_the_name_that_the_api_server_knows(
    as_person: As, installed: Api
) -> None:
    decisions = KubernetesDecisions(as_person(ALICE), TEAM)
    made = present(decisions.add("approved", 1, "approve", "seen by two"))
    assert made.by == ALICE
    assert decisions.read("approved") == [made]
    with closing(as_account(installed, "demo-runs", "sluice-step")) as step:
        own = KubernetesDecisions(step, TEAM)
        assert own.read("approved") == [made]
        own.clear("approved")
        assert own.read("approved") == []


def test_an_account_with_a_token_of_its_own_decides_as_what_it_is(
    as_person: As, installed: Api, tmp_path: Path
) -> None:
    """By a kubeconfig, as `sluice approve` finds it; no way leads past the own name."""
    roles = {TEAM: ("sluice:viewer", "sluice:approver")}
    with person(installed, TEAM, "carol", roles, tmp_path) as carol:
        found = find_access({"KUBECONFIG": str(carol.kubeconfig)})
        with closing(Api(found)) as own:
            made = present(KubernetesDecisions(own, TEAM).add("by-token", 1, "reject", ""))
            assert made.by == carol.name == "system:serviceaccount:demo:carol"
            assert "own name" in refused(own, by=ALICE)
            with pytest.raises(PlatformError, match="forbidden"):
                own.delete(DECISION, TEAM, "by-token-1")
    KubernetesDecisions(installed, TEAM).clear("by-token")


@dataclass(frozen=True)
class Waiting:
    """A release that waits for approval, whose run is gone, as its approver sees it.

    Its lease, its decisions and its runs are the API server's, all else is a memory platform's.
    """

    found: Scene
    who: Person
    platform: Platform
    engine: ArgoEngine


@pytest.fixture
def waiting(as_person: As, installed: Api, tmp_path: Path) -> Iterator[Waiting]:
    found = quick(approval="required", approval_within="10m")

    def die() -> None:
        raise Killed("the workflow was deleted")

    found.world.clock.after(300.0, die)
    with pytest.raises(Killed):
        found.walk("2", "r")
    KubernetesLeases(installed, TEAM).swap(NAME, None, present(found.lease))
    roles = {TEAM: ("sluice:viewer", "sluice:approver"), RUNS: ("sluice:releaser",)}
    with person(installed, TEAM, "dora", roles, tmp_path) as dora:
        seen = find_access({"KUBECONFIG": str(dora.kubeconfig)})
        with closing(Api(seen)) as own:
            platform = replace(
                found.world.platform,
                leases=KubernetesLeases(own, TEAM),
                decisions=KubernetesDecisions(own, TEAM),
            )
            yield Waiting(found, dora, platform, ArgoEngine(own, TEAM, platform))
    KubernetesDecisions(installed, TEAM).clear("r")
    installed.delete(LEASE, TEAM, NAME)


def test_an_approver_s_own_rights_begin_the_run_that_goes_on(
    waiting: Waiting, installed: Api, as_person: As
) -> None:
    assert deciding.approve(waiting.platform, "r", "seen").by == waiting.who.name
    with pytest.raises(InputError, match=f"was approved by {waiting.who.name}"):
        deciding.approve(waiting.platform, "r", "")
    nobody = ArgoEngine(as_person(ALICE), TEAM, waiting.platform)  # approves, and begins no runs
    with pytest.raises(PlatformError, match=r"workflows.*forbidden"):
        deciding.carry_on(waiting.platform, nobody, "r")
    said = deciding.carry_on(waiting.platform, waiting.engine, "r")
    assert said == "nobody went on with it: its new run r does"
    assert release_of(present(installed.get(WORKFLOW, RUNS, "r"))) == "r"
    installed.delete(WORKFLOW, RUNS, "r")


def test_an_approver_rejects_and_moves_nothing(waiting: Waiting, installed: Api) -> None:
    before = waiting.found.weights
    done = deciding.reject(waiting.platform, "r", "wrong labels")
    assert (done.decision.by, done.done) == (waiting.who.name, None)
    assert "leases" in done.why
    assert "forbidden" in done.why
    assert waiting.found.weights == before
    # Whoever runs it, or the reaper, hears of it.
    with closing(as_account(installed, "sluice-system", "sluice-reaper")) as reaper:
        (heard,) = KubernetesDecisions(reaper, TEAM).read("r")
    assert heard == done.decision


@pytest.mark.parametrize("name", ["bob", "system:serviceaccount:demo-runs:sluice-step", "Alice"])
def test_nobody_decides_in_another_one_s_name(as_person: As, name: str) -> None:
    assert "own name" in refused(as_person(ALICE), by=name)
    assert "own name" in refused(as_person(OSCAR), by=name, says="pause")


@pytest.mark.parametrize(
    ("who", "says", "may"),
    [
        (ALICE, "approve", True),
        (ALICE, "reject", True),
        (ALICE, "pause", False),
        (ALICE, "resume", False),
        (OSCAR, "pause", True),
        (OSCAR, "resume", True),
        (OSCAR, "approve", False),
        (OSCAR, "reject", False),
    ],
)
def test_each_role_decides_what_is_its_own(as_person: As, who: str, says: Says, may: bool) -> None:
    said = refused(as_person(who), by=who, says=says)
    assert ("sluice:approver" in said) is not may, said


def test_a_number_cannot_be_taken_twice_by_another_name(as_person: As, installed: Api) -> None:
    api = as_person(ALICE)
    other = decision(by=ALICE)
    other["metadata"]["name"] = "forged-anew"
    with pytest.raises(PlatformError, match="is called RELEASE-NUMBER"):
        api.create(DECISION, TEAM, other)
    # Made by kubectl, by the right name and without a label, it is heard, and takes its number.
    api.create(DECISION, TEAM, decision(by=ALICE))
    decisions = KubernetesDecisions(api, TEAM)
    assert [each.number for each in decisions.read("forged")] == [1]
    assert decisions.add("forged", 1, "reject", "") is None
    long = present(decisions.add("Größe " * 20, 1, "approve", ""))
    for each in ("forged", long.release_id):
        KubernetesDecisions(installed, TEAM).clear(each)


@pytest.mark.parametrize("says", ["approve", "pause"])
def test_whoever_may_release_decides_nothing(as_person: As, says: Says) -> None:
    assert "ask for the role" in refused(as_person(EVE), by=EVE, says=says)


@pytest.mark.parametrize("account", ["sluice-step", "sluice-reaper"])
def test_no_account_of_ours_decides_anything(installed: Api, account: str) -> None:
    namespace = "demo-runs" if account == "sluice-step" else "sluice-system"
    with closing(as_account(installed, namespace, account)) as api:
        name = f"system:serviceaccount:{namespace}:{account}"
        assert "ask for the role" in refused(api, by=name)


def test_what_was_decided_is_changed_by_nobody(as_person: As, installed: Api) -> None:
    KubernetesDecisions(as_person(ALICE), TEAM).add("standing", 1, "approve", "")
    (found,) = [
        each for each in installed.list(DECISION, TEAM) if each["spec"]["release"] == "standing"
    ]
    changed = json.loads(json.dumps(found))
    changed["spec"]["says"] = "reject"
    with pytest.raises(Invalid, match="what was decided stands"):
        installed.replace(DECISION, TEAM, changed)
    with pytest.raises(PlatformError, match="ask for the role"):
        as_person(ALICE).delete(DECISION, TEAM, found["metadata"]["name"])
    KubernetesDecisions(installed, TEAM).clear("standing")


def test_an_approver_has_no_power_over_traffic(as_person: As) -> None:
    with pytest.raises(PlatformError, match="ask for the role"):
        as_person(ALICE).delete(LEASE, TEAM, "any")
    with pytest.raises(PlatformError, match="ask for the role"):
        as_person(ALICE).create(LEASE, TEAM, LEASE.object({"name": "any"}))
