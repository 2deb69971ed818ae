"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator

import pytest

from components.platform import Platform
from components.registry import Registry
from tests.support.releases import sluice


@pytest.fixture(scope="session")
def prepared(platform: Platform) -> Platform:
    """The platform with the example models registered."""
    done = sluice("prepare", timeout=600)
    assert done.returncode == 0, done.stderr
    return platform


@pytest.fixture(scope="session")
def registry(prepared: Platform) -> Iterator[Registry]:
    """The platform's MLflow."""
    client = Registry(prepared.registry.url)
    yield client
    client.close()
