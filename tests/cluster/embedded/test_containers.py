import json
import re
from pathlib import Path

import pytest

from cluster.embedded import containers, lifecycle
from cluster.embedded.home import cache
from components.errors import PlatformError
from tests.support.embedded import Embedded


def test_an_image_has_a_name_of_its_own_for_each_target() -> None:
    names = {containers.name(target) for target in containers.TARGETS}
    assert len(names) == len(containers.TARGETS)
    assert all(name.startswith("localhost/sluice-") for name in names)


def test_without_its_tools_an_image_is_not_built_and_the_mend_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match="apt-get install mmdebstrap"):
        containers.build("predictor", tmp_path)


@pytest.mark.cluster
@pytest.mark.parametrize("target", sorted(containers.TARGETS))
def test_an_image_is_no_larger_than_it_may_be_and_says_its_commit(
    embedded: Embedded, target: str
) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", containers.revision(target, cache()))
    assert containers.size(target, cache()) <= containers.TARGETS[target].most_mb * 10**6


@pytest.mark.cluster
@pytest.mark.timeout(1800)
def test_what_is_in_an_image_is_listed(tmp_path: Path) -> None:
    path = containers.listed("predictor", cache(), tmp_path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["bomFormat"] == "CycloneDX"
    names = {each["name"] for each in found["components"]}
    assert "onnxruntime" in names
    assert names.isdisjoint({"pip", "setuptools", "cyclonedx-bom"})


@pytest.mark.cluster
def test_the_predictors_image_runs_as_nobody_and_writes_nowhere(embedded: Embedded) -> None:
    image = containers.name("predictor")
    kubectl = lifecycle.kubectl(embedded.home)
    closed = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container = {
        "name": "predictor",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", "import components.predictor.kserve.grpc, mlflow.pyfunc"],
        "securityContext": closed,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "predictor-image", "namespace": "default"},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    kubectl.apply([pod])
    flags = ("--for", "jsonpath={.status.phase}=Succeeded", "--timeout", "300s")
    kubectl.run("wait", "pod/predictor-image", *flags)
    kubectl.run("delete", "pod", "predictor-image", "--wait=false")
