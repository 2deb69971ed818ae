"""The lease: one release an endpoint, compare-and-swap, and what a stale holder may not do."""

from dataclasses import replace

import pytest

from components.errors import LeaseHeld, PlatformError, Unreachable
from components.platform import Lease
from components.platform.memory import World
from components.release.lease import SURE_S, HeldLease, LeaseWatch, acquire, this_process
from tests.support.present import present

LEASE = Lease("e", "r1", "engine 1", 60.0, {"1": 100})


@pytest.fixture
def world() -> World:
    return World()


def take(world: World, **changes: object) -> HeldLease:
    wanted = replace(LEASE, **changes)  # type: ignore[arg-type]  # a test's own names
    return acquire(world.platform.leases, world.clock, wanted)


def test_a_second_release_is_refused_and_told_who_holds_it(world: World) -> None:
    take(world, holder=this_process())
    said = (
        r"endpoint e is held by release r1 \(process \d+ on .*\); if that is silent for 60 s the"
        r" reaper ends it; resume it with 'sluice release --resume r1' or wait"
    )
    with pytest.raises(LeaseHeld, match=said):
        take(world, release_id="r2")


def test_another_endpoint_is_free(world: World) -> None:
    take(world)
    take(world, endpoint="f", release_id="r2")
    leases = world.platform.leases
    assert {present(leases.read(each)).release_id for each in leases.endpoints()} == {"r1", "r2"}


def test_the_next_step_of_the_same_release_takes_over_and_the_older_one_stops(
    world: World,
) -> None:
    older = take(world)
    newer = take(world, holder="engine 2")
    with pytest.raises(LeaseHeld, match="release r1 was taken over by engine 2: this one stops"):
        older.renew()
    newer.renew()


def test_whoever_takes_over_keeps_what_the_lease_says_of_the_end(world: World) -> None:
    take(world).note_returned("an operator", "wrong labels")
    newer = take(world, restore={}, seconds=30.0)
    assert newer.lease.restore == {"1": 100}
    assert (newer.lease.returned, newer.lease.reason) == ("an operator", "wrong labels")
    assert newer.lease.seconds == 30


def test_a_renewal_is_heard_of(world: World) -> None:
    held = take(world)
    first = present(world.leases.read("e"))
    world.clock.sleep(10)
    assert held.silent_s() == 10
    held.renew()
    assert held.silent_s() == 0
    second = present(world.leases.read("e"))
    assert second.token != first.token
    assert second.renewals == first.renewals + 1
    assert second == held.lease
    held.renew(restore={"2": 100})
    assert present(world.leases.read("e")).restore == {"2": 100}


def test_a_released_lease_is_free_and_its_old_token_is_dead(world: World) -> None:
    held = take(world)
    held.release()
    assert world.leases.read("e") is None
    with pytest.raises(LeaseHeld, match="release r1 was ended by another process"):
        held.renew()
    take(world, release_id="r2")
    with pytest.raises(LeaseHeld):
        held.renew()
    held.release()
    assert present(world.leases.read("e")).release_id == "r2"


def test_a_silent_lease_is_the_reaper_s_not_another_release_s(world: World) -> None:
    take(world)
    world.clock.sleep(1000)
    with pytest.raises(LeaseHeld, match="the reaper ends it"):
        take(world, release_id="r2")


def test_who_loses_the_race_for_a_free_lease_is_told_who_won(world: World) -> None:
    # The answer says that somebody was faster; what is read then is another release's.
    class Late:
        def __init__(self) -> None:
            self.read = world.leases.read
            self.age = world.leases.age
            self.endpoints = world.leases.endpoints
            self.make_room = world.leases.make_room
            self.age = world.leases.age

        def swap(self, endpoint: str, expected: str | None, new: Lease | None) -> str | None:
            if world.leases.read("e") is None:
                world.leases.swap("e", None, replace(LEASE, release_id="r2"))
            return world.leases.swap(endpoint, expected, new)

    with pytest.raises(LeaseHeld, match="held by release r2"):
        acquire(Late(), world.clock, LEASE)


def test_a_renewal_whose_answer_was_lost_is_read_back(world: World) -> None:
    held = take(world)
    world.faults.fail("leases.swap", times=1, after=True)
    held.renew()
    held.renew(restore={"2": 100})
    assert world.leases.read("e") == held.lease
    assert held.lease.renewals == 2


def test_a_renewal_whose_answer_was_lost_is_read_back_when_the_store_is_back(world: World) -> None:
    held = take(world)
    world.faults.fail("leases", for_s=5, after=True)
    with pytest.raises(Unreachable):
        held.renew()
    world.clock.sleep(6)
    held.renew(restore={"2": 100})
    assert world.leases.read("e") == held.lease
    assert held.lease.renewals == 2


