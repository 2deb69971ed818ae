"""Fixtures of the tests that need an installation in a cluster."""

from collections.abc import Iterator

import pytest

from cluster.connect import NAMESPACE
from tests.support.rigs import KubernetesRig

USER = "demo"


@pytest.fixture(scope="module")
def as_a_user(on_cluster: KubernetesRig) -> Iterator[None]:
    """`sluice` is asked of the installation, where somebody has a key."""
    if USER not in on_cluster.platform.gateway.clients():
        on_cluster.platform.gateway.add(USER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICE_PLATFORM", "cluster")
        patch.setenv(NAMESPACE, on_cluster.namespace)
        yield
