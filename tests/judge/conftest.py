"""Fixtures of the judge's tests."""

import pytest
from hypothesis import settings

from tests.support.polls import Gateway, MakeGateway

# The machine may be busy, and a test that failed here fails there.
settings.register_profile("sluice", deadline=None, derandomize=True)
settings.load_profile("sluice")


@pytest.fixture
def gateway() -> MakeGateway:
    """Make a gateway whose champion has served 20,000 requests."""
    return Gateway
