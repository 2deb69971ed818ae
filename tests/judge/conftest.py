"""Fixtures of the judge's tests."""

from collections.abc import Callable

import pytest
from hypothesis import settings

from tests.support.polls import Gateway

# The machine may be busy, and a test that failed here fails there.
settings.register_profile("sluice", deadline=None, derandomize=True)
settings.load_profile("sluice")


@pytest.fixture
def gateway() -> Callable[..., Gateway]:
    """Make a gateway whose champion has served 20,000 requests."""
    return Gateway
