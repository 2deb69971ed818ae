"""Users who stay with the version that answered once: no share would be what it is asked to be."""

import pytest

from components.errors import PlatformError
from tests.support.worlds import NAME, quick


def test_an_endpoint_whose_users_stay_is_refused_before_anything_is_done() -> None:
    found = quick()
    found.world.proxies.sticky.add(NAME)
    with pytest.raises(PlatformError, match="stay with the version"):
        found.walk("2", "r")
    assert found.one_version("r") is None
    assert found.weights == {"1": 100}
    assert found.world.serving.versions(NAME) == ["1"]


def test_one_whose_users_begin_to_stay_goes_back_to_its_champion() -> None:
    found = quick(steps=[10, 50, 100])
    found.world.clock.after(30.0, lambda: found.world.proxies.sticky.add(NAME))
    with pytest.raises(PlatformError, match="stay with the version"):
        found.walk("2", "r")
    assert found.one_version("r") == "error"
    assert found.failed() == 0
