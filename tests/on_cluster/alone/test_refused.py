"""Candidates that the cluster does not let in: the release says why, and no user notices."""

import base64
import copy
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from cluster.api import Api
from cluster.embedded import pki
from cluster.kinds import POD, RESOURCE_QUOTA, Kind, Object
from cluster.names import predictor_name
from components.platform import Platform
from components.quantity import amount
from components.record import Noted, of
from components.release.losers import LOSERS_GO_S
from tests.support.images import predictor_image
from tests.support.killing import pods
from tests.support.present import present
from tests.support.promised import in_time
from tests.support.releases import Recorded, sluice
from tests.support.rigs import KubernetesRig
from tests.support.road import LONGEST_S, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

RPS = 10
RESTORED_S = 30.0
LEASE_S = 60.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "120s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10},
}
WEBHOOKS = tuple(
    Kind("admissionregistration.k8s.io/v1", name, f"{name.lower()}s")
    for name in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
)
NODE = Kind("v1", "Node", "nodes")
LIMIT_RANGE = Kind("v1", "LimitRange", "limitranges")
KSERVE = "inferenceservice.serving.kserve.io"
NOWHERE = "127.0.0.1:1/nothing:none"
"""An image that nobody has."""


@pytest.fixture(scope="module")
def team(
    prepared: Platform,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    """An endpoint whose version 1 was released, and stays the champion."""
    place = prepared, kubernetes, on_cluster.namespace, tmp_path_factory
    with released(*place, "refused", **RELEASE) as made:
        yield made


@contextmanager
def served(team: Road, said: str) -> Iterator[Recorded]:
    """A release of version 2 that ends on the champion and says so, beside users."""
    key = team.platform.gateway.key("demo")
    with asking(team.platform, team.endpoint, key, RPS) as asked, team.begun("2") as release:
        yield release
        assert team.ended(release) in {"error", "rolled_back"}, release.state().reason
    assert said in release.state().reason
    in_time(release.lines(), LEASE_S)
    assert Counter((each.status, each.version) for each in asked if each.status != 200) == {}
    assert asked
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "1"
    wait_until(lambda: team.platform.serving.versions(team.endpoint) == ["1"], 120, "no loser")


def watched(release: Recorded) -> None:
    """Wait until users are on the candidate."""

    def polled() -> bool:
        return release.exists() and any(p.weights.get("2") for p in release.state().polls)

    wait_until(polled, LONGEST_S, "a poll of the watch")


def unsplit(release: Recorded) -> bool:
    """Whether no user was ever on the candidate."""
    return not any(poll.weights.get("2") for poll in release.state().polls)


def test_a_node_without_room_is_told_in_the_scheduler_s_words(team: Road) -> None:
    text = team.file.read_text()
    content = yaml.safe_load(text)
    # The cluster's own parts ask for some of it, so nobody gets all of a node.
    nodes = [each["status"]["allocatable"]["cpu"] for each in team.api.list(NODE, "")]
    content["serving"]["resources"]["cpu"] = max(nodes, key=amount)
    team.platform.endpoints.apply(yaml.safe_dump(content), str(team.file))
    try:
        with served(team, "Insufficient cpu") as release:
            pass
    finally:
        team.platform.endpoints.apply(text, str(team.file))
    assert "no node has room" in release.state().reason
    assert unsplit(release)


def test_a_quota_that_refuses_the_candidate_ends_it_before_any_share(team: Road) -> None:
    # Pods that have ended count for no quota.
    there = [
        each
        for each in team.api.list(POD, team.team)
        if each["status"]["phase"] not in {"Succeeded", "Failed"}
    ]
    quota = RESOURCE_QUOTA.object({"name": "strict"}, spec={"hard": {"pods": str(len(there))}})
    team.api.create(RESOURCE_QUOTA, team.team, quota)
    try:
        with served(team, "exceeded quota: strict") as release:
            pass
    finally:
        team.api.delete(RESOURCE_QUOTA, team.team, "strict")
    assert unsplit(release)


def test_an_image_that_nobody_has_is_told_by_its_name(team: Road) -> None:
    with predictor_image(team.api, NOWHERE) as back, served(team, NOWHERE) as release:

        def made() -> bool:
            return "2" in team.platform.serving.versions(team.endpoint)

        # From here on nobody else may meet it.
        wait_until(made, LONGEST_S, "the candidate's predictor")
        back()
    assert unsplit(release)


@contextmanager
def limited(team: Road, **item: dict[str, str]) -> Iterator[None]:
    """A LimitRange of containers that somebody has made since the champion began."""
    made = LIMIT_RANGE.object({"name": "later"}, spec={"limits": [{"type": "Container", **item}]})
    team.api.create(LIMIT_RANGE, team.team, made)
    try:
        yield
    finally:
        team.api.delete(LIMIT_RANGE, team.team, "later")


def granted(team: Road, version: str) -> list[Object]:
    """What each pod of a version asks for and may use of processors and memory."""
    label = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, version)}
    found = []
    for pod in pods(team.api, team.team, label):
        if "deletionTimestamp" in pod["metadata"]:
            continue  # of a release before
        [own] = [each for each in pod["spec"]["containers"] if each["name"] == "kserve-container"]
        given = own["resources"]
        found.append({kind: {key: given[kind][key] for key in ("cpu", "memory")} for kind in given})
    return found


