"""Faults on demand."""

from pathlib import Path

import pytest

from components.errors import PlatformError, Unreachable
from components.platform import Lease, Platform
from components.platform.memory import Killed, World

LEASE = Lease("shop", "shop-v2", "somebody", 120.0, {})


@pytest.fixture
def world() -> World:
    return World()


def test_a_call_that_fails_does_no_work(world: World) -> None:
    world.faults.fail("leases.swap", times=1)
    with pytest.raises(Unreachable, match=r"leases\.swap: no answer"):
        world.platform.leases.swap("shop", None, LEASE)
    assert world.platform.leases.read("shop") is None
    assert world.platform.leases.swap("shop", None, LEASE) is not None


def test_a_call_whose_answer_is_lost_has_done_its_work(world: World) -> None:
    world.faults.fail("records.append", times=1, after=True)
    with pytest.raises(Unreachable, match="its answer was lost"):
        world.platform.records.append("r", 0, b"line\n")
    assert world.platform.records.read("r", 0) == [b"line\n"]
    assert world.platform.records.append("r", 0, b"line\n")


def test_an_interface_is_away_for_a_time(world: World) -> None:
    world.register("toy", alias="champion")
    world.away("registry", for_s=60)
    for seconds in (0, 59.9):
        world.clock.sleep(seconds)
        with pytest.raises(Unreachable):
            world.platform.registry.alias("toy", "champion")
    world.clock.sleep(0.1)
    assert world.platform.registry.alias("toy", "champion") == "1"
    assert world.platform.leases.read("shop") is None


def test_an_interface_is_away_until_it_is_cleared(world: World) -> None:
    world.away("leases")
    world.clock.sleep(1e6)
    with pytest.raises(Unreachable):
        world.platform.leases.read("shop")
    world.faults.clear()
    assert world.platform.leases.read("shop") is None


def test_a_fault_may_begin_at_a_time(world: World) -> None:
    world.clock.at(100, lambda: world.away("leases", for_s=10))
    for t, away in ((99, False), (100, True), (109, True), (110, False)):
        world.clock.sleep(t - world.clock.monotonic())
        if away:
            with pytest.raises(Unreachable):
                world.platform.leases.read("shop")
        else:
            assert world.platform.leases.read("shop") is None


def test_some_calls_go_well_first(world: World) -> None:
    world.faults.fail("leases.read", skip=2, times=2)
    went = []
    for _ in range(6):
        try:
            world.platform.leases.read("shop")
        except Unreachable:
            went.append("failed")
        else:
            went.append("well")
    assert went == ["well", "well", "failed", "failed", "well", "well"]


def test_a_pattern_names_calls_of_several_interfaces(world: World) -> None:
    world.faults.fail("*.read")
    for call in (
        lambda: world.platform.leases.read("shop"),
        lambda: world.platform.records.read("r", 0),
    ):
        with pytest.raises(Unreachable):
            call()
    assert world.platform.records.releases() == []


def test_the_name_of_an_interface_is_no_beginning_of_another_s_calls(world: World) -> None:
    world.away("records")
    world.platform.registry.create_run("experiment", "run", {})
    with pytest.raises(Unreachable):
        world.platform.records.pending()


def test_what_nobody_calls_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match=r"no call is named 'record\.append'"):
        world.faults.fail("record.append")


def test_a_refusal_says_what_it_is_told(world: World) -> None:
    world.faults.fail("traffic.set_weights", error=PlatformError, said="the gateway says no")
    with pytest.raises(PlatformError, match=r"^the gateway says no$"):
        world.platform.traffic.set_weights("shop", {})


def work(platform: Platform) -> None:
    try:
        platform.leases.swap("shop", None, LEASE)
        platform.records.append("r", 0, b"line\n")
    except Exception:  # noqa: BLE001 whatever a step may catch
        platform.leases.swap("shop", None, None)


@pytest.mark.parametrize("after", [False, True])
def test_a_process_is_killed_at_any_call_and_none_of_its_handlers_runs(after: bool) -> None:
    whole = World()
    work(whole.platform)
    calls = whole.faults.calls
    assert calls == ["leases.swap", "records.append"]
    for number, _ in enumerate(calls):
        world = World()
        world.faults.fail("*", skip=number, times=1, after=after, error=Killed)
        with pytest.raises(Killed):
            work(world.platform)
        assert world.faults.calls == calls[: number + 1]


def test_the_first_fault_that_fits_strikes_and_others_wait(world: World) -> None:
    world.faults.fail("leases.read", times=1, said="first")
    world.faults.fail("leases.read", times=1, said="second")
    for said in ("first", "second"):
        with pytest.raises(Unreachable, match=said):
            world.platform.leases.read("shop")
    assert world.platform.leases.read("shop") is None


def test_addresses_are_no_calls(world: World) -> None:
    world.away("registry")
    assert world.platform.registry.url == "memory://mlflow"
    assert world.faults.calls == []


def test_what_a_call_raises_itself_is_its_own(world: World, tmp_path: Path) -> None:
    world.faults.fail("serving.url", after=True)
    with pytest.raises(PlatformError, match="not served"):
        world.platform.serving.url("shop", "1")
