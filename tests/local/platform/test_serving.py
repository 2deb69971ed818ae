"""Real predictors under the supervisor, reached through the gateway."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from components import bundle
from components.endpoint import Endpoint
from components.errors import ArtifactError, PlatformError
from components.gateway import REQUESTS_SERIES
from components.platform import Platform, Readiness, RouteLimits, StoredVersion
from components.predictor import arguments
from local import credentials
from local.home import Home
from local.platform import lost
from local.platform.command import program
from local.predictors import Backend
from local.servers import envoy_server, ports, prometheus_server, supervision
from tests.support.bundles import write_bundle
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.waiting import wait_until


def store(platform: Platform, folder: Path, version: str) -> StoredVersion:
    """The files in ``folder``, put where the platform's predictors get them."""
    digest = bundle.write_manifest(folder)
    return platform.files.put("toy", version, digest, folder)


@pytest.fixture(scope="module")
def stored(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> StoredVersion:
    return store(platform, write_bundle(tmp_path_factory.mktemp("served") / "bundle"), "1")


@pytest.fixture(scope="module")
def served(platform: Platform, stored: StoredVersion) -> Iterator[Endpoint]:
    """An endpoint with version 1 ready and on all traffic."""
    endpoint = make_endpoint("served")
    create(platform, endpoint, stored)
    platform.traffic.set_weights("served", {"1": 100}, RouteLimits(1000, timeout_s=7))
    platform.traffic.wait_in_force("served", {"1": 100}, timeout=1)
    yield endpoint
    platform.traffic.set_weights("served", {})
    for version in platform.serving.versions("served"):
        platform.serving.delete("served", version)


def state(platform: Platform, version: str, endpoint: str = "served") -> str:
    return platform.serving.readiness(endpoint, version).state


def create(platform: Platform, endpoint: Endpoint, stored: StoredVersion) -> None:
    platform.serving.create(endpoint, stored)
    wait_until(lambda: state(platform, stored.version, endpoint.name) == "ready", seconds=60)


def infer(home: Home, endpoint: Endpoint) -> httpx.Response:
    return httpx.post(
        f"{envoy_server.url(ports.kept(home))}/v2/models/{endpoint.name}/infer",
        json={"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["hello"]}]},
        headers={"x-api-key": credentials.clients(home)["demo"].key},
        trust_env=False,
    )


def pid(home: Home, name: str) -> int | None:
    return next((p.pid for p in supervision.processes(home) if p.name == name), None)


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
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion
) -> None:
    before = pid(home, "served-v1")
    platform.serving.create(served, stored)
    assert pid(home, "served-v1") == before


def test_a_killed_predictor_comes_back(platform: Platform, home: Home, served: Endpoint) -> None:
    before = pid(home, "served-v1")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pid(home, "served-v1") not in {before, None})
    wait_until(lambda: state(platform, "1") == "ready", seconds=60)
    assert infer(home, served).status_code == 200


def test_a_predictor_that_answers_no_more_is_started_again(
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion
) -> None:
    before = pid(home, "served-v1")
    assert before is not None
    assert lost.restart_lost(home) == []
    os.kill(before, signal.SIGSTOP)
    platform.serving.create(served, stored)
    wait_until(lambda: pid(home, "served-v1") not in {before, None})
    # It still loads, and is left alone.
    assert lost.restart_lost(home) == []
    wait_until(lambda: state(platform, "1") == "ready", seconds=60)
    assert infer(home, served).status_code == 200


def test_series_of_gateway_predictor_and_target_have_the_same_labels(
    home: Home, served: Endpoint
) -> None:
    url = f"{prometheus_server.url(ports.kept(home))}/api/v1/query"
    asked = {"query": '{namespace="local",endpoint="served",model_version="1"}'}
    of_both = {"inference_requests_total", "process_cpu_seconds_total", "up", REQUESTS_SERIES}

    def found() -> list[dict[str, str]]:
        infer(home, served)
        answer = httpx.get(url, params=asked, trust_env=False).json()
        return [one["metric"] for one in answer["data"]["result"]]

    wait_until(lambda: of_both <= {one["__name__"] for one in found()}, seconds=30)
    assert not {label for one in found() for label in one if label.startswith("exported_")}


def test_the_page_of_metrics_names_every_series_that_prometheus_has(
    home: Home, served: Endpoint
) -> None:
    infer(home, served)
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    named = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    url = f"{prometheus_server.url(ports.kept(home))}/api/v1/label/__name__/values"

    def unnamed(job: str, *others: str) -> set[str]:
        asked = {"match[]": f'{{job="{job}",alertname=""}}'}
        found = httpx.get(url, params=asked, trust_env=False).json()["data"]
        short = {re.sub("_(bucket|sum|count)$", "", name) for name in found}
        known = re.compile("|".join(("up|scrape_.*|.+:.+", *others)))
        return {name for name in short - named if not known.fullmatch(name)}

    assert unnamed("gateway", "envoy_http_.*") == set()
    assert unnamed("sluice") == set()
    assert unnamed("predictor", "(process|python|request)_.*") == set()


def test_a_version_with_traffic_is_not_deleted(platform: Platform, served: Endpoint) -> None:
    with pytest.raises(PlatformError, match="still gets 100% of the traffic"):
        platform.serving.delete("served", "1")
    assert platform.serving.versions("served") == ["1"]


