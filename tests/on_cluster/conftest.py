"""Fixtures of the tests that need an installation in a cluster."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from cluster.connect import NAMESPACE
from components.errors import InputError
from components.platform import Platform
from tests.support.releases import sluice
from tests.support.rigs import KubernetesRig

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