def test_a_default_that_came_later_changes_no_candidate(team: Road) -> None:
    said = "its limits were seen"
    with limited(team, default={"cpu": "50m"}), served(team, said) as release:
        watched(release)
        asked = yaml.safe_load(team.file.read_text())["serving"]["resources"]
        assert granted(team, "2") == granted(team, "1") == [{"limits": asked, "requests": asked}]
        assert "other_conditions" not in {each.event for each in of(release.lines(), Noted)}
        team.roll_back(release, said)


def test_a_maximum_that_the_candidate_exceeds_ends_it_before_any_share(team: Road) -> None:
    refused = "maximum memory usage per Container is 512Mi, but limit is 1Gi"
    with limited(team, max={"memory": "512Mi"}), served(team, refused) as release:
        pass
    assert unsplit(release)


@contextmanager
def another_authority(api: Api) -> Iterator[None]:
    """KServe's webhooks as they are when their certificate is none that the API server knows."""
    other = base64.b64encode(pki.authority().pem).decode()
    before = {kind: present(api.get(kind, "", KSERVE)) for kind in WEBHOOKS}

    def trust(kind: Kind, webhooks: list[Object]) -> None:
        api.merge(kind, "", KSERVE, {"webhooks": webhooks})

    for kind, found in before.items():
        changed = copy.deepcopy(found["webhooks"])
        for each in changed:
            each["clientConfig"]["caBundle"] = other
        trust(kind, changed)
    try:
        yield
    finally:
        for kind, found in before.items():
            trust(kind, found["webhooks"])


def test_webhooks_that_nobody_trusts_end_a_release_before_its_first_share(team: Road) -> None:
    with another_authority(team.api), served(team, "failed calling webhook") as release:
        pass
    assert unsplit(release)


def test_the_way_back_waits_for_no_webhook(team: Road) -> None:
    """The loser is cleared away once KServe can be asked again."""
    with ThreadPoolExecutor() as beside, served(team, "webhooks are broken") as release:
        watched(release)
        with another_authority(team.api):
            back = beside.submit(
                sluice, "rollback", team.endpoint, "--reason", "webhooks are broken"
            )
            traffic = team.platform.traffic
            wait_until(
                lambda: traffic.weights(team.endpoint) == {"1": 100}, RESTORED_S, "the champion"
            )
            wait_until(lambda: bool(release.state().outcome), RESTORED_S, "the record's word")
            leases = team.platform.leases
            wait_until(
                lambda: leases.read(team.endpoint) is None, RESTORED_S + LOSERS_GO_S, "its lease"
            )
        done = back.result()
        assert done.returncode == 0, done.stdout + done.stderr
