"""Leases where the contract cannot look: lost answers, other people's edits, what kubectl shows."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from cluster.api import Api
from cluster.kinds import LEASE
from cluster.leases import KubernetesLeases
from cluster.names import annotation
from components.errors import Unreachable
from components.platform import Lease
from tests.support.wires import Losing, losing

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

OURS = Lease("lossy", "lossy-v2", "step 1", 90.5, {"1": 100})


@pytest.fixture
def lossy(kubernetes: Api, team: str) -> Iterator[tuple[KubernetesLeases, Losing]]:
    api, wire = losing(kubernetes)
    leases = KubernetesLeases(api, team)
    with closing(api):
        yield leases, wire
        wire.answers = wire.requests = 0
        present = leases.read(OURS.endpoint)
        if present:
            leases.swap(OURS.endpoint, present.token, None)


@pytest.mark.parametrize("lost", ["answers", "requests"])
def test_a_write_that_may_have_been_done_is_read_back(
    lossy: tuple[KubernetesLeases, Losing], lost: str
) -> None:
    leases, wire = lossy
    token = None
    for new in (OURS, replace(OURS, renewals=1), None, OURS):
        setattr(wire, lost, 1)
        before, token = token, leases.swap(OURS.endpoint, token, new)
        assert token not in {None, before}
        present = leases.read(OURS.endpoint)
        assert present == (None if new is None else replace(new, token=token))
        token = token if new else None


def test_who_never_hears_of_it_is_told_that_nothing_answers(
    lossy: tuple[KubernetesLeases, Losing],
) -> None:
    leases, wire = lossy
    wire.requests = 100
    with pytest.raises(Unreachable):
        leases.swap(OURS.endpoint, None, OURS)
    wire.requests = 0
    assert leases.read(OURS.endpoint) is None


def test_whoever_labels_or_edits_the_object_ends_no_release(
    kubernetes: Api, team: str, lossy: tuple[KubernetesLeases, Losing]
) -> None:
    leases, _ = lossy
    token = leases.swap(OURS.endpoint, None, OURS)
    edit = {"metadata": {"labels": {"seen": "yes"}}, "spec": {"holderIdentity": "a person"}}
    kubernetes.merge(LEASE, team, OURS.endpoint, edit)
    assert leases.read(OURS.endpoint) == replace(OURS, token=token or "")
    assert leases.swap(OURS.endpoint, token, replace(OURS, renewals=1))
    found = kubernetes.get(LEASE, team, OURS.endpoint) or {}
    assert found["metadata"]["labels"]["seen"] == "yes"
    assert found["spec"]["holderIdentity"] == OURS.holder


def test_kubectl_shows_who_holds_it_and_nobody_when_it_was_given_back(
    kubernetes: Api, team: str, lossy: tuple[KubernetesLeases, Losing]
) -> None:
    leases, _ = lossy
    token = leases.swap(OURS.endpoint, None, OURS)
    spec = (kubernetes.get(LEASE, team, OURS.endpoint) or {})["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("step 1", 91)
    leases.swap(OURS.endpoint, token, None)
    found = kubernetes.get(LEASE, team, OURS.endpoint) or {}
    assert "holderIdentity" not in found["spec"]
    assert found["metadata"]["annotations"][annotation("endpoint")] == OURS.endpoint


def test_the_route_s_marks_are_written_when_the_holder_changes_alone(
    kubernetes: Api, team: str
) -> None:
    told: list[str] = []
    leases = KubernetesLeases(kubernetes, team, told.append)
    ours = replace(OURS, endpoint="marked")
    token = leases.swap("marked", None, ours)
    token = leases.swap("marked", token, replace(ours, renewals=1))
    assert told == ["marked"]
    leases.swap("marked", token, None)
    assert told == ["marked", "marked"]