def test_a_renewal_that_was_not_done_may_be_tried_again(world: World) -> None:
    held = take(world)
    world.clock.sleep(5)
    world.faults.fail("leases.swap", times=1)
    with pytest.raises(Unreachable):
        held.renew()
    assert held.silent_s() == 5
    held.renew()
    assert world.leases.read("e") == held.lease


def test_a_lost_answer_hides_nobody_who_took_over(world: World) -> None:
    held = take(world)
    take(world, holder="engine 2")
    world.faults.fail("leases.swap", times=1, after=True)
    with pytest.raises(Unreachable):
        held.renew()
    with pytest.raises(LeaseHeld, match="taken over by engine 2"):
        held.renew()


def test_a_beat_keeps_the_lease_three_times_in_its_length(world: World) -> None:
    held = take(world)
    with held.kept():
        world.clock.sleep(50)
        assert present(world.leases.read("e")).renewals == 2
        assert held.silent_s() == 10
    world.clock.sleep(100)
    assert present(world.leases.read("e")).renewals == 2


def test_a_beat_notices_that_the_lease_is_lost(world: World) -> None:
    held = take(world)

    def take_over() -> None:
        take(world, holder="engine 2")

    world.clock.after(30, take_over)
    with pytest.raises(LeaseHeld, match="taken over by engine 2"), held.kept():
        world.clock.sleep(100)
    assert present(world.leases.read("e")).holder == "engine 2"


def test_a_beat_that_is_not_answered_is_tried_again(world: World) -> None:
    held = take(world)
    with held.kept():
        world.faults.fail("leases", for_s=30)
        world.clock.sleep(60)
    assert held.silent_s() == 0


def test_a_beat_that_was_not_answered_last_asks_once_more(world: World) -> None:
    held = take(world)
    world.faults.fail("leases")
    with pytest.raises(Unreachable), held.kept():
        world.clock.sleep(30)


def test_a_beat_that_is_refused_ends_what_relies_on_it(world: World) -> None:
    held = take(world)
    world.faults.fail("leases", error=PlatformError, said="the disk is full", times=1)
    with pytest.raises(PlatformError, match="the disk is full"), held.kept():
        world.clock.sleep(90)


def test_a_lease_is_silent_when_its_token_stood_for_its_length(world: World) -> None:
    watch = LeaseWatch(world.platform.leases, world.clock)
    held = take(world)
    world.clock.sleep(1000)
    assert watch.silent() == ([], []), "whoever begins to watch gives each holder its length"
    world.clock.sleep(59)
    assert watch.silent() == ([], [])
    held.renew()
    world.clock.sleep(59)
    assert watch.silent() == ([], [])
    world.clock.sleep(60)
    assert watch.silent() == ([held.lease], [])
    held.release()
    assert watch.silent() == ([], [])


def test_whoever_begins_to_watch_asks_the_store_how_old_a_lease_is(world: World) -> None:
    world.leases.tells_age = True
    held = take(world)
    world.clock.sleep(70)
    watch = LeaseWatch(world.platform.leases, world.clock)
    assert watch.silent() == ([], []), "it is watched for a moment all the same"
    world.clock.sleep(SURE_S)
    assert watch.silent() == ([held.lease], [])


def test_a_lease_that_is_renewed_meanwhile_is_a_live_one_whatever_its_age(world: World) -> None:
    world.leases.tells_age = True
    held = take(world)
    world.clock.sleep(59)
    watch = LeaseWatch(world.platform.leases, world.clock)
    assert watch.silent() == ([], [])
    world.clock.sleep(SURE_S / 2)
    held.renew()
    for _ in range(11):
        world.clock.sleep(5)
        assert watch.silent() == ([], [])
    world.clock.sleep(10)
    assert watch.silent() == ([held.lease], [])


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_wall_clock_that_is_set_makes_no_lease_silent(world: World, step: float) -> None:
    watch = LeaseWatch(world.platform.leases, world.clock)
    held = take(world)
    assert watch.silent() == ([], [])
    world.clock.set_wall(world.clock.time() + step)
    world.clock.sleep(59)
    assert watch.silent() == ([], [])
    world.clock.sleep(1)
    assert watch.silent() == ([held.lease], [])


def test_a_lease_that_cannot_be_read_hides_no_other(world: World) -> None:
    watch = LeaseWatch(world.platform.leases, world.clock)
    take(world)
    take(world, endpoint="d", release_id="r2")
    watch.silent()
    world.leases.damage("d")
    world.clock.sleep(60)
    silent, faults = watch.silent()
    assert [lease.endpoint for lease in silent] == ["e"]
    assert faults == ["the lease of d is damaged"]
    assert watch.longest() == 60
    world.faults.fail("leases.read", times=1)
    assert watch.silent()[1] == ["the lease of d was not read: leases.read: no answer"]
