"""What a data scientist may, whole: release the team's endpoints, and read how they go."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from cluster.api import Api
from cluster.argo import ArgoEngine
from cluster.endpoints import ConfiguredEndpoints
from cluster.kinds import (
    CONFIG_MAP,
    DECISION,
    HTTP_ROUTE,
    INFERENCE_SERVICE,
    LEASE,
    POD,
    SECRET,
    SERVICE,
    WORKFLOW,
    Kind,
    Object,
)
from cluster.settings import SYSTEM
from cluster.workflows import workflow
from components.errors import PlatformError
from components.platform.memory import World
from tests.manifests.conftest import OTHER
from tests.manifests.test_access import NAMESPACES, listing
from tests.support.accounts import as_account, as_user, rendered, rights
from tests.support.endpoints import endpoint
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TEAM, RUNS, GROUP = "demo", "demo-runs", "demo-scientists"
RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"
ROLE, BINDING = Kind(RBAC, "Role", "roles"), Kind(RBAC, "RoleBinding", "rolebindings")
JOB, CRON_JOB = Kind("batch/v1", "Job", "jobs"), Kind("batch/v1", "CronJob", "cronjobs")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
TEMPLATE = Kind("argoproj.io/v1alpha1", "WorkflowTemplate", "workflowtemplates")
CRON = Kind("argoproj.io/v1alpha1", "CronWorkflow", "cronworkflows")
TOKEN = Kind("v1", "TokenRequest", "serviceaccounts/sluice-step/token")
POLICIES = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
POLICY = "sluice-releases-by-template"

MAY: dict[str, dict[str, str]] = {
    TEAM: {
        "configmaps": "get list",
        "services": "get list",
        "pods": "list",
        "secrets/sluice-store-reader": "get",
        "events": "list",
        "endpointslices": "list",
        "leases": "get list",
        "decisions": "get list",
        "inferenceservices": "get list",
        "httproutes": "get list",
        "securitypolicies": "get",
        "deployments": "list",
        "scaledobjects": "get list",
    },
    RUNS: {"workflows": "get list create patch", "pods": "get list", "pods/log": "get"},
    SYSTEM: {
        "configmaps/sluice": "get",
        "deployments": "list",
        "statefulsets": "list",
        "services": "get",
        "pods": "list",
        "pods/portforward": "get create",
        "gateways": "get",
        "envoypatchpolicies": "get",
    },
}
"""By namespace: the verbs for each resource. In all other places: nothing."""


@pytest.fixture(scope="module")
def ada(installed: Api) -> Iterator[Api]:
    """One of the team's data scientists, where what a workflow may say is limited."""
    for each in rendered("embedded"):
        if each["kind"] in POLICIES and each["metadata"]["name"] == POLICY:
            installed.apply(Kind(ADMISSION, each["kind"], POLICIES[each["kind"]]), "", each)
    with closing(as_user(installed, "ada", GROUP)) as api:
        bad = own_workflow(serviceAccountName="sluice-reconcile")
        wait_until(lambda: "nothing else" in refusal(api, WORKFLOW, RUNS, bad), 60, "the policy")
        yield api


def refusal(api: Api, kind: Kind, namespace: str, made: Object) -> str:
    """Why an object is not taken; empty if it would be."""
    try:
        api._write("POST", kind.path(namespace), made, dryRun="All")
    except PlatformError as error:
        return str(error)
    return ""


def own_workflow(**spec: Any) -> Object:
    """A workflow of somebody's own."""
    made = workflow("rel-demo-v2-9", endpoint("demo"), "2", "rel-demo-v2-9")
    return made | {"spec": made["spec"] | spec}


def test_she_may_what_the_table_says_and_nothing_else(installed: Api, ada: Api) -> None:
    with closing(as_account(installed, OTHER, "nobody")) as nobody:
        everybody = rights(nobody, OTHER)
    for namespace in NAMESPACES:
        wanted = listing(MAY.get(namespace, {}))
        assert rights(ada, namespace) - everybody == wanted - everybody, namespace


def test_she_releases_the_team_s_endpoint_follows_it_and_stops_it(installed: Api, ada: Api) -> None:
    text = endpoint("hers").model_dump_json()
    ConfiguredEndpoints(installed, TEAM).apply(text, "a test")
    known = ConfiguredEndpoints(ada, TEAM)
    assert known.load("hers").name == "hers"
    # The file that everybody has is no change of it.
    assert known.apply(text, "a test").name == "hers"
    engine = ArgoEngine(ada, TEAM, World().platform)
    ada.create(WORKFLOW, RUNS, workflow("rel-hers-v2-1", endpoint("hers"), "2", "rel-hers-v2-1"))
    [run] = [each for each in engine.running() if each.name == "rel-hers-v2-1"]
    engine.stop(run)
    assert engine.alive(run)
    installed.delete(WORKFLOW, RUNS, run.name)
    with pytest.raises(PlatformError, match="ask for the role"):
        known.apply(endpoint("hers", release={"watch": "1h"}).model_dump_json(), "a test")


