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
from cluster.settings import read
from components.quantity import amount
from components.record import Ended, Noted, WeightsSet, of
from components.release.losers import LOSERS_GO_S
from tests.support.images import predictor_image
from tests.support.killing import pods
from tests.support.present import present
from tests.support.promised import ENDS_S, in_time
from tests.support.releases import Recorded, sluice
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

RPS = 10
STARTS_S = 120.0
"""So long a predictor is waited for here whose pod never comes."""
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
INITIALIZER = Kind(
    "serving.kserve.io/v1alpha1", "ClusterStorageContainer", "clusterstoragecontainers"
)
KSERVE = "inferenceservice.serving.kserve.io"
NOWHERE = "127.0.0.1:1/nothing:none"
"""An image that nobody has."""


@pytest.fixture(scope="module")
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released, and stays the champion."""
    serving = {"starts": f"{STARTS_S:g}s"}
    with released(*place, "refused", serving=serving, **RELEASE) as made:
        yield made


@contextmanager
def users(team: Road) -> Iterator[None]:
    """Users while the block runs, of whom nobody notices anything."""
    key = team.platform.gateway.key("demo")
    with asking(team.platform, team.endpoint, key, RPS) as asked:
        yield
    assert Counter((each.status, each.version) for each in asked if each.status != 200) == {}
    assert asked


@contextmanager
def served(team: Road, said: str) -> Iterator[Recorded]:
    """A release of version 2 that ends on the champion and says so, beside users."""
    with users(team), team.begun("2") as release:
        yield release
        is_back(team, release, said)


def is_back(team: Road, release: Recorded, said: str) -> None:
    """The release is over in time, for this reason, and everybody is on the champion."""
    assert team.ended(release) in {"error", "rolled_back"}, release.state().reason
    assert said in release.state().reason
    in_time(release.lines(), LEASE_S)
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "1"
    wait_until(lambda: team.platform.serving.versions(team.endpoint) == ["1"], 120, "no loser")


def unsplit(release: Recorded) -> bool:
    """Whether no user was ever on the candidate."""
    return not any(each.weights.get("2") for each in of(release.lines(), WeightsSet))


def took(release: Recorded) -> float:
    """Seconds from the first line of a release to its end."""
    first, *_ = lines = release.lines()
    return next(line.at for line in lines if isinstance(line.body, Ended)) - first.at


@contextmanager
def filed(team: Road, **serving: Any) -> Iterator[None]:
    """The endpoint's file with other settings of its predictors."""
    text = team.file.read_text()
    content = yaml.safe_load(text)
    content["serving"] |= serving
    team.platform.endpoints.apply(yaml.safe_dump(content), str(team.file))
    try:
        yield
    finally:
        team.platform.endpoints.apply(text, str(team.file))


@contextmanager
def quota(team: Road, more: int) -> Iterator[None]:
    """A quota that lets so many pods more be in the namespace than are there."""
    # Pods that have ended count for no quota.
    there = [
        each
        for each in team.api.list(POD, team.team)
        if each["status"]["phase"] not in {"Succeeded", "Failed"}
    ]
    hard = {"pods": str(len(there) + more)}
    made = RESOURCE_QUOTA.object({"name": "strict"}, spec={"hard": hard})
    team.api.create(RESOURCE_QUOTA, team.team, made)
    try:
        yield
    finally:
        team.api.delete(RESOURCE_QUOTA, team.team, "strict")


def test_a_node_without_room_is_told_in_the_scheduler_s_words(team: Road) -> None:
    asked = yaml.safe_load(team.file.read_text())["serving"]["resources"]
    # The cluster's own parts ask for some of it, so nobody gets all of a node.
    nodes = [each["status"]["allocatable"]["cpu"] for each in team.api.list(NODE, "")]
    whole = asked | {"cpu": max(nodes, key=amount)}
    with filed(team, resources=whole), served(team, "Insufficient cpu") as release:
        pass
    assert "no node has room" in release.state().reason
    assert unsplit(release)


def test_a_quota_that_refuses_the_candidate_ends_it_before_any_share(team: Road) -> None:
    with quota(team, 0), served(team, "exceeded quota: strict") as release:
        pass
    assert unsplit(release)


def test_a_quota_for_one_of_two_pods_ends_the_release_before_any_share(team: Road) -> None:
    """The first share needs one of them; the whole needs both."""
    own = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, "2")}
    two = filed(team, scaling={"min": 2, "max": 2})
    with two, quota(team, 1), served(team, "exceeded quota: strict") as release:
        wait_until(
            lambda: bool(pods(team.api, team.team, own)), LONGEST_S, "the one that it grants"
        )
    assert unsplit(release)
    assert took(release) < STARTS_S, "it waited for a time-out"


@contextmanager
def unsecured(api: Api) -> Iterator[None]:
    """What fetches a predictor's files does not say what it leaves alone."""
    name = read(api).predictor.container
    before = present(api.get(INITIALIZER, "", name))["spec"]["container"]["securityContext"]

    def secure(said: Object | None) -> None:
        api.merge(INITIALIZER, "", name, {"spec": {"container": {"securityContext": said}}})

    secure(None)
    try:
        yield
    finally:
        secure(before)


def test_pods_that_the_namespace_s_pod_security_refuses_end_the_release(team: Road) -> None:
    with unsecured(team.api), served(team, "violates PodSecurity") as release:
        pass
    assert unsplit(release)
    assert took(release) < STARTS_S, "it waited for a time-out"


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
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
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
    """Its end does not wait for them: no predictor was made that would have to go."""
    with another_authority(team.api), served(team, "failed calling webhook") as release:
        pass
    assert unsplit(release)


def is_left(team: Road, release: Recorded) -> None:
    """The endpoint is free, and people are told what of the release has not gone yet."""
    wait_until(lambda: bool(release.state().outcome), RESTORED_S, "the record's word")
    leases = team.platform.leases
    wait_until(lambda: leases.read(team.endpoint) is None, RESTORED_S + LOSERS_GO_S, "its lease")
    said = f"{team.endpoint} version 2: release {release.release_id} has ended, and it has not gone"
    wait_until(lambda: said in sluice("status").stderr, RESTORED_S, "a warning of its predictor")


def test_the_way_back_waits_for_no_webhook(team: Road) -> None:
    """The loser is cleared away once KServe can be asked again, and that is told."""
    with ThreadPoolExecutor() as beside, served(team, "webhooks are broken") as release:
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        with another_authority(team.api):
            back = beside.submit(
                sluice, "rollback", team.endpoint, "--reason", "webhooks are broken"
            )
            traffic = team.platform.traffic
            wait_until(
                lambda: traffic.weights(team.endpoint) == {"1": 100}, RESTORED_S, "the champion"
            )
            is_left(team, release)
        done = back.result()
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{release.release_id}: not cleaned up yet: " in done.stderr
        assert "the reaper tries again" in done.stderr


def test_a_reaper_waits_for_no_webhook_either(team: Road) -> None:
    with users(team):
        with team.begun("2") as release:
            wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        # Its process is dead: nobody goes on with it.
        with another_authority(team.api):
            traffic = team.platform.traffic
            wait_until(
                lambda: traffic.weights(team.endpoint) == {"1": 100},
                LEASE_S + ENDS_S,
                "the champion",
            )
            is_left(team, release)
        is_back(team, release, "the pipeline stopped")
    assert "reaped" in {each.event for each in of(release.lines(), Noted)}