def test_a_deleted_version_leaves_neither_process_nor_cluster(
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion
) -> None:
    create(platform, served, replace(stored, version="2"))
    assert platform.serving.versions("served") == ["1", "2"]
    platform.serving.delete("served", "2")
    platform.serving.delete("served", "2")
    assert platform.serving.versions("served") == ["1"]
    assert pid(home, "served-v2") is None
    clusters = json.loads((home.path / "gateway" / "cds.json").read_text())["resources"]
    assert not [each["name"] for each in clusters if each["name"].startswith("served-v2")]
    assert infer(home, served).status_code == 200


def test_a_version_that_was_never_created_has_no_address(
    platform: Platform, served: Endpoint
) -> None:
    assert state(platform, "9") == "absent"
    with pytest.raises(PlatformError, match="not served"):
        platform.serving.url("served", "9")


def test_a_delete_that_was_killed_half_way_can_be_called_again(
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion
) -> None:
    create(platform, served, replace(stored, version="3"))
    file = home.serving / "served-v3.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"leaving": True}))
    assert platform.serving.versions("served") == ["1", "3"]
    platform.serving.delete("served", "3")
    assert platform.serving.versions("served") == ["1"]
    assert pid(home, "served-v3") is None


def test_files_that_were_altered_after_their_copy_are_refused(
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion
) -> None:
    graph = home.bundles / stored.digest / "model.onnx"
    before = graph.read_bytes()
    graph.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    try:
        with pytest.raises(ArtifactError, match=r"model\.onnx does not match its checksum"):
            platform.serving.create(served, replace(stored, version="4"))
        assert graph.read_bytes() == before, "the next try works"
    finally:
        graph.write_bytes(before)
    assert platform.serving.versions("served") == ["1"]


@pytest.mark.parametrize("damage", ["added to", "cut off", "a file gone", "another manifest"])
def test_a_copy_that_is_not_whole_or_was_added_to_is_fetched_anew(
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion, damage: str
) -> None:
    folder = home.bundles / stored.digest
    if damage == "added to":
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    elif damage == "cut off":
        (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-9])
    elif damage == "a file gone":
        (folder / "tokenizer.json").unlink()
    else:
        (folder / bundle.MANIFEST).write_text("{}")
    platform.serving.create(served, stored)
    bundle.verify(folder, stored.digest, allow_pickle=True)
    assert infer(home, served).status_code == 200


def test_the_copy_of_a_version_s_files_goes_with_its_last_predictor(
    platform: Platform, home: Home, served: Endpoint, tmp_path: Path
) -> None:
    stored = store(platform, write_bundle(tmp_path / "other", max_tokens=16), "5")
    platform.serving.create(served, stored)
    platform.serving.create(served, replace(stored, version="6"))
    platform.serving.delete("served", "5")
    assert (home.bundles / stored.digest / "model.onnx").exists()
    platform.serving.delete("served", "6")
    assert not (home.bundles / stored.digest).exists()


def test_a_version_that_serves_users_keeps_its_files(
    platform: Platform, home: Home, served: Endpoint, tmp_path: Path
) -> None:
    before = pid(home, "served-v1")
    other = store(platform, write_bundle(tmp_path / "other", max_tokens=8), "1")
    with pytest.raises(PlatformError, match="serves users from other files"):
        platform.serving.create(served, other)
    assert pid(home, "served-v1") == before


def test_a_version_with_nothing_of_the_split_may_be_deleted(
    platform: Platform, served: Endpoint, stored: StoredVersion
) -> None:
    create(platform, served, replace(stored, version="7"))
    platform.traffic.set_weights("served", {"1": 100, "7": 0})
    platform.serving.delete("served", "7")
    assert platform.traffic.weights("served") == {"1": 100}
    platform.traffic.wait_in_force("served", {"1": 100}, timeout=1)


def test_a_predictor_that_starts_says_so_and_one_that_cannot_says_why_at_once(
    platform: Platform, home: Home, served: Endpoint, tmp_path: Path
) -> None:
    folder = write_bundle(tmp_path / "broken")
    (folder / "model.onnx").write_bytes(b"no graph")
    stored = store(platform, folder, "8")
    platform.serving.create(served, stored)
    try:
        first = platform.serving.readiness("served", "8")
        # On a machine that does other things as well it may have failed before anybody has looked.
        assert first.state == "failed" or first == Readiness("starting", "its process is starting")
        wait_until(lambda: state(platform, "8") == "failed", seconds=30)
        assert "model.onnx" in platform.serving.readiness("served", "8").why
        # The supervisor tries again, which makes it no better.
        for _ in range(60):
            assert state(platform, "8") == "failed"
            time.sleep(0.05)
    finally:
        platform.serving.delete("served", "8")


def test_a_process_that_ended_before_it_was_ready_has_failed(
    platform: Platform, home: Home, served: Endpoint, stored: StoredVersion
) -> None:
    # The supervisor's times are whole seconds.
    platform.serving.create(served, replace(stored, version="9"))
    time.sleep(1.1)
    try:
        wait_until(lambda: pid(home, "served-v9") is not None)
        os.kill(pid(home, "served-v9") or 0, signal.SIGKILL)
        wait_until(lambda: state(platform, "9") == "failed", seconds=5)
        wait_until(lambda: state(platform, "9") == "ready", seconds=60)
    finally:
        platform.serving.delete("served", "9")
