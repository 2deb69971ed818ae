"""What somebody else has made under a name that a predictor needs stays, and is none of ours."""

from typing import Any

import pytest
import yaml

from cluster.adopted import standing_for
from cluster.endpoints import ConfiguredEndpoints
from cluster.inference_services import inference_service
from cluster.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INFERENCE_SERVICE,
    SERVICE,
    Kind,
    Object,
)
from cluster.settings import Predictor
from components.errors import InputError, PlatformError
from components.platform import StoredVersion
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.endpoints import endpoint_settings
from tests.support.wires import Remembering, serving

TEAM = "demo"
FRAUD = make_endpoint("fraud")
STORED = StoredVersion("fraud", "2", "a" * 64, f"s3://sluice/versions/{'a' * 64}")
SETTINGS = Predictor(image="localhost/predictor:1")
READY = {
    "conditions": [{"type": "Ready", "status": "True"}],
    "modelStatus": {"transitionStatus": "UpToDate"},
}
MODEL = {"predictor": {"model": {"modelFormat": {"name": "onnx"}}}}


def others(**metadata: Any) -> Object:
    """An InferenceService of a team's, by the name that version 2 needs."""
    named = {"name": "fraud-v2", "namespace": TEAM, "uid": "theirs", **metadata}
    return INFERENCE_SERVICE.object(named, spec=MODEL, status=READY)


ANOTHER_S = inference_service(FRAUD, STORED, "3", SETTINGS)["metadata"] | {"name": "fraud-v2"}


@pytest.mark.parametrize("found", [others(), others(**ANOTHER_S)], ids=["foreign", "another arm's"])
def test_an_inference_service_of_somebody_else_s_is_neither_touched_nor_counted(
    found: Object,
) -> None:
    wire = Remembering()
    wire.keep(INFERENCE_SERVICE, TEAM, found)
    wire.keep(SERVICE, TEAM, kserve_s(found))
    slices = ENDPOINT_SLICE.object(
        {"name": "s", "labels": {"kubernetes.io/service-name": "fraud-v2-predictor"}},
        endpoints=[{"conditions": {"ready": True}}],
    )
    wire.keep(ENDPOINT_SLICE, TEAM, slices)
    before = dict(wire.objects)
    place = serving(wire, TEAM)
    said = "InferenceService fraud-v2 is not Sluice's.*: delete it, or register the model again"
    assert place.unfit(FRAUD, STORED).startswith("InferenceService fraud-v2 is not Sluice's")
    with pytest.raises(PlatformError, match=said) as raised:
        place.create(FRAUD, STORED)
    assert "\n" not in str(raised.value)
    assert place.readiness("fraud", "2").state == "absent"
    assert place.stored("fraud", "2") is None
    place.delete("fraud", "2")
    assert (wire.writes, wire.objects) == ([], before)


def kserve_s(owner: Object) -> Object:
    """The Service that KServe makes for an InferenceService."""
    of = {key: owner["metadata"][key] for key in ("name", "uid")}
    owned = {"apiVersion": INFERENCE_SERVICE.version, "kind": INFERENCE_SERVICE.name, **of}
    metadata = {"name": f"{of['name']}-predictor", "ownerReferences": [owned]}
    return SERVICE.object(metadata, spec={"selector": {"app": "x"}, "ports": [{"port": 80}]})


@pytest.mark.parametrize("kind", [SERVICE, DEPLOYMENT], ids=lambda kind: kind.name)
def test_what_kserve_would_change_of_somebody_else_s_is_not_made_a_predictor_s(kind: Kind) -> None:
    wire = Remembering()
    wire.keep(kind, TEAM, kind.object({"name": "fraud-v2-predictor"}, spec={"ports": []}))
    place = serving(wire, TEAM)
    said = f"{kind.name} fraud-v2-predictor is not Sluice's"
    assert said in place.unfit(FRAUD, STORED)
    with pytest.raises(PlatformError, match=said):
        place.create(FRAUD, STORED)
    assert wire.writes == []


def test_what_kserve_has_not_cleared_away_yet_is_in_nobody_s_way() -> None:
    wire = Remembering()
    gone = {"metadata": {"name": "fraud-v2", "uid": "gone"}}
    wire.keep(SERVICE, TEAM, kserve_s(gone))
    place = serving(wire, TEAM)
    assert place.unfit(FRAUD, STORED) == ""
    place.create(FRAUD, STORED)
    assert place.stored("fraud", "2") == STORED


def test_an_adopted_one_is_still_an_arm_and_stays_as_it_is() -> None:
    wire = Remembering()
    mine = INFERENCE_SERVICE.object({"name": "mine"}, spec=MODEL, status=READY)
    wire.keep(INFERENCE_SERVICE, TEAM, mine)
    wire.keep(SERVICE, TEAM, standing_for(FRAUD, "2", STORED, mine, kserve_s(mine)))
    place = serving(wire, TEAM)
    assert place.unfit(FRAUD, STORED) == ""
    place.create(FRAUD, STORED)
    assert place.stored("fraud", "2") == STORED
    assert wire.writes == []


def test_a_config_map_of_somebody_else_s_is_not_made_an_endpoint_s_file() -> None:
    wire = Remembering()
    theirs = CONFIG_MAP.object({"name": "endpoint-demo"}, data={"host": "db.example"})
    wire.keep(CONFIG_MAP, TEAM, theirs)
    known, text = ConfiguredEndpoints(wire.api(TEAM), TEAM), yaml.safe_dump(endpoint_settings())
    with pytest.raises(InputError, match="ConfigMap endpoint-demo is not Sluice's"):
        known.apply(text, "demo.yaml")
    assert wire.writes == []
    # One that git brings has no label of ours, but the file.
    theirs["data"] = {"endpoint.yaml": text + "# of git\n"}
    assert known.apply(text, "demo.yaml").name == "demo"
