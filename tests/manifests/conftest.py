"""An installation's accounts on a real API server."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from cluster.api import Api, Conflict
from cluster.kinds import NAMESPACE, Kind
from tests.support.accounts import rendered

RBAC = "rbac.authorization.k8s.io/v1"
ACCESS = (
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind(RBAC, "ClusterRole", "clusterroles"),
    Kind(RBAC, "Role", "roles"),
    Kind(RBAC, "ClusterRoleBinding", "clusterrolebindings"),
    Kind(RBAC, "RoleBinding", "rolebindings"),
)
OTHER = "other"
"""A namespace of somebody else's."""


@pytest.fixture(scope="session")
def installed(kubernetes: Api) -> Iterator[Api]:
    """The accounts of the embedded overlay, and what they may; nothing else of it."""
    objects = rendered("embedded")
    namespaces = [each for each in objects if each["kind"] == NAMESPACE.name]
    elsewhere = [
        NAMESPACE.object({"name": name}) for name in ("envoy-gateway-system", "keda", OTHER)
    ]
    made = []
    for each in (*namespaces, *elsewhere):
        with suppress(Conflict):  # that of a cluster with an installation
            kubernetes.create(NAMESPACE, "", each)
            made.append(each["metadata"]["name"])
    for kind in ACCESS:
        for each in objects:
            if each["kind"] == kind.name:
                kubernetes.apply(kind, each["metadata"].get("namespace", ""), each)
    yield kubernetes
    for name in made:
        kubernetes.delete(NAMESPACE, "", name)
