"""A server that is away for a moment ends no step, wherever the release stands."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httpx
import pytest

from components.errors import SluiceError, Unreachable
from components.platform.memory import Killed, World
from components.platform.patience import PATIENCE_S, Patience
from components.registry import Registry
from components.release.patience import patient
from tests.release.test_killed import PROMOTED, ROLLED_BACK, Road, calls
from tests.support.worlds import MODEL, quick


@pytest.mark.parametrize(
    ("road", "after"),
    [
        pytest.param(PROMOTED, False, id="promoted-asked"),
        pytest.param(ROLLED_BACK, True, id="rolled back-done"),
        pytest.param(PROMOTED, True, id="promoted-done", marks=pytest.mark.long),
        pytest.param(ROLLED_BACK, False, id="rolled back-asked", marks=pytest.mark.long),
    ],
)
def test_every_call_of_a_step_waits_until_the_registry_is_back(road: Road, after: bool) -> None:
    made = calls(road)
    expected = "promoted" if road is PROMOTED else "rolled_back"
    for number, call in enumerate(made):
        if not call.startswith("registry."):
            continue
        found = road.scene()
        road.turn(found)
        faults = found.world.faults
        strike = partial(faults.fail, "registry", for_s=5, after=after)
        faults.before(len(faults.calls) + number - 1, strike)
        assert found.walk(road.version, "r").outcome == expected, (number, call)
        found.recover(30)
        assert found.one_version("r") == expected, (number, call)
        runs = [run for run in found.world.registry.runs.values() if run.name == "r"]
        assert len(runs) == 1


def struck(status: int) -> Callable[[str], BaseException]:
    """What MLflow's client makes of an answer of this status."""
    answer = httpx.Response(status, headers={"retry-after": "0"}, json={"message": "not now"})

    def raised(_: str) -> BaseException:
        registry = Registry("http://mlflow.test", httpx.MockTransport(lambda _: answer))
        try:
            registry.alias(MODEL, "champion")
        except SluiceError as error:
            return error
        raise AssertionError(status)

    return raised


@pytest.mark.parametrize(
    "status", [429, *(pytest.param(more, marks=pytest.mark.long) for more in (401, 408, 409, 425))]
)
def test_a_registry_that_puts_one_call_off_ends_no_release(status: int) -> None:
    for number, call in enumerate(calls(PROMOTED)):
        if not call.startswith("registry."):
            continue
        found = PROMOTED.scene()
        PROMOTED.turn(found)
        faults = found.world.faults
        strike = partial(faults.fail, "registry", times=1, error=struck(status))
        faults.before(len(faults.calls) + number - 1, strike)
        assert found.walk("2", "r").outcome == "promoted", (number, call)
        found.recover(30)
        assert found.one_version("r") == "promoted", (number, call)


def test_a_mark_that_the_registry_forbids_stops_no_canary() -> None:
    found = quick()
    found.world.faults.fail("registry.swap_alias", times=1, error=struck(403))
    assert found.walk("2", "r").outcome == "promoted"
    assert "registry_refused" in found.events("r")


SERVERS = ("leases", "traffic", "serving", "records", "files", "endpoints", "decisions")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("road", [PROMOTED, ROLLED_BACK], ids=["promoted", "rolled back"])
@pytest.mark.parametrize(
    ("for_s", "after"),
    [
        pytest.param(25, False, id="asked"),
        pytest.param(5, True, id="done"),
        pytest.param(5, False, id="asked-soon back", marks=pytest.mark.long),
        pytest.param(25, True, id="done-long away", marks=pytest.mark.long),
    ],
)
def test_a_server_that_is_away_from_any_call_on_changes_no_end(
    road: Road, server: str, for_s: float, after: bool
) -> None:
    expected = "promoted" if road is PROMOTED else "rolled_back"
    for number, call in enumerate(calls(road)):
        if not call.startswith(f"{server}."):
            continue
        found = road.scene()
        road.turn(found)
        faults = found.world.faults
        strike = partial(faults.fail, server, for_s=for_s, after=after)
        faults.before(len(faults.calls) + number - 1, strike)
        # A share that could not be written down is taken back, and then the route is not as it was.
        ends = {expected, "error"} if call == "records.append" else {expected}
        with suppress(SluiceError):
            found.walk(road.version, "r")
        found.recover(30)
        assert found.one_version("r") in ends, (number, call)


def test_it_waits_so_long_in_all_and_no_longer() -> None:
    world = World()
    world.register(MODEL)
    registry = patient(world.platform.registry, Patience(world.clock, PATIENCE_S))
    for _ in range(2):
        world.away("registry", for_s=20)
        assert registry.alias(MODEL, "champion") is None
    world.away("registry")
    with pytest.raises(Unreachable):
        registry.alias(MODEL, "champion")
    assert world.clock.monotonic() == pytest.approx(PATIENCE_S, abs=2)
    with pytest.raises(Unreachable):
        registry.alias(MODEL, "champion")
    assert world.clock.monotonic() == pytest.approx(PATIENCE_S, abs=2)


def test_what_is_no_outage_is_told_at_once() -> None:
    world = World()
    world.faults.fail("registry", error=Killed)
    registry = patient(world.platform.registry, Patience(world.clock, PATIENCE_S))
    with pytest.raises(Killed):
        registry.alias(MODEL, "champion")


def test_a_reaper_waits_for_no_registry() -> None:
    found = quick()
    found.world.faults.fail("records.append", skip=2, times=1, error=Killed)
    with pytest.raises(Killed):
        found.walk("2", "r")
    found.world.away("registry")
    found.reap(90)
    assert found.lease is None
    assert found.weights == {"1": 100}
