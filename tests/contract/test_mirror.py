"""Copies of the users' requests, which nobody gets answers of."""

import pytest

from components.arms import shadow_of
from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform import Mirror, Traffic
from tests.support.rigs import IN_FORCE_S, LIMITS, Rig

ALONE = {"1": 100}


@pytest.fixture
def traffic(rig: Rig) -> Traffic:
    return rig.platform.traffic


def copy(rig: Rig, endpoint: Endpoint, percent: int, version: str = "2") -> None:
    """Put version 1 alone in force, and a mirror."""
    rig.split(endpoint.name, ALONE)
    rig.platform.traffic.set_mirror(endpoint.name, Mirror(version, percent))
    rig.platform.traffic.wait_in_force(endpoint.name, ALONE, IN_FORCE_S)


def counted(rig: Rig, endpoint: Endpoint, *arms: str) -> dict[str, tuple[float, float]]:
    """Requests and errors so far, by arm."""
    read = rig.platform.metrics.sample(endpoint.name, arms, 30.0).versions
    return {
        arm: (
            sum(found.requests for found in sources.values() if found),
            sum(found.errors for found in sources.values() if found),
        )
        for arm, sources in read.items()
    }


def test_copies_are_counted_apart_and_no_user_gets_their_answers(
    rig: Rig, routed: Endpoint
) -> None:
    shadow = shadow_of("2")
    before = counted(rig, routed, "1", "2", shadow)
    copy(rig, routed, 100)
    asked = [rig.ask(routed.name) for _ in range(40)] + [rig.call(routed.name) for _ in range(10)]
    assert {(answer.status, answer.version) for answer in asked} == {(200, "1")}

    def added() -> dict[str, float]:
        now = counted(rig, routed, "1", "2", shadow)
        return {arm: now[arm][0] - before[arm][0] for arm in now}

    rig.wait(lambda: added() == {"1": 50, "2": 0, shadow: 50}, "50 copies in the counters", 30)
    assert counted(rig, routed, shadow)[shadow][1] == before[shadow][1]


def test_copies_have_latencies_and_clients(rig: Rig, routed: Endpoint) -> None:
    shadow = shadow_of("2")
    copy(rig, routed, 100)
    for _ in range(10):
        rig.ask(routed.name)

    def known() -> bool:
        read = rig.platform.metrics.sample(routed.name, [shadow], 30.0)
        found = [each for each in read.versions[shadow].values() if each]
        answers = sum(each.buckets["+Inf"] for each in found)
        return answers == sum(each.requests for each in found) >= 10

    rig.wait(known, "the copies' latencies", 30)


def test_so_many_percent_are_copied(rig: Rig, routed: Endpoint) -> None:
    shadow = shadow_of("2")
    copy(rig, routed, 25)
    # What an earlier mirror has counted goes with it, some scrapes later.
    rig.platform.clock.sleep(3)
    before = counted(rig, routed, shadow)[shadow][0]
    for _ in range(200):
        rig.ask(routed.name)
    rig.platform.clock.sleep(3)

    def copied() -> float:
        return counted(rig, routed, shadow)[shadow][0] - before

    # A quarter, give or take 5 standard deviations.
    rig.wait(lambda: copied() >= 15, "15 of 200 copies", 30)
    assert copied() <= 85


@pytest.mark.parametrize("by_split", [True, False])
def test_a_split_ends_the_mirror_as_asking_for_none_does(
    rig: Rig, traffic: Traffic, routed: Endpoint, by_split: bool
) -> None:
    copy(rig, routed, 100)
    assert traffic.mirror(routed.name) == Mirror("2", 100)
    if by_split:
        traffic.set_weights(routed.name, ALONE)
    else:
        traffic.set_mirror(routed.name, None)
    traffic.wait_in_force(routed.name, ALONE, IN_FORCE_S)
    assert traffic.mirror(routed.name) is None
    shadow = shadow_of("2")
    rig.platform.clock.sleep(3)
    before = counted(rig, routed, shadow)
    assert {rig.ask(routed.name).version for _ in range(20)} == {"1"}
    rig.platform.clock.sleep(2)
    assert counted(rig, routed, shadow) == before


def test_copies_that_nobody_can_answer_fail_and_hurt_nobody(rig: Rig, fresh: Endpoint) -> None:
    rig.create(fresh, "1")
    rig.platform.serving.create(fresh, rig.unloadable(fresh, "3"))
    copy(rig, fresh, 100, "3")
    assert {rig.ask(fresh.name).status for _ in range(20)} == {200}
    assert counted(rig, fresh, "3")["3"] == (0, 0)


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        (Mirror("9", 100), "not served"),
        (Mirror("1", 100), "has a share"),
        (Mirror("2", 0), "1 to 100%"),
        (Mirror("2", 101), "1 to 100%"),
    ],
)
def test_a_mirror_that_cannot_be_changes_nothing(
    traffic: Traffic, routed: Endpoint, mirror: Mirror, said: str
) -> None:
    with pytest.raises(PlatformError, match=said):
        traffic.set_mirror(routed.name, mirror)
    assert traffic.mirror(routed.name) is None
    assert traffic.weights(routed.name) == ALONE


def test_without_a_route_there_is_nothing_to_copy(traffic: Traffic, fresh: Endpoint) -> None:
    with pytest.raises(PlatformError, match="has no route"):
        traffic.set_mirror(fresh.name, Mirror("2", 100))
    traffic.set_mirror(fresh.name, None)
    assert traffic.mirror(fresh.name) is None


def test_who_is_asked_copies_is_not_deleted(rig: Rig, fresh: Endpoint) -> None:
    rig.create(fresh, "1")
    rig.create(fresh, "2")
    copy(rig, fresh, 50)
    with pytest.raises(PlatformError, match="still asked copies of 50%"):
        rig.platform.serving.delete(fresh.name, "2")
    rig.platform.traffic.set_weights(fresh.name, ALONE, LIMITS)
    rig.platform.serving.delete(fresh.name, "2")
    assert rig.platform.serving.versions(fresh.name) == ["1"]
