"""A second predictor of a version, with a share and counters of its own (`components.arms`)."""

import pytest

from components.arms import baseline_of
from components.endpoint import Endpoint
from components.errors import PlatformError
from tests.support.rigs import Rig

ARM = baseline_of("1")
SPLIT = {"1": 40, ARM: 30, "2": 30}


@pytest.fixture
def beside(rig: Rig, fresh: Endpoint) -> Endpoint:
    """An endpoint whose version 1 has a baseline beside version 2."""
    stored = rig.stored(fresh, "1")
    rig.platform.serving.create(fresh, stored)
    rig.platform.serving.create(fresh, stored, ARM)
    rig.platform.serving.create(fresh, rig.stored(fresh, "2"))
    for arm in SPLIT:
        rig.wait_ready(fresh.name, arm)
    rig.split(fresh.name, SPLIT)
    return fresh


def test_it_is_an_arm_like_any_other_to_the_platform(rig: Rig, beside: Endpoint) -> None:
    serving = rig.platform.serving
    assert sorted(serving.versions(beside.name)) == sorted(SPLIT)
    assert len({serving.url(beside.name, arm) for arm in SPLIT}) == 3
    assert rig.platform.traffic.weights(beside.name) == SPLIT
    assert rig.in_force(beside.name) == [SPLIT] * len(rig.in_force(beside.name))


def test_users_are_told_the_version_and_its_counters_stand_apart(
    rig: Rig, beside: Endpoint
) -> None:
    answers = [rig.ask(beside.name) for _ in range(100)]
    assert {answer.status for answer in answers} == {200}
    assert {answer.version for answer in answers} == {"1", "2"}
    counted: dict[str, float] = {}

    def all_counted() -> bool:
        read = rig.platform.metrics.sample(beside.name, list(SPLIT), 30.0).versions
        for arm, sources in read.items():
            counted[arm] = sum(found.requests for found in sources.values() if found)
        return sum(counted.values()) == 100

    rig.wait(all_counted, "100 answers in the counters", 30)
    of_2 = sum(answer.version == "2" for answer in answers)
    assert counted["2"] == of_2
    assert 10 < counted[ARM] < 55, "0.3 of 100, give or take 5 standard deviations"
    assert counted["1"] == 100 - of_2 - counted[ARM]


def test_it_goes_and_the_version_stays(rig: Rig, beside: Endpoint) -> None:
    with pytest.raises(PlatformError, match=r"still gets 30% of the traffic"):
        rig.platform.serving.delete(beside.name, ARM)
    rig.split(beside.name, {"1": 100})
    rig.platform.serving.delete(beside.name, ARM)
    assert rig.platform.serving.readiness(beside.name, ARM).state == "absent"
    assert rig.platform.serving.readiness(beside.name, "1").state == "ready"
    assert {rig.ask(beside.name).version for _ in range(20)} == {"1"}


def test_whether_there_is_room_is_said_with_a_reason(rig: Rig, fresh: Endpoint) -> None:
    room = rig.platform.serving.room(fresh)
    assert room.enough in {True, False}
    assert room.why
    assert "\n" not in room.why
    assert rig.platform.serving.versions(fresh.name) == []
