"""What a predictor may write to its node's disk, and images that its node cannot have."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from cluster.api import Api
from cluster.disk import disk
from cluster.inference_services import FILES
from cluster.kinds import EVENT, POD, Object
from cluster.names import predictor_name
from cluster.readiness import has_ended
from cluster.serving import KServing
from components import bundle
from components.endpoint import Endpoint
from components.platform import StoredVersion
from components.printing import say
from components.quantity import amount
from tests.support.bundles import write_bundle
from tests.support.killing import pods
from tests.support.present import present
from tests.support.rigs import KubernetesRig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

PADDING = 160 * 2**20
"""More than is left for a file system's own needs, and less than what is linked, not copied."""
EVICTED_S = 300.0
"""The kubelet counts what is in a volume once a minute."""


@pytest.fixture
def endpoint(on_cluster: KubernetesRig) -> Iterator[Endpoint]:
    made = on_cluster.endpoint("disk")
    yield made
    on_cluster.remove(made.name)


@pytest.fixture
def stored(on_cluster: KubernetesRig, endpoint: Endpoint, tmp_path: Path) -> StoredVersion:
    """A version that loads, with a large file that nobody needs."""
    folder = write_bundle(tmp_path / "files")
    (folder / "padding.bin").write_bytes(bytes(PADDING))
    digest = bundle.write_manifest(folder)
    return on_cluster.platform.files.put(endpoint.model, "1", digest, folder)


def of(endpoint: Endpoint, version: str) -> dict[str, str]:
    """The label of a version's pods."""
    return {"serving.kserve.io/inferenceservice": predictor_name(endpoint.name, version)}


def bounds(pod: Object) -> tuple[dict[str, float], dict[str, float]]:
    """How large its volumes may be, and what its predictor asks for and may have of the disk."""
    volumes = {
        each["name"]: amount(each["emptyDir"]["sizeLimit"])
        for each in pod["spec"]["volumes"]
        if "sizeLimit" in (each.get("emptyDir") or {})
    }
    [own] = [each for each in pod["spec"]["containers"] if each["name"] == "kserve-container"]
    return volumes, {
        kind: amount(own["resources"][kind]["ephemeral-storage"]) for kind in ("requests", "limits")
    }


def test_a_pod_beyond_its_version_s_size_is_evicted_told_and_cleared_away_and_one_within_stays(
    on_cluster: KubernetesRig, kubernetes: Api, endpoint: Endpoint, stored: StoredVersion
) -> None:
    """Version 2 has the same files, and the platform is told that they are one byte."""
    serving, namespace = on_cluster.platform.serving, on_cluster.namespace
    serving.create(endpoint, stored)
    serving.create(endpoint, replace(stored, version="2", size=1))
    on_cluster.wait_ready(endpoint.name, "1")
    [within] = pods(kubernetes, namespace, of(endpoint, "1"))
    given = present(disk(stored.size, endpoint.serving.resources.memory))
    assert bounds(within) == (
        {"tmp": amount(given.scratch), FILES: amount(given.files)},
        {"requests": amount(given.request), "limits": amount(given.limit)},
    )
    beyond: list[Object] = []

    def evicted() -> bool:
        found = pods(kubernetes, namespace, of(endpoint, "2"))
        beyond[:] = [each for each in found if has_ended(each)]
        return bool(beyond)

    wait_until(evicted, EVICTED_S, "an eviction of version 2")
    name = beyond[0]["metadata"]["name"]

    def told() -> list[str]:
        """Of a pod that let its requests finish the Event alone says that it was evicted."""
        listed = kubernetes.list(EVENT, namespace)
        of_it = [each for each in listed if (each.get("regarding") or {}).get("name") == name]
        return [each["note"] for each in of_it if each["reason"] == "Evicted"]

    wait_until(lambda: bool(told()), 60, "its Event")
    say(f"version 2: {told()[0]}")
    assert FILES in told()[0]
    assert [each.arm for each in serving.running(endpoint.name)].count("2") <= 1
    # With its true size it serves: what is left of its former pods is history.
    serving.create(endpoint, replace(stored, version="2"))
    wait_until(lambda: kubernetes.get(POD, namespace, name) is None, EVICTED_S, "its clearing away")
    [still] = pods(kubernetes, namespace, of(endpoint, "1"))
    assert still["metadata"]["uid"] == within["metadata"]["uid"]
    assert serving.readiness(endpoint.name, "1").state == "ready"
    serving.delete(endpoint.name, "2")
    assert pods(kubernetes, namespace, of(endpoint, "2")) == []


@pytest.mark.parametrize(
    ("pull", "said"), [("Never", "ErrImageNeverPull"), ("IfNotPresent", "Pull")]
)
def test_an_image_that_cannot_be_had_ends_the_wait_with_the_kubelet_s_words(
    on_cluster: KubernetesRig, endpoint: Endpoint, pull: str, said: str
) -> None:
    real = cast(KServing, on_cluster.platform.serving)
    settings = real.settings.model_copy(update={"image": "localhost/none:1", "pull": pull})
    serving = replace(real, settings=settings)
    serving.create(endpoint, on_cluster.stored(endpoint, "1"))

    def failed() -> bool:
        return serving.readiness(endpoint.name, "1").state == "failed"

    wait_until(failed, 120, "the reason")
    why = serving.readiness(endpoint.name, "1").why
    say(f"pull {pull}: {why}")
    assert said in why
    assert "localhost/none:1" in why
