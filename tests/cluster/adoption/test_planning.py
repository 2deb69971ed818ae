"""What is to be done, by what stands: each step once, and nothing of it twice."""

from dataclasses import replace
from typing import Any

import pytest

from cluster import adopted, routes
from cluster.adoption import rules
from cluster.adoption.planning import Asked, Plan, Seen, plan
from cluster.inference_services import stored_in
from cluster.kinds import INFERENCE_SERVICE, SERVICE, Object
from cluster.routes import Route
from cluster.slots import WHOLE, Slot
from components.errors import InputError
from components.platform import RouteLimits, StoredVersion
from tests.support.adoption import TO, ours, route, rule
from tests.support.endpoints import endpoint

STORED = StoredVersion("fraud", "7", "a" * 64, f"s3://sluice/versions/{'a' * 64}")
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
WHOLE_PLAN = ["stand-for", "stage", "reveal", "retire", "empty", "mark", "tell", "configure"]


def predictor(**more: Any) -> Object:
    metadata = {"name": "mine", "namespace": "demo", **more}
    return INFERENCE_SERVICE.object(metadata, spec={"predictor": {}}, status=READY)


def kserve_s(**spec: Any) -> Object:
    ports = [
        {"name": "http1", "port": 80, "targetPort": "user-port"},
        {"name": "h2c", "port": 9000, "targetPort": 9000},
    ]
    given = {"selector": {"app": "isvc.mine-predictor"}, "ports": ports, **spec}
    return SERVICE.object({"name": "mine-predictor"}, spec=given)


def seen(**changed: Any) -> Seen:
    stands = Seen(
        endpoint=endpoint("fraud"),
        text="name: fraud",
        stored=STORED,
        predictor=predictor(),
        service=kserve_s(),
        theirs=route(rule("PathPrefix", "/v2/models/fraud")),
        clients=("shop",),
    )
    return replace(stands, **changed)


def asked(**changed: Any) -> Asked:
    return replace(Asked(TO, keys_are_sent=True), **changed)


def does(found: Plan) -> list[str]:
    return [step.does for step in found.steps]


def standing() -> Object:
    return adopted.standing_for(endpoint("fraud"), "7", STORED, predictor(), kserve_s())


def written(**weights: int) -> Object:
    slots = tuple(Slot(arm[1:], parts) for arm, parts in weights.items())
    found = routes.route_object(Route("fraud", slots, RouteLimits(50, 30.0)), TO, {})
    found["metadata"] |= {"namespace": "demo", "resourceVersion": "1"}
    return found


def test_the_whole_way_is_planned_in_its_order_with_what_changes_for_users() -> None:
    found = plan(seen(), asked())
    assert does(found) == WHOLE_PLAN
    assert (found.version, found.predictor, found.route) == ("7", "mine", "shop")
    assert "HTTPRoute shop: rule 1 goes" in [step.said for step in found.steps]
    assert any("stays your team's" in note for note in found.notes)
    assert any("':explain'" in note for note in found.notes)
    assert does(plan(seen(stored=replace(STORED, uri="")), asked()))[0] == "keep-files"


def test_what_was_done_is_in_no_later_plan() -> None:
    """A cut-off after each step, and the next try."""
    staged = route(*rules.staged(ours(), "fraud"), name="fraud")
    met = written(v7=WHOLE)
    retired = route(*rules.retired(present(seen().theirs), (0,), "fraud"))
    states: list[dict[str, Any]] = [
        {"standing_for": standing()},
        {"route": staged},
        {"route": met},
        {"theirs": retired},
        {"theirs": None},
        {"champion": "7"},
    ]
    stands = seen()
    for done, change in enumerate(states, 1):
        stands = replace(stands, **change)
        assert does(plan(stands, asked())) == WHOLE_PLAN[done:], change
    assert plan(replace(stands, configured="name: fraud"), asked()).steps == ()


def present(found: Object | None) -> Object:
    assert found is not None
    return found


def test_users_without_keys_are_not_locked_out_unasked() -> None:
    with pytest.raises(InputError, match="say --keys-are-sent"):
        plan(seen(), asked(keys_are_sent=False))
    # Who asks by no route of the Gateway's is not locked out.
    assert plan(seen(theirs=None), asked(keys_are_sent=False)).steps
    with pytest.raises(InputError, match="nobody has a key"):
        plan(seen(clients=()), asked())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"predictor": predictor(labels={"app.kubernetes.io/managed-by": "sluice"})}, "own"),
        ({"predictor": predictor(deletionTimestamp="now")}, "is not ready"),
        ({"predictor": predictor() | {"status": {}}}, "is not ready"),
        ({"route": written(v7=900_000, v8=100_000)}, "version 7 90%, version 8 10%"),
        ({"route": written(v8=WHOLE)}, "'sluice release' is the way"),
        ({"standing_for": kserve_s()}, "there is a Service"),
        ({"stored": replace(STORED, digest="b" * 64), "standing_for": standing()}, "already: "),
        (
            {"others": [route(rule("PathPrefix", "/v2/models/fraud", "x"), name="taken")]},
            "HTTPRoute demo/taken has the paths of fraud",
        ),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_the_mend(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        plan(seen(**changed), asked())


def test_a_route_of_the_endpoint_s_name_is_taken_over_in_its_place() -> None:
    theirs = route(rule("PathPrefix", "/v2/models/fraud"), name="fraud")
    found = plan(seen(route=theirs, theirs=theirs), asked())
    assert does(found) == WHOLE_PLAN
    assert "HTTPRoute fraud: rule 1 leads nowhere, and stays in its place" in [
        step.said for step in found.steps
    ]
    shared = route(
        rule("PathPrefix", "/shop", "shop"), rule("PathPrefix", "/v2/models/fraud"), name="fraud"
    )
    with pytest.raises(InputError, match="PathPrefix /shop"):
        plan(seen(route=shared, theirs=shared), asked())


def test_users_of_a_host_are_not_left_without_a_route() -> None:
    hosted = route(rule("PathPrefix", "/v2/models/fraud"), hostnames=["a.example"])
    assert plan(seen(theirs=hosted), asked()).steps
    with pytest.raises(InputError, match=r"is for any host, the team's for a\.example"):
        plan(seen(theirs=hosted, route=written(v7=WHOLE)), asked())


def test_rules_that_take_more_and_routes_of_other_gateways_stay_and_are_told() -> None:
    wide = plan(seen(theirs=route(rule("PathPrefix", "/"))), asked(keys_are_sent=False))
    assert "retire" not in does(wide)
    assert any("takes more than the model's paths and stays" in note for note in wide.notes)
    elsewhere = route(rule("PathPrefix", "/v2/models/fraud"), parentRefs=[{"name": "edge"}])
    found = plan(seen(theirs=elsewhere), asked(keys_are_sent=False))
    assert "retire" not in does(found)
    assert any("another Gateway" in note for note in found.notes)


def test_the_service_has_the_arm_s_name_and_leads_where_kserve_s_does() -> None:
    made = standing()
    assert made["metadata"]["name"] == "fraud-v7-predictor"
    assert stored_in(made) == STORED
    assert adopted.predictor_in(made) == "mine"
    assert made["spec"]["selector"] == {"app": "isvc.mine-predictor"}
    ports = {each["port"]: each["targetPort"] for each in made["spec"]["ports"]}
    assert ports == {80: "user-port", 8081: 9000}
    with pytest.raises(InputError, match="Standard mode"):
        adopted.standing_for(endpoint("fraud"), "7", STORED, predictor(), kserve_s(selector=None))
