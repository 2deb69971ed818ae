"""Stand-in predictors behind the gateway under test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from components.platform import Platform
from local.home import Home, find_home
from tests.support.stands import Stand, Upstream, stand, upstreams


@pytest.fixture(scope="session")
def home(platform: Platform) -> Home:
    return find_home()


@pytest.fixture(scope="session")
def shared_upstreams() -> Iterator[dict[str, Upstream]]:
    with upstreams() as started:
        yield started


@pytest.fixture
def stand_for(
    platform: Platform, shared_upstreams: dict[str, Upstream]
) -> Iterator[Callable[..., Stand]]:
    """Make an endpoint of its own with versions 1 and 2; ``own`` ones may be killed."""
    with ExitStack() as open_ones:

        def make(name: str, rps: int = 100_000, own: bool = False) -> Stand:
            served = open_ones.enter_context(upstreams()) if own else shared_upstreams
            return open_ones.enter_context(stand(platform, name, served, rps))

        yield make
