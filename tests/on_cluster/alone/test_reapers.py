"""Reapers that have just started, and remember nothing: a silent release is ended in time."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.api import Api
from cluster.kinds import POD
from cluster.settings import SYSTEM
from components.record import Noted, of
from tests.support.killing import is_ready, kill, pods
from tests.support.present import present
from tests.support.promised import in_time
from tests.support.road import LONGEST_S, Place, Road, released
from tests.support.users import asking
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

RPS = 10
LEASE_S = 60.0
BEFORE_S = 3.0
"""So long before the lease ends its watchers are killed."""
REAPER = {"app": "reaper"}
RELEASE: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "300s",
    "poll": "2s",
    "lease": f"{LEASE_S:g}s",
    # Predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 100, "p95_ratio": 10, "error_rate": 0.1},
}


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    """An endpoint whose version 1 was released."""
    with released(*place, "reapers", **RELEASE) as made:
        yield made


def killed(api: Api) -> int:
    """Kill every reaper; how many there were."""
    there = pods(api, SYSTEM, REAPER)
    for each in there:
        kill(api, each)
        # A container that was killed before may be left down for a while; a new pod is begun.
        api.delete(POD, SYSTEM, each["metadata"]["name"])
    return len(there)


def test_a_silent_release_is_ended_in_time_by_reapers_that_have_just_started(
    team: Road, kubernetes: Api
) -> None:
    leases, key = team.platform.leases, team.platform.gateway.key("demo")
    with asking(team.platform, team.endpoint, key, RPS) as asked:
        with team.begun("2") as release:
            wait_until(lambda: release.has_polled("2"), LONGEST_S, "a poll of the watch")

        def nearly_over() -> bool:
            return present(leases.age(team.endpoint)) >= LEASE_S - BEFORE_S

        wait_until(nearly_over, LEASE_S, "the last seconds of the lease")
        count = killed(kubernetes)
        assert count > 0
        assert "reaper" not in present(leases.read(team.endpoint)).holder
        assert team.ended(release) == "error"
    in_time(release.lines(), LEASE_S)
    told = [each.detail for each in of(release.lines(), Noted) if each.event == "reaped"]
    assert told
    assert all("was silent" in each for each in told), told
    assert release.state().reason
    assert Counter(each.status for each in asked) == {200: len(asked)}
    assert asked
    assert team.platform.traffic.weights(team.endpoint) == {"1": 100}
    assert team.platform.registry.alias(team.endpoint, "champion") == "1"

    def back() -> bool:
        return [is_ready(each) for each in pods(kubernetes, SYSTEM, REAPER)] == [True] * count

    wait_until(back, 120, "as many reapers as before")
