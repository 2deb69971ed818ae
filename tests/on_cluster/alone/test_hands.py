"""What people, and those who keep a cluster, do to a release that is under way."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from cluster.api import Api
from cluster.kinds import CONFIG_MAP, HTTP_ROUTE, POD
from cluster.manifests import ENVOY_PROXY
from cluster.names import object_name, predictor_name
from components.load.sender import NO_ANSWER, Outcome
from components.printing import say
from components.record import Covered, Noted, WeightsSet, of
from components.release.meanwhile import CHANGED
from components.release.presence import MOST_LOSSES
from tests.support import directly
from tests.support.killing import evict, pods
from tests.support.present import present
from tests.support.promised import in_time
from tests.support.releases import Recorded
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.scenes import lent_at, proxies_of, scale_proxies, under_way
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

RPS = 10
LEASE_S = 60.0
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "40s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "hands", versions=("1", "2", "3"), **RELEASE) as made:
        yield made


@contextmanager
def users(team: Road) -> Iterator[list[Outcome]]:
    """Users while the block runs."""
    key = team.platform.gateway.key("demo")
    with asking(team.platform, team.endpoint, key, RPS) as asked:
        yield asked
    assert asked


@contextmanager
def watched(team: Road) -> Iterator[Recorded]:
    """A release of version 2 that has users on it."""
    with team.begun("2") as release:
        wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")
        yield release


def lost(asked: list[Outcome]) -> list[Outcome]:
    """The requests that failed."""
    return [each for each in asked if each.status != 200]


def in_order(team: Road, release: Recorded) -> None:
    """All users are on one version in time, and everybody names the same."""
    version = "2" if team.ended(release) == "promoted" else "1"
    in_time(release.lines(), LEASE_S)
    assert release.state().reason
    assert team.platform.traffic.weights(team.endpoint) == {version: 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == version


def test_a_second_release_is_refused_while_one_is_under_way(team: Road) -> None:
    with users(team) as asked, watched(team) as release:
        name = f"{release.release_id}-beside"
        second = directly.begin(team.endpoint, "3", name, watched=1)
        second.join(120)
        assert second.exitcode not in {0, None}
        assert not Recorded(team.platform, name).exists()
        assert "3" not in team.platform.serving.versions(team.endpoint)
        assert release.state().outcome is None
        assert team.ended(release) == "promoted", release.state().reason
        in_order(team, release)
    assert lost(asked) == []


def told(release: Recorded) -> set[str]:
    """What its record says of a file that has changed."""
    return {each.detail for each in of(release.lines(), Noted) if each.event == CHANGED}


def test_a_release_keeps_the_file_that_is_deleted(team: Road) -> None:
    name = object_name(f"endpoint-{team.endpoint}")
    with users(team) as asked, watched(team) as release:
        present(team.api.get(CONFIG_MAP, team.team, name))
        team.api.delete(CONFIG_MAP, team.team, name)
        assert team.ended(release) == "promoted", release.state().reason
        in_order(team, release)
    [said] = told(release)
    assert "its file is gone or wrong" in said
    assert lost(asked) == []


def test_a_file_that_is_edited_counts_from_the_next_release(team: Road) -> None:
    content = yaml.safe_load(team.file.read_text())
    content["release"] |= {"steps": [20, 60, 100], "watch": "45s"}
    with users(team) as asked:
        with watched(team) as release:
            team.platform.endpoints.apply(yaml.safe_dump(content), "edited.yaml")
            assert team.ended(release) == "promoted", release.state().reason
            in_order(team, release)
        with team.begun("3") as next_one:
            wait_until(next_one.exists, 60, "the next release")
            team.roll_back(next_one, "seen")
            assert team.ended(next_one) == "rolled_back", next_one.state().reason
        assert team.platform.traffic.weights(team.endpoint) == {"2": 100}
    [said] = told(release)
    assert said.startswith("release.steps, release.watch: this release keeps the file")
    assert release.state().endpoint.release.steps == (50, 100)
    assert [each.weights for each in of(release.lines(), WeightsSet)] == [
        {"1": 50, "2": 50},
        {"2": 100},
    ]
    later = next_one.state().endpoint.release
    assert (later.steps, later.watch) == ((20, 60, 100), 45.0)
    assert told(next_one) == set()
    assert lost(asked) == []


def test_a_route_that_is_edited_by_hand_ends_the_release_on_the_champion(team: Road) -> None:
    """Nearly all users are sent to the candidate, past the release."""
    with users(team) as asked, watched(team) as release:
        found = present(team.api.get(HTTP_ROUTE, team.team, object_name(team.endpoint)))
        rules = found["spec"]["rules"]
        for rule in rules:
            for each in rule.get("backendRefs") or []:
                if each["name"].startswith(predictor_name(team.endpoint, "1")):
                    each["weight"] = 1
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        patch = {"metadata": version, "spec": {"rules": rules}}
        team.api.merge(HTTP_ROUTE, team.team, found["metadata"]["name"], patch)
        assert team.ended(release) == "error"
        in_order(team, release)
    assert "somebody else moved it" in release.state().reason
    say(f"a route edited by hand: {release.state().outcome}: {release.state().reason}")
    assert lost(asked) == []


@pytest.mark.parametrize("version", ["2", "1"])
def test_a_predictor_that_is_evicted_goes_at_once_and_the_other_version_answers(
    team: Road, version: str
) -> None:
    label = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, version)}
    with users(team) as asked, watched(team) as release:
        [pod] = pods(team.api, team.team, label)
        name, began = pod["metadata"]["name"], time.time()
        # Nothing that we make keeps a node from being drained.
        evict(team.api, pod)
        wait_until(lambda: team.api.get(POD, team.team, name) is None, 120, "its end")
        assert team.ended(release) == "promoted", release.state().reason
        in_order(team, release)
    assert [each.arm for each in of(release.lines(), Covered)] == [version, ""]
    moved = lent_at(release.lines(), version) - began
    say(f"version {version} evicted: another one had its share {moved:.1f} s later")
    # The evicted pod serves on until the proxies have that, or the next one.
    assert lost(asked) == []


def test_a_candidate_that_is_evicted_again_and_again_ends_with_the_reason(team: Road) -> None:
    label = {"serving.kserve.io/inferenceservice": predictor_name(team.endpoint, "2")}
    with users(team) as asked, watched(team) as release:
        for losses in range(MOST_LOSSES + 1):
            back_again(release, losses)
            # One that was evicted before may still be leaving.
            [pod] = [
                each
                for each in pods(team.api, team.team, label)
                if "deletionTimestamp" not in each["metadata"]
            ]
            evict(team.api, pod)
        assert team.ended(release) == "error", release.state().reason
        in_order(team, release)
    assert "version 2 had no ready predictor for the 4th time" in release.state().reason
    assert release.state().passed == ()
    assert lost(asked) == []


def back_again(release: Recorded, losses: int) -> None:
    """Wait until the candidate was away so often, and has its own share."""

    def back() -> bool:
        state = release.state()
        return state.losses == losses and not state.covered

    wait_until(back, 120, f"version 2 again after {losses} losses")


def test_proxies_may_become_more_and_fewer_while_a_step_is_watched(
    team: Road, kubernetes: Api
) -> None:
    with proxies_of(kubernetes, 1) as to, users(team) as asked, watched(team) as release:
        scale_proxies(kubernetes, to, 3)
        seen = len(release.state().polls)
        wait_until(lambda: len(release.state().polls) > seen + 2, 60, "polls of three proxies")
        began = time.time()
        scale_proxies(kubernetes, to, 1)
        fewer = time.time()
        assert team.ended(release) == "promoted", release.state().reason
        in_order(team, release)
        proxy = present(kubernetes.get(ENVOY_PROXY, to.namespace, to.name))
    assert proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]["replicas"] == 1
    # Those whose connection was to a proxy that ended.
    explained = [e for e in lost(asked) if e.status == NO_ANSWER and under_way(e, began, fewer)]
    say(f"proxies 1, 3, 1: {Counter(each.status for each in asked)}")
    assert [each for each in lost(asked) if each not in explained] == []
