"""What quotas leave for one predictor more, and what they never will."""

from dataclasses import replace

import pytest

from cluster.inference_services import inference_service
from cluster.kinds import INFERENCE_SERVICE, RESOURCE_QUOTA, Object
from cluster.room import never, room
from cluster.settings import Predictor
from components.platform import Room, StoredVersion
from tests.support.endpoints import endpoint
from tests.support.wires import Remembering

TEAM, DEMO = "demo", endpoint("demo")
STORED = StoredVersion("demo", "1", "a" * 64, "s3://sluice/versions/a", size=2**30)
COUNTED = [
    "pods",
    "count/pods",
    "services",
    "count/services",
    "count/deployments.apps",
    "count/replicasets.apps",
    "count/inferenceservices.serving.kserve.io",
]
SCALED = ["count/scaledobjects.keda.sh", "count/horizontalpodautoscalers.autoscaling"]


def quota(wire: Remembering, line: str, most: str, used: str = "0") -> Remembering:
    hard = {line: most}
    made = RESOURCE_QUOTA.object({"name": "team"}, spec={"hard": hard})
    wire.keep(RESOURCE_QUOTA, TEAM, made | {"status": {"hard": hard, "used": {line: used}}})
    return wire


def left(wire: Remembering, *there: Object, scaled: bool = False) -> Room:
    return room(wire.api(TEAM), TEAM, DEMO, there, scaled=scaled)


def refused(wire: Remembering, stored: StoredVersion = STORED, *, scaled: bool = False) -> str:
    return never(wire.api(TEAM), TEAM, DEMO, stored, scaled=scaled)


@pytest.mark.parametrize("line", COUNTED + SCALED)
def test_objects_that_are_counted_have_room_as_pods_have(line: str) -> None:
    full = left(quota(Remembering(), line, "2", "2"), scaled=True)
    assert full == Room(False, f"quota team: 2 of 2 {line} are taken, 1 more are asked for")
    assert left(quota(Remembering(), line, "2", "1"), scaled=True).enough
    said = refused(quota(Remembering(), line, "0"), scaled=True)
    assert f"grants 0 {line}, and" in said
    assert said.endswith("asks for 1: raise the quota")
    assert refused(quota(Remembering(), line, "1", "1"), scaled=True) == ""


@pytest.mark.parametrize("line", [*SCALED, "count/jobs.batch", "persistentvolumeclaims"])
def test_objects_that_no_predictor_needs_are_in_nobody_s_way(line: str) -> None:
    wire = quota(Remembering(), line, "0")
    assert left(wire).enough
    assert refused(wire) == ""


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("ephemeral-storage", "2112Mi"),
        ("requests.ephemeral-storage", "2112Mi"),
        ("limits.ephemeral-storage", "5184Mi"),
    ],
)
def test_one_more_takes_as_much_of_the_disk_as_those_that_are_there(line: str, more: str) -> None:
    there = inference_service(DEMO, STORED, "1", Predictor(image="localhost/none:1"))
    wire = quota(Remembering(), line, "8Gi", "4Gi")
    enough = 4096 + int(more.removesuffix("Mi")) <= 8192
    assert left(wire, there).enough is enough
    full = quota(Remembering(), line, "8Gi", "7Gi")
    said = f"quota team: 7Gi of 8Gi {line} are taken, {more} more are asked for"
    assert left(full, there) == Room(False, said)
    # Nobody knows how large it is.
    unsized = inference_service(
        DEMO, replace(STORED, size=0), "1", Predictor(image="localhost/none:1")
    )
    theirs = INFERENCE_SERVICE.object({"name": "x"}, spec={"predictor": {"model": {}}})
    assert left(full, unsized, theirs).enough
    assert left(full).enough
