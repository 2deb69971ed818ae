"""Which of two teams' routes with the same paths has them: the older one that is written."""

from collections.abc import Sequence
from typing import Any

import pytest

from cluster import rivals, routes
from cluster.kinds import Object
from cluster.routes import Route
from cluster.settings import Gateway
from cluster.slots import WHOLE, Slot
from components.platform import RouteLimits

TO = Gateway(url="https://models.example")
EARLY, LATE = "2026-11-28T08:00:00Z", "2026-11-28T08:00:01Z"


def route(team: str, created: str = EARLY, **spec: Any) -> Object:
    """A team's route of the endpoint `fraud`."""
    made = routes.route_object(Route("fraud", (Slot("1", WHOLE),), RouteLimits(50, 30.0)), TO, {})
    made["metadata"] |= {"namespace": team, "creationTimestamp": created}
    made["spec"] |= spec
    return made


def kept(team: str, created: str = EARLY, **spec: Any) -> Object:
    """The same as it is kept in git: Sluice has written nothing of it yet."""
    made = route(team, created, rules=[], **spec)
    del made["metadata"]["annotations"]
    return made


def said(own: Object | None, *others: Object) -> str:
    return rivals.unfit("fraud", rivals.rivals(others, own, TO), own)


def test_an_endpoint_without_a_route_is_told_whose_path_it_is_and_the_mend() -> None:
    assert said(None, route("shop")) == (
        "fraud: HTTPRoute shop/fraud has these paths at the same host: give one of the two hosts of"
        " its own (spec.hostnames of its HTTPRoute), or another name"
    )
    assert said(None) == ""
    assert "HTTPRoute bank/fraud, shop/fraud has" in said(None, route("bank"), route("shop"))


@pytest.mark.parametrize(
    ("own", "other", "behind"),
    [
        (route("bank", LATE), route("shop", EARLY), True),
        (route("bank", EARLY), route("shop", LATE), False),
        # Made in one second: by their names, as the Gateway API has it.
        (route("bank"), route("shop"), False),
        (route("shop"), route("bank"), True),
        # One that is older and has no rules yet would take the other one's users.
        (kept("bank", EARLY), route("shop", LATE), True),
        # One that nobody has released has no path to take.
        (route("bank", LATE), kept("shop", EARLY), False),
        (None, kept("shop"), False),
    ],
)
def test_the_older_one_that_is_written_keeps_its_users(
    own: Object | None, other: Object, *, behind: bool
) -> None:
    assert bool(said(own, other)) is behind


@pytest.mark.parametrize(
    ("mine", "theirs", "meets"),
    [
        ([], [], True),
        (["a.example"], ["a.example", "b.example"], True),
        (["a.example"], ["b.example"], False),
        (["a.example"], [], False),
        ([], ["a.example"], False),
    ],
)
def test_two_that_have_no_host_in_common_do_not_meet(
    mine: Sequence[str], theirs: Sequence[str], *, meets: bool
) -> None:
    own = kept("bank", hostnames=list(mine))
    assert bool(said(own, route("shop", hostnames=list(theirs)))) is meets


@pytest.mark.parametrize(
    ("parent", "meets"),
    [
        ({"name": "sluice", "namespace": "sluice-system"}, True),
        ({"name": "sluice", "namespace": "sluice-system", "sectionName": "http"}, True),
        ({"name": "sluice"}, False),
        ({"name": "own", "namespace": "sluice-system"}, False),
    ],
)
def test_two_at_different_gateways_do_not_meet(parent: Object, *, meets: bool) -> None:
    assert bool(said(None, route("shop", parentRefs=[parent]))) is meets


def test_two_at_different_listeners_of_a_gateway_do_not_meet() -> None:
    def at(team: str, listener: str) -> Object:
        parent = {"name": "sluice", "namespace": "sluice-system", "sectionName": listener}
        return route(team, LATE if team == "bank" else EARLY, parentRefs=[parent])

    assert said(at("bank", "inside"), at("shop", "inside"))
    assert said(at("bank", "inside"), at("shop", "outside")) == ""