POD_SPEC = {"containers": [{"name": "a", "image": "a"}], "serviceAccountName": "sluice-step"}
TEMPLATED = {"template": {"spec": {**POD_SPEC, "restartPolicy": "Never"}}}
OBJECTS: Mapping[str, tuple[Kind, Mapping[str, Any]]] = {
    "pod": (POD, {"spec": POD_SPEC}),
    "job": (JOB, {"spec": TEMPLATED}),
    "cronjob": (CRON_JOB, {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": TEMPLATED}}}),
    "deployment": (
        DEPLOYMENT,
        {
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
            }
        },
    ),
    "workflow template": (TEMPLATE, {"spec": {}}),
    "cron workflow": (CRON, {"spec": {"schedules": ["* * * * *"], "workflowSpec": {}}}),
    "route": (HTTP_ROUTE, {"spec": {}}),
    "secret": (SECRET, {}),
    "service": (SERVICE, {"spec": {"ports": [{"port": 80}]}}),
    "endpoint": (CONFIG_MAP, {}),
    "lease": (LEASE, {}),
    "predictor": (INFERENCE_SERVICE, {"spec": {"predictor": {}}}),
    "decision": (
        DECISION,
        {"spec": {"release": "r", "number": 1, "says": "approve", "by": "ada"}},
    ),
    "role": (ROLE, {"rules": []}),
    "binding": (
        BINDING,
        {"roleRef": {"apiGroup": RBAC.partition("/")[0], "kind": "ClusterRole", "name": "admin"}},
    ),
    "token": (TOKEN, {"spec": {"audiences": []}}),
}


@pytest.mark.parametrize("namespace", [TEAM, RUNS, SYSTEM, OTHER])
@pytest.mark.parametrize("what", OBJECTS)
def test_she_makes_nothing_else_anywhere(ada: Api, what: str, namespace: str) -> None:
    kind, content = OBJECTS[what]
    made = kind.object({"name": "mine"}, **content)
    assert "ask for the role" in refusal(ada, kind, namespace, made)


@pytest.mark.parametrize("namespace", [TEAM, SYSTEM, OTHER])
def test_she_releases_nowhere_else(ada: Api, namespace: str) -> None:
    assert "ask for the role" in refusal(ada, WORKFLOW, namespace, own_workflow())


@pytest.mark.parametrize(
    "spec",
    [
        {"serviceAccountName": "sluice-reconcile"},
        {"templates": [{"name": "mine", "suspend": {}}], "entrypoint": "mine"},
        {"podSpecPatch": "{}"},
        {"workflowTemplateRef": {"name": "reconcile"}},
    ],
)
def test_no_workflow_of_her_own_runs_as_an_account_of_ours(
    ada: Api, spec: Mapping[str, Any]
) -> None:
    assert "the API server refuses" in refusal(ada, WORKFLOW, RUNS, own_workflow(**spec))


CHANGES: Mapping[str, Callable[[Api], object]] = {
    "a key of the team's": lambda api: api.get(SECRET, TEAM, "sluice-keys"),
    "the key that writes records": lambda api: api.get(SECRET, TEAM, "sluice-store"),
    "all secrets": lambda api: api.list(SECRET, TEAM),
    "a secret of the system's": lambda api: api.get(SECRET, SYSTEM, "sluice-relay"),
    "a route": lambda api: api.merge(HTTP_ROUTE, TEAM, "hers", {"metadata": {"labels": {}}}),
    "a lease": lambda api: api.delete(LEASE, TEAM, "hers"),
    "a workflow": lambda api: api.delete(WORKFLOW, RUNS, "rel-hers-v2-1"),
    "another team's": lambda api: api.list(HTTP_ROUTE, OTHER),
    "all teams'": lambda api: api.list(HTTP_ROUTE, ""),
}


@pytest.mark.parametrize("what", CHANGES)
def test_she_neither_reads_nor_changes_what_is_not_hers(ada: Api, what: str) -> None:
    with pytest.raises(PlatformError, match="ask for the role"):
        CHANGES[what](ada)


def test_she_acts_as_nobody_else(installed: Api, ada: Api) -> None:
    """Who may impersonate is asked of the API server; the tests' own way of asking needs it."""
    review = Kind("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews")
    for resource in ("users", "groups", "serviceaccounts"):
        asked = {"verb": "impersonate", "resource": resource, "namespace": RUNS}
        made = review.object({}, spec={"resourceAttributes": asked})
        assert ada.create(review, "", made)["status"]["allowed"] is False
        assert installed.create(review, "", made)["status"]["allowed"] is True
