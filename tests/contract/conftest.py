"""The contract of `components.platform`, asked of every platform that there is.

On Kubernetes all of it is asked of the installation in the cluster of ``$KUBECONFIG``, from where
its addresses can be reached, as under ``sluice cluster run``. Without one, an API server and an
object store are started, and what these suffice for is asked of them.
"""

import os
from collections.abc import Iterator
from typing import cast

import httpx
import pytest

from cluster import connect
from cluster.api import Api
from cluster.kinds import SECRET
from cluster.settings import Settings
from components.endpoint import Endpoint
from components.platform import Platform
from components.registry import Registry
from tests.support.rigs import KubernetesRig, LocalRig, MemoryRig, Rig
from tests.support.seaweed import object_store

NOBODY = "http://127.0.0.1:9"
"""An address at which no server is."""

PLATFORMS = ("memory", "local", pytest.param("kubernetes", marks=pytest.mark.cluster))

OBJECTS_ALONE = (
    *("test_decisions.py", "test_endpoints.py", "test_files.py", "test_gateway.py"),
    *("test_leases.py", "test_moments.py", "test_records.py"),
)
"""What an API server and an object store suffice for, without any node..."""
ON_A_WIRE = "test_answers.py"
"""What is asked of platforms that speak HTTP."""
NEEDS_A_GATEWAY = ("served", "routed", "fresh")
"""...less what asks for these."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs controllers, or a wire, where there are none."""
    left_out = [item for item in items if _on(item, "memory") and item.path.name == ON_A_WIRE]
    if "KUBECONFIG" not in os.environ:
        left_out += [item for item in items if _on(item, "kubernetes") and not _suffices(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _on(item: pytest.Item, platform: str) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("rig") == platform


def _suffices(item: pytest.Item) -> bool:
    asked = getattr(item, "fixturenames", ())
    return item.path.name in OBJECTS_ALONE and not set(NEEDS_A_GATEWAY) & set(asked)


@pytest.fixture(scope="session", params=PLATFORMS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """One platform for all tests, as a cluster would be; each test uses names of its own."""
    if request.param == "memory":
        yield MemoryRig()
        return
    if request.param == "kubernetes":
        whole = "KUBECONFIG" in os.environ
        yield request.getfixturevalue("on_cluster" if whole else "on_kubernetes")
        return
    platform: Platform = request.getfixturevalue("platform")
    with httpx.Client(base_url=platform.gateway.url, trust_env=False, timeout=30) as client:
        yield LocalRig(platform, client)


@pytest.fixture(scope="session")
def on_kubernetes(
    kubernetes: Api, team: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """A team's namespace of an API server, and an object store."""
    with object_store(tmp_path_factory.mktemp("store")) as store:
        secret = {"AWS_ACCESS_KEY_ID": store.access, "AWS_SECRET_ACCESS_KEY": store.secret}
        made = SECRET.object({"name": "store"}, stringData=secret)
        kubernetes.create(SECRET, team, made)
        settings = Settings.model_validate(
            {
                "store": {"uri": "s3://sluice", "endpoint": store.url, "secret": "store"},
                "gateway": {"url": NOBODY},
                "predictor": {"image": "localhost/none:1"},
                "prometheus": NOBODY,
                "registry": NOBODY,
            }
        )
        connected = connect.platform(kubernetes, team, settings)
        with httpx.Client(base_url=NOBODY) as client:
            yield KubernetesRig(connected, client, kubernetes, team)
        cast(Registry, connected.registry).close()


@pytest.fixture(scope="session")
def served(rig: Rig) -> Iterator[Endpoint]:
    """An endpoint whose versions 1 and 2 are ready."""
    endpoint = rig.endpoint("served")
    for version in ("1", "2"):
        rig.platform.serving.create(endpoint, rig.stored(endpoint, version))
    for version in ("1", "2"):
        rig.wait_ready(endpoint.name, version)
    yield endpoint
    rig.remove(endpoint.name)


@pytest.fixture
def routed(rig: Rig, served: Endpoint) -> Iterator[Endpoint]:
    """The served endpoint with all traffic on version 1, which a test may move."""
    rig.split(served.name, {"1": 100})
    yield served
    rig.split(served.name, {"1": 100})


@pytest.fixture
def fresh(rig: Rig) -> Iterator[Endpoint]:
    """An endpoint of which the platform knows nothing yet."""
    endpoint = rig.endpoint("fresh")
    yield endpoint
    rig.remove(endpoint.name)
