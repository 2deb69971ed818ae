"""Real predictors under the supervisor, reached through the gateway."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform import Platform
from components.predictor import arguments
from local import credentials, envoy, ports, prometheus, supervisor
from local.home import Home
from local.routes import Backend
from local.serving import program
from tests.support.bundles import write_bundle
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("served") / "bundle")


@pytest.fixture(scope="module")
def served(platform: Platform, bundle: Path) -> Iterator[Endpoint]:
    """An endpoint with version 1 ready and on all traffic."""
    endpoint = make_endpoint("served")
    create(platform, endpoint, "1", bundle)
    platform.traffic.set_weights(endpoint, {"1": 100})
    platform.traffic.wait_applied(endpoint, {"1": 100}, timeout=1)
    yield endpoint
    platform.traffic.set_weights(endpoint, {})
    for version in platform.serving.versions(endpoint):
        platform.serving.delete(endpoint, version)


def create(platform: Platform, endpoint: Endpoint, version: str, bundle: Path) -> None:
    platform.serving.create(endpoint, version, bundle)
    wait_until(lambda: platform.serving.ready(endpoint, version), seconds=60)


def infer(home: Home, endpoint: Endpoint) -> httpx.Response:
    return httpx.post(
        f"{envoy.url(ports.kept(home))}/v2/models/{endpoint.name}/infer",
        json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["hello"]}]},
        headers={"x-api-key": credentials.client_keys(home)["demo"]},
        trust_env=False,
    )


def pid(home: Home, name: str) -> int | None:
    return next((p.pid for p in supervisor.processes(home) if p.name == name), None)


def test_what_the_endpoint_s_file_says_reaches_the_predictor(tmp_path: Path) -> None:
    more = {"execution": {"executors": 3, "threads": 1}, "queue": {"tokens": 77}}
    endpoint = make_endpoint("told", serving=more)
    told = program(endpoint, Backend("told", "1", 5001, 5002), tmp_path)
    settings = arguments.parse(told.command[3:])
    assert (settings.execution, settings.queue_tokens) == (endpoint.serving.execution, 77)


def test_a_version_answers_through_the_gateway(home: Home, served: Endpoint) -> None:
    answer = infer(home, served)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-model-version"] == "1"
    assert [output["name"] for output in answer.json()["outputs"]] == ["label", "probability"]


def test_creating_a_version_that_runs_keeps_it(
    platform: Platform, home: Home, served: Endpoint, bundle: Path
) -> None:
    before = pid(home, "served-v1")
    platform.serving.create(served, "1", bundle)
    assert pid(home, "served-v1") == before


def test_a_killed_predictor_comes_back(platform: Platform, home: Home, served: Endpoint) -> None:
    before = pid(home, "served-v1")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pid(home, "served-v1") not in {before, None})
    wait_until(lambda: platform.serving.ready(served, "1"), seconds=60)
    assert infer(home, served).status_code == 200


def test_a_predictors_own_metrics_are_scraped(home: Home, served: Endpoint) -> None:
    url = f"{prometheus.url(ports.kept(home))}/api/v1/query"
    asked = {"query": 'inference_requests_total{endpoint="served",model_version="1"}'}

    def found() -> bool:
        infer(home, served)
        return bool(httpx.get(url, params=asked, trust_env=False).json()["data"]["result"])

    wait_until(found, seconds=30)


def test_a_version_with_traffic_is_not_deleted(platform: Platform, served: Endpoint) -> None:
    with pytest.raises(PlatformError, match="still gets 100% of the traffic"):
        platform.serving.delete(served, "1")
    assert platform.serving.versions(served) == ["1"]


def test_a_deleted_version_leaves_neither_process_nor_cluster(
    platform: Platform, home: Home, served: Endpoint, bundle: Path
) -> None:
    create(platform, served, "2", bundle)
    assert platform.serving.versions(served) == ["1", "2"]
    platform.serving.delete(served, "2")
    platform.serving.delete(served, "2")
    assert platform.serving.versions(served) == ["1"]
    assert pid(home, "served-v2") is None
    clusters = json.loads((home.path / "gateway" / "cds.json").read_text())["resources"]
    assert not [each["name"] for each in clusters if each["name"].startswith("served-v2")]
    assert infer(home, served).status_code == 200


def test_a_version_that_was_never_created_has_no_address(
    platform: Platform, served: Endpoint
) -> None:
    assert not platform.serving.ready(served, "9")
    with pytest.raises(PlatformError, match="not served"):
        platform.serving.url(served, "9")


def test_a_delete_that_was_killed_half_way_can_be_called_again(
    platform: Platform, home: Home, served: Endpoint, bundle: Path
) -> None:
    create(platform, served, "3", bundle)
    file = home.serving / "served-v3.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"leaving": True}))
    assert platform.serving.versions(served) == ["1", "3"]
    platform.serving.delete(served, "3")
    assert platform.serving.versions(served) == ["1"]
    assert pid(home, "served-v3") is None
