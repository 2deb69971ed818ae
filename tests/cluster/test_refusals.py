"""What the API server's refusals mean, in the words of Kubernetes 1.33 and of known webhooks."""

import httpx
import pytest

from cluster.refusals import Conflict, Expired, Invalid, Missing, NoKind, refusal
from components.errors import PlatformError, Unreachable

PATH = "/apis/keda.sh/v1alpha1/namespaces/demo/scaledobjects"
ROLE = "ask for the role in manifests/ that may"
RULE = "meet that rule, or ask whoever set it for an exception"
ADMISSION = "meet that rule, or ask whoever runs the cluster for an exception"
QUOTA = "kubectl describe resourcequota"
NOT_INSTALLED = f"{PATH} is of no kind that is installed: see 'sluice status'"
LATER = "cannot answer now"


@pytest.mark.parametrize(
    ("status", "message", "kind", "mend"),
    [
        (
            403,
            'pods is forbidden: User "eve" cannot list resource "pods" in API group "" in the'
            ' namespace "demo"',
            PlatformError,
            ROLE,
        ),
        (403, 'forbidden: User "system:anonymous" cannot get path "/version"', PlatformError, ROLE),
        (
            403,
            'users "a" is forbidden: User "eve" cannot impersonate resource "users" in API group ""'
            " at the cluster scope",
            PlatformError,
            ROLE,
        ),
        (
            403,
            'rolebindings.rbac.authorization.k8s.io "a" is forbidden: user "eve" (groups=["g"]) is'
            " attempting to grant RBAC permissions not currently held",
            PlatformError,
            ROLE,
        ),
        (
            403,
            'leases.coordination.k8s.io "demo" is forbidden: cannot set blockOwnerDeletion if an'
            " ownerReference refers to a resource you can't set finalizers on: , <nil>",
            PlatformError,
            ROLE,
        ),
        (
            403,
            'pods "a" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=4, limited:'
            " cpu=4",
            PlatformError,
            QUOTA,
        ),
        (403, 'pods "a" is forbidden: failed quota: small: must specify cpu', PlatformError, QUOTA),
        (
            403,
            'configmaps "demo" is forbidden: unable to create new content in namespace demo because'
            " it is being terminated",
            PlatformError,
            "wait until it has gone",
        ),
        (
            403,
            'admission webhook "validation.gatekeeper.sh" denied the request: [labels] you must'
            " provide labels: owner",
            Invalid,
            RULE,
        ),
        (
            400,
            'admission webhook "validate.kyverno.svc-fail" denied the request: resource was'
            " blocked: exceeded quota of User a cannot",
            Invalid,
            RULE,
        ),
        (
            422,
            "deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding"
            " 'all' denied request: failed expression: object.spec.replicas <= 5",
            Invalid,
            RULE,
        ),
        (
            403,
            'pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            Invalid,
            ADMISSION,
        ),
        (
            403,
            'pods "a" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
            Invalid,
            ADMISSION,
        ),
        (403, None, PlatformError, "what stands before it, must let you in"),
        (413, "Request entity too large: limit is 3145728", Invalid, "make it smaller"),
        (413, None, Invalid, "make it smaller"),
        (500, "etcdserver: request is too large", Invalid, "make it smaller"),
        (
            500,
            'Internal error occurred: failed calling webhook "x": connection refused',
            Unreachable,
            LATER,
        ),
        (
            500,
            'admission webhook "validation.gatekeeper.sh" denied the request: failed to get',
            Unreachable,
            LATER,
        ),
        (302, None, PlatformError, "see the server in the kubeconfig"),
        (404, None, Unreachable, f"{PATH} is not answered as an API server does"),
        (404, "the server could not find the requested resource", NoKind, NOT_INSTALLED),
        (404, 'leases.coordination.k8s.io "demo" not found', Missing, '"demo" not found'),
        (401, "Unauthorized", Unreachable, "log in again"),
        (408, "Timeout: request did not complete within the allotted timeout", Unreachable, LATER),
        (409, "the object has been modified", Conflict, "has been modified"),
        (410, "The provided continue parameter is too old", Expired, LATER),
        (429, None, Unreachable, LATER),
        (503, None, Unreachable, LATER),
        (500, None, Unreachable, LATER),
        (405, None, PlatformError, "405 Method Not Allowed"),
        (500, "failed to create typed patch object (demo/x): .dota: not declared", Invalid, "dota"),
    ],
)
def test_each_refusal_is_of_its_kind_and_names_its_own_mend(
    status: int, message: str | None, kind: type[PlatformError], mend: str
) -> None:
    said = {"kind": "Status", "message": message}
    answer = httpx.Response(status, json=said) if message else httpx.Response(status, text="<html>")
    found = refusal(answer, PATH)
    assert type(found) is kind
    assert mend in str(found)
    assert (ROLE in str(found)) == (mend == ROLE)
    assert len(str(found).splitlines()) == 1


def test_a_group_that_nobody_defines_is_told_in_plain_text() -> None:
    found = refusal(httpx.Response(404, text="404 page not found\n"), PATH)
    assert type(found) is NoKind
    assert str(found).endswith(NOT_INSTALLED)
