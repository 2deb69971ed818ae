"""Two teams have an endpoint of one name behind one Gateway: who has its path keeps its users."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from cluster.api import Api
from cluster.argo import ArgoEngine
from cluster.kinds import HTTP_ROUTE
from cluster.names import ENDPOINT
from cluster.traffic import RoutedTraffic
from components.errors import PlatformError
from components.load.sender import Outcome
from components.printing import say
from components.record import WeightsSet, of
from components.release.restoring import IN_FORCE_TIMEOUT_S
from tests.support.releases import Recorded
from tests.support.rigs import LIMITS
from tests.support.road import Place, Road, released
from tests.support.teams import like, platform_of
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

USER, RPS = "demo", 10
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "10s",
    "poll": "2s",
    "lease": "60s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 40, "p95_ratio": 10},
}


@pytest.fixture(scope="module")
def first(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "shared", **RELEASE) as made:
        yield made


@pytest.fixture(scope="module")
def second(first: Road, kubernetes: Api) -> Iterator[Road]:
    """An endpoint of the same name of another team, which nobody has released yet."""
    with (
        like(kubernetes, first.team, f"team-{uuid.uuid4().hex[:6]}") as team,
        platform_of(kubernetes, team) as own,
    ):
        own.endpoints.apply(first.file.read_text(), str(first.file))
        yield Road(own, kubernetes, team, first.endpoint, first.file)


@pytest.fixture
def asked(first: Road) -> Iterator[list[Outcome]]:
    """The first team's users, who are answered by its version 1 all the time."""
    key = first.platform.gateway.key(USER)
    with asking(first.platform, first.endpoint, key, RPS) as outcomes:
        yield outcomes
    assert {(each.status, each.version) for each in outcomes} == {(200, "1")}


def named(first: Road) -> str:
    """Who is in the way of the second team."""
    return f"HTTPRoute {first.team}/{first.endpoint} has these paths at the same host"


@pytest.mark.usefixtures("asked")
def test_a_release_of_the_second_team_ends_before_anything_is_made_and_names_the_first(
    first: Road, second: Road, kubernetes: Api
) -> None:
    """Its steps have the rights of an installation's, and no more."""
    own, endpoint = second.platform, second.endpoint
    engine = ArgoEngine(kubernetes, second.team, own)
    release = Recorded(own, engine.release_id(endpoint, "2"))
    run = engine.submit(endpoint, "2", release.release_id)
    assert second.ended(release) == "error"
    wait_until(lambda: not engine.alive(run), 120, "the end of its run")
    said = release.state().reason
    say(f"a second team's endpoint of one name: {said}")
    assert said.startswith(f"{endpoint}: {named(first)}")
    assert of(release.lines(), WeightsSet) == []
    assert own.serving.versions(endpoint) == []
    assert kubernetes.list(HTTP_ROUTE, second.team, {ENDPOINT: endpoint}) == []
    assert first.platform.traffic.weights(endpoint) == {"1": 100}


@pytest.mark.usefixtures("asked")
def test_a_route_that_came_all_the_same_takes_no_user_and_can_go_again(
    first: Road, second: Road
) -> None:
    """As of two first releases that began in one moment."""
    endpoint = second.endpoint
    traffic = cast(RoutedTraffic, second.platform.traffic)
    traffic = replace(traffic, served=lambda _: ["1"])
    try:
        traffic.set_weights(endpoint, {"1": 100}, LIMITS)
        with pytest.raises(PlatformError, match=named(first)):
            traffic.wait_in_force(endpoint, {"1": 100}, IN_FORCE_TIMEOUT_S)
        # The first team's releases go on.
        assert first.platform.traffic.unfit(endpoint) == ""
    finally:
        traffic.set_weights(endpoint, {})
    traffic.wait_in_force(endpoint, {}, IN_FORCE_TIMEOUT_S)
