"""Moments as Events on a route."""

import pytest

from cluster.api import Api
from cluster.events import Told, event
from cluster.kinds import EVENT, HTTP_ROUTE
from components.platform import Moment

AT = 1_800_000_000.25


def moment(outcome: str = "rolled_back", at: float = AT) -> Moment:
    labels = {"alertname": "ReleaseEnded", "endpoint": "demo", "outcome": outcome}
    return Moment(labels, {"summary": "demo version 8: rolled back: " + "x" * 2000}, at)


def test_an_outcome_is_an_event_of_the_endpoint_s_route() -> None:
    made = event(moment(), "team")
    assert (made["reason"], made["type"]) == ("RolledBack", "Warning")
    assert made["regarding"]["kind"] == HTTP_ROUTE.name
    assert made["regarding"]["name"] == "demo"
    assert made["eventTime"] == "2027-01-15T08:00:00.250000Z"
    assert event(moment("promoted"), "team")["type"] == "Normal"
    assert event(moment("step_passed"), "team")["reason"] == "StepPassed"


def test_the_same_moment_has_one_name() -> None:
    names = [event(each, "team")["metadata"]["name"] for each in (moment(), moment())]
    assert len(set(names)) == 1
    for other in (moment(at=AT + 1), moment("held")):
        assert event(other, "team")["metadata"]["name"] not in names


@pytest.mark.cluster
@pytest.mark.timeout(600)
def test_who_is_told_twice_has_it_once_and_others_are_told_too(kubernetes: Api, team: str) -> None:
    further: list[Moment] = []
    told = Told(kubernetes, team, further.append)
    for _ in range(2):
        told(moment())
    told.show(moment())
    told(Moment({"alertname": "NotifyTest"}, {}, AT))
    assert len(further) == 3
    found = kubernetes.list(EVENT, team)
    assert [each["reason"] for each in found if each["regarding"]["name"] == "demo"] == [
        "RolledBack"
    ]
