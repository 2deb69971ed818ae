"""A predictor's name is as long as it may be, in a namespace whose name is long."""

import pytest

from cluster.api import Api
from cluster.inference_services import inference_service
from cluster.kinds import INFERENCE_SERVICE
from cluster.names import LONGEST_PREDICTOR
from cluster.settings import Predictor
from components.platform import StoredVersion
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.mark.usefixtures("on_cluster")
def test_kserve_gives_it_an_address(kubernetes: Api, team: str) -> None:
    stored = StoredVersion("m", "20261126", "a" * 64, f"s3://sluice/versions/{'a' * 64}")
    endpoint = make_endpoint("long".ljust(41, "x"))
    wanted = inference_service(endpoint, stored, "20261126", Predictor(image="localhost/none:1"))
    name = wanted["metadata"]["name"]
    assert len(name) == LONGEST_PREDICTOR

    def addressed() -> bool:
        found = kubernetes.get(INFERENCE_SERVICE, team, name) or {}
        status = found.get("status") or {}
        said = [each.get("message", "") for each in status.get("conditions", [])]
        assert not [each for each in said if "domain name" in each], said
        return bool(status.get("address") or status.get("url"))

    kubernetes.create(INFERENCE_SERVICE, team, wanted)
    try:
        wait_until(addressed, 60, "its address")
    finally:
        kubernetes.delete(INFERENCE_SERVICE, team, name)
