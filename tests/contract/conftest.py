"""The contract of `components.platform`, asked of every platform that there is."""

from collections.abc import Iterator

import httpx
import pytest

from components.endpoint import Endpoint
from components.platform import Platform
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.rigs import LocalRig, MemoryRig, Rig

PLATFORMS = ("memory", "local")


@pytest.fixture(scope="session", params=PLATFORMS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """One platform for all tests, as a cluster would be; each test uses names of its own."""
    if request.param == "memory":
        yield MemoryRig()
        return
    platform: Platform = request.getfixturevalue("platform")
    with httpx.Client(base_url=platform.gateway.url, trust_env=False, timeout=30) as client:
        yield LocalRig(platform, client)


@pytest.fixture(scope="session")
def served(rig: Rig) -> Iterator[Endpoint]:
    """An endpoint whose versions 1 and 2 are ready."""
    endpoint = make_endpoint(rig.name("served"))
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
    endpoint = make_endpoint(rig.name("fresh"))
    yield endpoint
    rig.remove(endpoint.name)
