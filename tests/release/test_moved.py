"""A release whose route somebody else changes while it is under way, or before it begins."""

import pytest

from components.errors import InputError
from tests.support.worlds import NAME, quick


def test_a_route_that_was_changed_ends_its_release_on_the_champion_with_what_was_changed() -> None:
    found = quick(steps=[10, 100])
    found.world.clock.after(30.0, lambda: found.world.proxies.changed.add(NAME))
    with pytest.raises(InputError, match="somebody has changed its route"):
        found.walk("2", "r")
    assert found.one_version("r") == "error"
    assert "somebody has changed its route: take that back" in found.state("r").reason
    assert found.weights == {"1": 100}
    assert found.failed() == 0


def test_a_release_of_a_route_that_was_changed_before_does_not_begin() -> None:
    found = quick()
    found.world.proxies.changed.add(NAME)
    with pytest.raises(InputError, match="somebody has changed its route"):
        found.walk("2", "r")
    assert found.one_version("r") is None
    assert found.world.serving.versions(NAME) == ["1"]
