"""After releases that end in every way there is a predictor of the champion, and no other."""

from collections.abc import Callable
from contextlib import suppress

import obstore
import pytest

from components.errors import SluiceError
from components.platform.memory.faults import Killed
from components.registry import names
from components.release import deploying, evaluating, opening, shifting
from components.release.operating import roll_back
from tests.support.worlds import MODEL, NAME, Scene, quick


def good(_found: Scene) -> None:
    """Nothing goes wrong."""


def bad(found: Scene) -> None:
    found.world.behave("2", error_rate=0.3)


def refused(found: Scene) -> None:
    found.passed = False


def dead(found: Scene) -> None:
    found.world.starts("2", after_s=5.0, fails="model.onnx: not a graph")


def silent(found: Scene) -> None:
    found.world.users(NAME, 0.0)


def gateway_away(found: Scene) -> None:
    found.world.clock.after(20.0, lambda: found.world.away("traffic", for_s=60.0))


def registry_away(found: Scene) -> None:
    found.world.clock.after(50.0, lambda: found.world.away("registry", for_s=200.0))


def withdrawn(found: Scene) -> None:
    found.world.registry.set_alias(MODEL, names.CANDIDATE, "2")
    found.world.clock.after(40.0, lambda: found.world.registry.delete_alias(MODEL, "candidate"))


def by_hand(found: Scene) -> None:
    def operator() -> None:
        roll_back(found.world.platform, NAME, "by hand")

    found.world.clock.after(30.0, operator)


def killed(found: Scene) -> None:
    found.world.clock.after(30.0, lambda: found.world.faults.fail("*", error=Killed))


WAYS: list[Callable[[Scene], None]] = [
    *(good, bad, refused, dead, silent, gateway_away, registry_away),
    *(withdrawn, by_hand, killed),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_one_predictor_is_left(way: Callable[[Scene], None]) -> None:
    found = quick(baseline=True)
    way(found)
    with suppress(SluiceError, Killed):
        found.walk("2", "r")
    found.recover()
    (left,) = found.world.serving.versions(NAME)
    assert found.weights == {left: 100}
    assert (left == "2") == (way is good)
    assert found.lease is None


def test_of_a_release_whose_record_is_damaged_nothing_is_left_either() -> None:
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
        evaluating.evaluate(release)
        deploying.deploy(release)
        shifting.shift(release, 1)
    for each in obstore.list(found.world.store, "records/r").collect():
        obstore.put(found.world.store, each["path"], b"{")
    found.recover()
    assert found.world.serving.versions(NAME) == ["1"]
    assert found.weights == {"1": 100}


def test_ten_releases_leave_the_last_champion() -> None:
    found = quick()
    for number in range(2, 12):
        version = str(number)
        if number > 2:
            found.world.register(MODEL)
        found.world.behave(version, error_rate=0.0 if number % 2 else 0.3)
        found.walk(version, f"r{number}")
    assert found.world.serving.versions(NAME) == ["11"]
    assert found.weights == {"11": 100}
