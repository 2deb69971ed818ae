"""What becomes of a team's rules, and that no write both moves users and takes a cluster away."""

from typing import Any

import pytest

from cluster.adoption import rules
from cluster.kinds import Object
from components.errors import InputError, PlatformError
from tests.support.adoption import SERVICES, TO, ours, route, rule


def clusters(given: list[Object]) -> list[tuple[int, int, str]]:
    """What Envoy Gateway makes a cluster for, by the places that name it."""
    return [
        (place, number, each["name"])
        for place, each_rule in enumerate(given)
        for number, each in enumerate(each_rule.get("backendRefs") or [])
    ]


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ("Exact", "/v1/models/fraud:predict", "retire"),
        ("Exact", "/v1/models/fraud:explain", "retire"),
        ("PathPrefix", "/v2/models/fraud", "retire"),
        ("PathPrefix", "/v2/models/fraud/", "retire"),
        ("RegularExpression", "/v[12]/models/fraud([:/].*)?", "retire"),
        ("PathPrefix", "/", "wide"),
        ("PathPrefix", "/v2/models", "wide"),
        ("PathPrefix", "/v2/models/fraud-2", "wide"),
        ("Exact", "/predict", "wide"),
        ("RegularExpression", "/health.*", "wide"),
    ],
)
def test_a_rule_that_takes_the_model_s_paths_alone_is_taken_over(
    kind: str, value: str, becomes: str
) -> None:
    found = rules.sort(route(rule(kind, value)), "fraud", SERVICES)
    assert getattr(found, becomes) == (0,)


def test_rules_of_others_are_foreign_and_those_taken_over_before_are_known() -> None:
    given = route(rule("PathPrefix", "/shop", "shop"), rule("PathPrefix", "/v2/models/fraud"))
    found = rules.sort(given, "fraud", SERVICES)
    assert (found.foreign, found.retire) == ((0,), (1,))
    after = route(*rules.retired(given, found.retire, "fraud"))
    found = rules.sort(after, "fraud", SERVICES)
    assert (found.foreign, found.retire, found.retired) == ((0,), (), (1,))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (rule("PathPrefix", "/v2/models/fraud", "mine-predictor", "other"), "divides its requests"),
        (rule("RegularExpression", "/v2/models/.*"), "before ours do"),
        (rule("RegularExpression", "/v2/models/fraud.*"), "before ours do"),
        (
            rule("PathPrefix", "/v2/models/fraud", filters=[{"type": "URLRewrite"}]),
            "URLRewrite makes other requests",
        ),
    ],
)
def test_what_cannot_be_taken_over_is_refused_with_the_mend(given: Object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rules.sort(route(given), "fraud", SERVICES)


def test_a_place_s_own_filters_are_refused() -> None:
    given = rule("PathPrefix", "/v2/models/fraud")
    given["backendRefs"][0]["filters"] = [{"type": "RequestHeaderModifier"}]
    with pytest.raises(InputError, match="let its rule have them"):
        rules.sort(route(given), "fraud", SERVICES)


def test_sticky_sessions_are_refused() -> None:
    sticky = rule("PathPrefix", "/v2/models/fraud", sessionPersistence={"type": "Cookie"})
    with pytest.raises(PlatformError, match="sessionPersistence"):
        rules.refuse_sticky("fraud", route(sticky), (0,))
    rules.refuse_sticky("fraud", route(sticky), ())


def test_ours_make_their_clusters_before_anybody_meets_them() -> None:
    staged = rules.staged(ours(), "fraud")
    assert rules.is_staged(route(*staged))
    probe = rules.probe_in(ours())
    assert probe in staged
    sent = [
        match
        for each in staged
        if each != probe
        for match in each["matches"]
        if not any(header["name"] == rules.STAGED for header in match["headers"])
    ]
    assert sent == []
    revealed = rules.revealed(staged, probe)
    assert revealed == ours()
    assert clusters(revealed) == clusters(staged)


def test_theirs_are_met_by_nobody_before_their_clusters_go() -> None:
    given = route(rule("Exact", "/v1/models/fraud:predict"), rule("PathPrefix", "/shop", "shop"))
    retired = rules.retired(given, (0,), "fraud")
    assert clusters(retired) == clusters(given["spec"]["rules"])
    assert retired[0]["matches"][0]["headers"][0]["name"] == rules.RETIRED
    assert retired[1] == given["spec"]["rules"][1]
    emptied = rules.emptied(route(*retired))
    # The place of a rule of others, and with it its cluster's name, is as it was.
    assert clusters(emptied) == [(1, 0, "shop")]
    assert rules.leads_anywhere(route(*retired))
    assert not rules.leads_anywhere(route(*emptied))
    assert not rules.leads_to(route(*emptied), SERVICES)


def test_what_the_team_did_to_requests_is_done_by_our_rules_for_rest() -> None:
    header = {"set": [{"name": "x-from", "value": "shop"}]}
    added = {"type": "RequestHeaderModifier", "requestHeaderModifier": header}
    given = rule("PathPrefix", "/v2/models/fraud", filters=[added])
    found = rules.sort(route(given), "fraud", SERVICES)
    made = rules.with_filters(ours(), found.filters, "fraud")
    assert [each.get("filters") == [added] for each in made] == [True, True, False, False, False]
    assert clusters(made) == clusters(ours())


def clash(*given: Object, hosts: tuple[str, ...] = (), **spec: Any) -> str:
    other = route(*given, name="other", **spec)
    return rules.clash("fraud", hosts, [other], TO, lambda _: False)


@pytest.mark.parametrize(
    ("kind", "value", "clashes"),
    [
        ("Exact", "/v2/models/fraud/infer", True),
        ("PathPrefix", "/v2/models/fraud", True),
        ("RegularExpression", "/v2/models/[^/]+/infer", True),
        ("PathPrefix", "/", False),
        ("PathPrefix", "/v2/models/fraud-2", False),
    ],
)
def test_a_route_with_the_model_s_paths_at_the_same_host_clashes(
    kind: str, value: str, clashes: bool
) -> None:
    given = rule(kind, value, "elsewhere")
    assert bool(clash(given)) is clashes
    assert clash(given, hosts=("a.example",)) == ""
    named = {"hostnames": ["a.example"]}
    assert bool(clash(given, hosts=("a.example", "b.example"), **named)) is clashes
    assert clash(given, parentRefs=[{"name": "another"}]) == ""


def test_what_is_left_of_a_route_that_was_taken_over_clashes_with_nobody() -> None:
    given = route(rule("PathPrefix", "/v2/models/fraud"))
    left = rules.emptied(route(*rules.retired(given, (0,), "fraud")))
    assert clash(given["spec"]["rules"][0])
    assert clash(*left) == ""
