"""After releases that end in every way there is a predictor of the champion, and no other."""

from collections.abc import Callable
from contextlib import suppress

import obstore
import pytest

from components.errors import InputError, SluiceError
from components.platform.memory.faults import Killed
from components.registry import names
from components.release import deploying, evaluating, losers, opening, shifting
from components.release.losers import LOSERS_GO_S
from components.release.operating import roll_back
from components.release.reaper import AGAIN_S, Reaper
from components.release.wanted import standing
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


def refuses(found: Scene) -> None:
    """Nobody can be asked to stop a predictor, as where KServe's webhook is down."""
    found.world.faults.fail("serving.delete", said="failed calling webhook")


def hangs(found: Scene) -> None:
    """What is told to go stays, as where a finalizer is not taken away."""
    found.world.serving.stay |= {"2", "3"}


def mended(found: Scene) -> None:
    found.world.faults.clear()
    found.world.serving.stay.clear()


AWAY = pytest.mark.parametrize("away", [refuses, hangs], ids=lambda each: each.__name__)


def at_ten(version: str = "2") -> Scene:
    """A release at 10%."""
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, version)
        evaluating.evaluate(release)
        deploying.deploy(release)
        shifting.shift(release, 1)
    return found


def is_left(found: Scene, release_id: str = "r") -> bool:
    """The endpoint is free, production has its traffic, and the loser is still there."""
    assert found.lease is None
    assert found.weights == {"1": 100}
    assert release_id in found.world.platform.records.pending()
    return "2" in found.world.serving.versions(NAME)


def stopped(found: Scene, release_id: str = "r") -> str | None:
    """The outcome, once the platform takes orders again and a reaper has looked."""
    mended(found)
    found.reap(2 * AGAIN_S)
    return found.one_version(release_id)


@AWAY
def test_a_rollback_by_hand_keeps_the_lease_for_its_patience_and_says_what_is_left(
    away: Callable[[Scene], None],
) -> None:
    found = at_ten()
    away(found)
    began = found.world.clock.monotonic()
    done = roll_back(found.world.platform, NAME, "wrong labels")
    assert found.world.clock.monotonic() - began <= LOSERS_GO_S + 1
    assert (done.weights, done.outcome) == ({"1": 100}, "rolled_back")
    assert done.left.endswith("the reaper tries again")
    assert is_left(found)
    (line,) = losers.remaining(found.world.platform)
    assert line.startswith("demo version 2: release r has ended, and it has not gone yet")
    reaper = Reaper(found.world.platform)
    assert [each.startswith("r: not cleaned up yet: ") for each in reaper.run()] == [True]
    assert is_left(found)
    mended(found)
    found.world.clock.sleep(AGAIN_S)
    assert reaper.run() == ["r: cleaned up"]
    assert list(losers.remaining(found.world.platform)) == []
    assert found.one_version("r") == "rolled_back"


@AWAY
def test_a_reaper_gives_back_lease_and_record_in_one_pass_and_asks_again(
    away: Callable[[Scene], None],
) -> None:
    found = at_ten()
    away(found)
    reaper = Reaper(found.world.platform)
    reaper.run()
    found.world.clock.sleep(60.0)
    began = found.world.clock.monotonic()
    said = reaper.run()
    assert found.world.clock.monotonic() - began < 1.0
    assert said[0] == "r: error: the pipeline stopped before a verdict"
    assert said[1].startswith("r: not cleaned up yet: ")
    assert is_left(found)
    told = [moment.labels["outcome"] for moment in found.world.told]
    assert told == ["error"], "people do not wait for it either"
    for _ in range(20):
        found.world.clock.sleep(2.0)
        assert reaper.run() == []
    mended(found)
    found.world.clock.sleep(AGAIN_S)
    assert reaper.run() == ["r: cleaned up"]
    assert found.one_version("r") == "error"
    assert len(found.world.told) == len(told)


@AWAY
def test_an_end_of_its_own_waits_for_its_patience_and_no_longer(
    away: Callable[[Scene], None],
) -> None:
    found = quick()
    found.world.behave("2", error_rate=0.3)
    away(found)
    assert found.walk("2", "r").outcome == "rolled_back"
    assert is_left(found)
    assert stopped(found) == "rolled_back"


def test_a_drain_that_takes_its_usual_seconds_is_waited_for() -> None:
    found = at_ten()
    hangs(found)
    found.world.clock.after(LOSERS_GO_S / 2, found.world.serving.stay.clear)
    done = roll_back(found.world.platform, NAME, "wrong labels")
    assert done.left == ""
    assert found.one_version("r") == "rolled_back"


@AWAY
@pytest.mark.parametrize("version", ["2", "3"])
def test_the_next_release_begins_while_a_loser_is_left(
    away: Callable[[Scene], None], version: str
) -> None:
    found = at_ten()
    found.world.register(MODEL)
    away(found)
    roll_back(found.world.platform, NAME, "wrong labels")
    assert is_left(found)
    assert NAME not in standing(found.world.platform).busy

    def pass_over() -> None:
        # Under another's lease a reaper stops nothing: it may be the one that is released.
        Reaper(found.world.platform).run()

    found.world.clock.after(20.0, lambda: mended(found))
    for at in range(5, 60, 5):
        found.world.clock.after(float(at), pass_over)
    assert found.walk(version, "r2", engine="engine 2").outcome == "promoted"
    found.recover(3 * AGAIN_S)
    assert found.world.serving.versions(NAME) == [version]
    assert found.weights == {version: 100}
    assert found.world.platform.records.pending() == []
    assert found.failed() == 0


def test_a_loser_of_a_damaged_record_that_does_not_go_is_told() -> None:
    found = at_ten()
    for each in obstore.list(found.world.store, "records/r").collect():
        obstore.put(found.world.store, each["path"], b"{")
    refuses(found)
    said = found.reap(70)
    assert any("; the endpoint's next release stops what is left: " in line for line in said)
    assert found.lease is None
    with pytest.raises(InputError):
        found.state("r")
    mended(found)
    found.world.register(MODEL)
    assert found.walk("3", "r2").outcome == "promoted"
    assert found.world.serving.versions(NAME) == ["3"]
