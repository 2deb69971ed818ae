"""Teams are known by the labels of their namespaces, on a real API server."""

import uuid

import pytest

from cluster.api import Api
from cluster.kinds import NAMESPACE
from cluster.teams import ROLE, TEAM, namespaces, teams

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def test_a_team_is_a_namespace_that_serves(kubernetes: Api) -> None:
    name = f"team-{uuid.uuid4().hex[:8]}"
    roles = {name: "serving", f"{name}-runs": "runs"}
    for each, role in roles.items():
        labels = {TEAM: name, ROLE: role}
        kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": each, "labels": labels}))
    try:
        assert name in teams(kubernetes)
        assert f"{name}-runs" not in teams(kubernetes)
    finally:
        for each in roles:
            kubernetes.delete(NAMESPACE, "", each)


def test_a_namespace_is_known_without_a_label_and_while_it_is_deleted(kubernetes: Api) -> None:
    """This server has nobody who ends a deletion that was begun."""
    name = f"team-{uuid.uuid4().hex[:8]}"
    assert name not in namespaces(kubernetes)
    kubernetes.create(NAMESPACE, "", NAMESPACE.object({"name": name}))
    assert (name in teams(kubernetes), namespaces(kubernetes)[name]) == (False, True)
    kubernetes.delete(NAMESPACE, "", name)
    assert not namespaces(kubernetes)[name]
