"""What is served on a cluster is what was evaluated, byte for byte."""

import json
import os
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.embedded import containers, lifecycle, node
from cluster.embedded.kubectl import Kubectl
from cluster.inference_services import inference_service
from cluster.readiness import readiness
from cluster.settings import SYSTEM, Predictor
from components import bundle
from components.platform import Readiness, StoredVersion
from tests.support.bundles import write_bundle
from tests.support.embedded import Embedded
from tests.support.endpoints import endpoint
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TEAM = "demo"
PUT = """
import sys
from pathlib import Path
from components.platform.object_store import bucket
from components.platform.objects import ObjectFiles
address, digest, folder = sys.argv[1:]
store = bucket("s3://sluice", address)
ObjectFiles(store, "s3://sluice", lambda _: store).put("verified", "1", digest, Path(folder))
"""


@pytest.fixture(scope="module")
def ask(embedded: Embedded) -> Iterator[Kubectl]:
    """The administrator; what this room serves goes with it."""
    kubectl = lifecycle.kubectl(embedded.home)
    yield kubectl
    names = ("verified-v1", "verified-v2")
    flags = ("--ignore-not-found", "--wait=false", "--namespace", TEAM)
    kubectl.run("delete", "inferenceservice", *names, *flags)


def put(embedded: Embedded, ask: Kubectl, digest: str, folder: Path) -> None:
    """Put the folder's files where a version of that digest has its files."""
    pid = node.first_process(embedded.home)
    assert pid
    secret = json.loads(ask.run("get", "secret", "sluice-store", "-n", TEAM, "-o", "json"))
    keys = {name: b64decode(value).decode() for name, value in secret["data"].items()}
    where = ("service", "s3", "-n", SYSTEM, "-o", "jsonpath={.spec.clusterIP}")
    address = f"http://{ask.run('get', *where)}:8333"
    kept = {name: each for name, each in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [*node.inside(pid), sys.executable, "-c", PUT, address, digest, str(folder)]
    subprocess.run(command, env=kept | keys, check=True)


def serve(ask: Kubectl, version: str, digest: str) -> None:
    """Serve the files of that digest as a version."""
    stored = StoredVersion("verified", version, digest, f"s3://sluice/versions/{digest}")
    little = {"cpu": "100m", "memory": "512Mi"}
    made = inference_service(
        endpoint("verified", serving={"resources": little}),
        stored,
        version,
        Predictor(image=containers.name("predictor"), pull="Never"),
    )
    made["metadata"]["namespace"] = TEAM
    ask.apply([made])


def found(ask: Kubectl, version: str) -> Readiness:
    """What the platform says of the version's predictor."""
    named = ("-n", TEAM, "-o", "json")
    service = json.loads(ask.run("get", "inferenceservice", f"verified-v{version}", *named))
    label = f"serving.kserve.io/inferenceservice=verified-v{version}"
    pods = json.loads(ask.run("get", "pods", "-l", label, *named))["items"]
    of = f"kubernetes.io/service-name=verified-v{version}-predictor"
    slices = json.loads(ask.run("get", "endpointslices", "-l", of, *named))["items"]
    return readiness(service, pods, slices, time.time())


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "files")


def test_files_that_add_up_are_served(embedded: Embedded, ask: Kubectl, files: Path) -> None:
    digest = bundle.write_manifest(files)
    put(embedded, ask, digest, files)
    serve(ask, "1", digest)
    wait_until(lambda: found(ask, "1").state == "ready", 300, found(ask, "1").why)


def test_a_changed_byte_never_gets_ready_and_says_which_file(
    embedded: Embedded, ask: Kubectl, files: Path
) -> None:
    (files / "bundle.json").write_bytes((files / "bundle.json").read_bytes() + b" ")
    digest = bundle.write_manifest(files)
    graph = bytearray((files / "model.onnx").read_bytes())
    graph[100] ^= 1
    (files / "model.onnx").write_bytes(graph)
    put(embedded, ask, digest, files)
    serve(ask, "2", digest)
    wait_until(lambda: found(ask, "2").state != "starting", 300)
    said = found(ask, "2")
    assert (said.state, said.why) == (
        "failed",
        "/mnt/models: model.onnx does not match its checksum: it was altered",
    )
