"""Autoscalers that somebody has deleted, by what an API server keeps of them."""

from typing import Any

import pytest

from cluster.inference_services import PART
from cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, INTERCEPTOR_ROUTE, SCALED_OBJECT, Object
from cluster.names import annotation, labels, predictor_name
from components.errors import PlatformError
from components.platform import Replicas
from tests.cluster.test_changed import NAME
from tests.cluster.test_ownership import FILE, STORED, serving_of
from tests.support.objects import NAMESPACE, Objects

SCALER = predictor_name(NAME, "2")
CLASS = "serving.kserve.io/autoscalerClass"


def deployment(**more: Any) -> Object:
    """As KServe makes it for version 2, with three pods."""
    noted = {annotation("endpoint"): NAME, annotation("arm"): "2", CLASS: "external", **more}
    metadata = {"labels": labels(PART, endpoint=NAME, arm="2"), "annotations": noted}
    status = {"replicas": 3, "readyReplicas": 3}
    named = {"name": f"{SCALER}-predictor", **metadata}
    return DEPLOYMENT.object(named, spec={"replicas": 3}, status=status)


def served() -> Objects:
    """Version 2, which is scaled."""
    found = Objects()
    serving_of(found).create(FILE, STORED)
    found.put(DEPLOYMENT, deployment())
    return found


def told(found: Objects) -> Replicas:
    return serving_of(found).scaling.replicas(NAME)["2"]


def test_one_that_was_deleted_is_made_anew_and_no_pod_is_taken_away() -> None:
    found = served()
    scaling = serving_of(found).scaling
    before = found.get(SCALED_OBJECT, SCALER)["spec"]
    assert told(found) == Replicas(3, 3, 1, 4)
    found.way.delete(SCALED_OBJECT, NAMESPACE, SCALER)
    assert told(found) == Replicas(3, 3, 3, 3, lost=True)
    scaling.restore(FILE, "2", 3)
    assert told(found) == Replicas(3, 3, 3, 4)
    scaling.let_go(NAME)
    after = found.get(SCALED_OBJECT, SCALER)["spec"]
    assert after == before | {"minReplicaCount": 0}, "as its file says"


def test_those_of_an_interceptor_come_back_too() -> None:
    found = served()
    names = found.names()
    for kind, name in ((SCALED_OBJECT, SCALER), (INTERCEPTOR_ROUTE, SCALER)):
        found.way.delete(kind, NAMESPACE, name)
    serving_of(found).scaling.restore(FILE, "2", 3)
    assert found.names() == names


def test_one_that_goes_scales_until_it_has_gone() -> None:
    """KEDA's mark keeps it there while KEDA is away."""
    found = served()
    goes = found.get(SCALED_OBJECT, SCALER)
    goes["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z"
    found.put(SCALED_OBJECT, goes)
    assert told(found) == Replicas(3, 3, 1, 4)


def test_nothing_is_lost_where_kserve_keeps_the_number() -> None:
    found = served()
    found.put(DEPLOYMENT, deployment(**{CLASS: "none"}))
    found.way.delete(SCALED_OBJECT, NAMESPACE, SCALER)
    assert told(found) == Replicas(3, 3, 3, 3)


def test_one_of_somebody_else_s_stays() -> None:
    found = served()
    found.way.delete(SCALED_OBJECT, NAMESPACE, SCALER)
    found.put(SCALED_OBJECT, SCALED_OBJECT.object({"name": SCALER}, spec={"theirs": True}))
    assert told(found).lost
    with pytest.raises(PlatformError, match=f"ScaledObject {SCALER} is not Sluice's"):
        serving_of(found).scaling.restore(FILE, "2", 3)
    assert found.get(SCALED_OBJECT, SCALER)["spec"] == {"theirs": True}


def test_without_its_predictor_none_is_made() -> None:
    found = served()
    for kind in (SCALED_OBJECT, INFERENCE_SERVICE):
        found.way.delete(kind, NAMESPACE, SCALER)
    serving_of(found).scaling.restore(FILE, "2", 3)
    assert found.get(SCALED_OBJECT, SCALER) is None


def test_whose_the_objects_are_is_looked_at_once_for_each() -> None:
    found = Objects()
    serving_of(found).create(FILE, STORED)
    path = SCALED_OBJECT.path(NAMESPACE, SCALER)
    # One look, which is a patch of nothing, finds none; the other one makes it.
    assert [each for each in found.writes if each[1] == path] == [("PATCH", path)] * 2
