"""What scales a version, as objects of KEDA."""

from pathlib import Path
from typing import Any

import pytest

from cluster import scaled_objects
from cluster.inference_services import inference_service
from cluster.kinds import Object
from cluster.names import annotation
from cluster.places import GRPC_PORT, PORT
from cluster.scaled_objects import held, hold_patch, let_go_patch
from cluster.settings import Autoscaling, Predictor
from components.platform import StoredVersion
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.present import present
from tests.support.promtool import try_query

STORED = StoredVersion("banking", "8", "ab" * 32, f"s3://sluice/versions/{'ab' * 32}")
KEDA = Autoscaling(prometheus="http://prometheus.sluice-system:9090", interceptor="keda")
AWAKE = Autoscaling(prometheus="http://prometheus.sluice-system:9090")


def made(
    settings: Autoscaling = KEDA, floor: int = 1, arm: str = "8", **scaling: Any
) -> tuple[Object, list[Object]]:
    """The ScaledObject and the InterceptorRoutes of an arm."""
    endpoint = make_endpoint("demo", serving={"scaling": scaling, "queue": {"deadline": "9s"}})
    image = Predictor(image="localhost/predictor:1")
    owner = inference_service(endpoint, STORED, arm, image, settings)
    owner["metadata"] |= {"namespace": "team", "uid": "1234"}
    routes = scaled_objects.interceptor_routes(endpoint, arm, owner, PORT, GRPC_PORT)
    return scaled_objects.scaled_object(endpoint, arm, owner, settings, floor), list(routes)


def changed(found: Object, patch: Object) -> Object:
    """What a merge patch leaves."""
    notes = {**found["metadata"]["annotations"], **patch["metadata"]["annotations"]}
    kept = {key: value for key, value in notes.items() if value is not None}
    return {
        "metadata": {**found["metadata"], "annotations": kept},
        "spec": {**found["spec"], **patch["spec"]},
    }


def test_an_arm_is_scaled_by_its_own_queue_within_its_file_s_bounds() -> None:
    found, routes = made(min=2, max=6, queue_depth=9, cooldown="30s", arm="8-baseline")
    spec = found["spec"]
    assert spec["scaleTargetRef"]["name"] == "demo-v8-baseline-predictor"
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 6)
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["threshold"] == "9"
    assert trigger["metadata"]["query"] == scaled_objects.queue("demo", "8-baseline", "team")
    assert routes == []


def series(name: str, pod: str) -> str:
    return f'{name}{{namespace="team",endpoint="demo",model_version="8",instance="{pod}"}}'


QUEUE, UP = "inference_queue_depth", "up"
BUSY = {series(QUEUE, "a"): "2x60", series(UP, "a"): "1x60"}
SILENT = {series(QUEUE, "b"): "9x20 stale _x39", series(UP, "b"): "1x20 0x39"}


@pytest.mark.parametrize(
    ("has", "waiting"),
    [
        pytest.param(BUSY | {series(QUEUE, "b"): "3x60", series(UP, "b"): "1x60"}, 5, id="both"),
        pytest.param(BUSY | SILENT, 11, id="one is not scraped any more"),
        pytest.param(BUSY | {series(UP, "b"): "0x60"}, 2, id="one is still starting"),
        pytest.param(
            BUSY | {series(QUEUE, "b"): "9x20 stale _x39", series(UP, "b"): "1x20 stale _x39"},
            2,
            id="one is gone",
        ),
        pytest.param(SILENT, None, id="none is scraped any more"),
        pytest.param({series(QUEUE.upper(), "a"): "2x60"}, None, id="nothing is known"),
    ],
)
def test_a_predictor_that_is_too_busy_to_be_scraped_counts_as_it_did_last(
    tmp_path: Path, has: dict[str, str], waiting: int | None
) -> None:
    asked = scaled_objects.queue("demo", "8", "team")
    found = [{"labels": "{}", "value": waiting}] if waiting else []
    try_query(tmp_path, asked, has, 58, found)


