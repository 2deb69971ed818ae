"""Fixtures of the tests that need an installation in a cluster."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cluster.api import Api
from cluster.connect import NAMESPACE
from components import bundle
from components.endpoint import Endpoint
from components.errors import InputError
from components.platform import Platform, RouteLimits
from tests.support import pyfuncs, sleeping
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.releases import sluice
from tests.support.rigs import KubernetesRig
from tests.support.road import Place

USER = "demo"


@pytest.fixture(scope="module")
def as_a_user(on_cluster: KubernetesRig) -> Iterator[None]:
    """`sluice` is asked of the installation, where somebody has a key."""
    with suppress(InputError):  # they have one, maybe since a moment ago
        on_cluster.platform.gateway.add(USER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_PLATFORM", "cluster")
        patch.setenv(NAMESPACE, on_cluster.namespace)
        yield


@pytest.fixture(scope="module")
def prepared(on_cluster: KubernetesRig, as_a_user: None) -> Platform:
    """The installation with the example models registered."""
    done = sluice("prepare", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return on_cluster.platform


@pytest.fixture(scope="module")
def place(
    prepared: Platform,
    kubernetes: Api,
    on_cluster: KubernetesRig,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    """Where `tests.support.road.released` makes an endpoint."""
    return Place(prepared, kubernetes, on_cluster.namespace, tmp_path_factory)


@pytest.fixture
def sleeper(on_cluster: KubernetesRig, tmp_path: Path) -> Iterator[Endpoint]:
    """An endpoint whose model takes the seconds that its input says, of 50 at most.

    Version 1 has all of its traffic.
    """
    rig = on_cluster
    serving = {
        "runtime": "mlflow",
        "allow_pickle": True,
        "resources": {"cpu": "60m", "memory": "1Gi"},
        "execution": {"executors": 1, "threads": 1, "batching": "alone"},
        "queue": {"deadline": "50s"},
    }
    endpoint = make_endpoint(rig.name("sleeper"), serving=serving)
    columns = {sleeping.COLUMN: "double"}
    folder = pyfuncs.save(tmp_path / "model", sleeping.PREDICT, columns=columns)
    digest = bundle.write_manifest(folder)
    try:
        stored = rig.platform.files.put(endpoint.model, "1", digest, folder)
        rig.platform.serving.create(endpoint, stored)
        rig.wait_ready(endpoint.name, "1")
        limits = RouteLimits(100, endpoint.serving.queue.deadline + 1)
        rig.platform.traffic.set_weights(endpoint.name, {"1": 100}, limits)
        rig.platform.traffic.wait_in_force(endpoint.name, {"1": 100}, timeout=10)
        yield endpoint
    finally:
        rig.remove(endpoint.name)