def test_what_nobody_knows_is_not_zero_and_takes_nothing_away() -> None:
    found, _ = made(min=2, max=6)
    (trigger,) = found["spec"]["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    fallback = found["spec"]["fallback"]
    assert (fallback["behavior"], fallback["replicas"]) == ("currentReplicasIfHigher", 2)


def test_fewer_would_have_to_do_for_the_cooldown_and_go_one_after_the_other() -> None:
    found, _ = made(max=6, cooldown="50s")
    behavior = found["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    down = behavior["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 50
    assert {"type": "Pods", "value": 1, "periodSeconds": 10} in down["policies"]


def test_one_that_may_sleep_is_woken_by_requests_and_asks_no_prometheus() -> None:
    found, (rest, grpc) = made(min=0, max=3, queue_depth=4, cooldown="1m")
    spec = found["spec"]
    assert {each["type"] for each in spec["triggers"]} == {"external-push"}
    assert [each["metadata"]["interceptorRoute"] for each in spec["triggers"]] == [
        rest["metadata"]["name"],
        grpc["metadata"]["name"],
    ]
    for each in spec["triggers"]:
        address = each["metadata"]["scalerAddress"]
        assert address == "keda-add-ons-http-external-scaler.keda:9090"
    assert (spec["cooldownPeriod"], spec["initialCooldownPeriod"]) == (60, 60)
    assert [each["spec"]["target"]["port"] for each in (rest, grpc)] == [PORT, GRPC_PORT]
    hosts = [each["spec"]["rules"][0]["hosts"] for each in (rest, grpc)]
    assert hosts == [["demo-v8.team"], ["demo-v8.team.grpc"]]
    assert rest["spec"]["scalingMetric"] == {"concurrency": {"targetValue": 4}}
    # A predictor that hangs is not waited for as one that wakes.
    assert rest["spec"]["timeouts"] == {"readiness": "4m9s", "responseHeader": "11s"}


def test_without_the_add_on_nothing_could_wake_it_so_it_does_not_sleep() -> None:
    found, routes = made(AWAKE, min=0, max=3)
    assert routes == []
    assert present(let_go_patch(found))["spec"]["minReplicaCount"] == 1


def test_it_goes_with_its_predictor() -> None:
    found, routes = made(min=0)
    for each in (found, *routes):
        (owner,) = each["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == (
            "InferenceService",
            "demo-v8",
            "1234",
        )


def test_a_floor_is_raised_and_never_lowered() -> None:
    found, _ = made(min=1, max=4)
    higher = changed(found, present(hold_patch(found, 3)))
    assert held(higher).floor == 3
    assert hold_patch(higher, 2) is None
    assert hold_patch(higher, 3) is None
    # More than the file's most: what all of the traffic had before the file was changed.
    most = changed(higher, present(hold_patch(higher, 6)))
    assert (held(most).floor, held(most).most) == (6, 6)


@pytest.mark.parametrize("least", [0, 1, 2])
def test_letting_go_leaves_it_to_its_file(least: int) -> None:
    found, _ = made(min=least, max=4)
    higher = changed(found, present(hold_patch(found, 6)))
    free = changed(higher, present(let_go_patch(higher)))
    assert (held(free).floor, held(free).most) == (least, 4)
    assert let_go_patch(free) is None


def test_one_that_was_just_made_does_not_sleep_before_it_is_let_go() -> None:
    found, _ = made(min=0, floor=1)
    assert found["spec"]["minReplicaCount"] == 1
    assert present(let_go_patch(found))["spec"]["minReplicaCount"] == 0


def test_its_identity_is_in_full_beside_names_that_are_shortened() -> None:
    found, _ = made(arm="Größe 2/b")
    assert found["metadata"]["annotations"][annotation("arm")] == "Größe 2/b"
    assert held(found).arm == "Größe 2/b"
