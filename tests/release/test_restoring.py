"""Giving production its traffic back: with the lease and the gateway, and nothing else."""

import pytest

from components.errors import LeaseHeld, NoRoom, PlatformError
from components.platform import Lease
from components.release.lease import HeldLease
from components.release.restoring import give_back, take_over
from tests.support.present import present
from tests.support.worlds import LIMITS, MODEL, NAME, Scene, scene


@pytest.fixture
def split() -> Scene:
    """Ten percent of the traffic are a candidate's, and everything but the traffic is away."""
    found = scene()
    platform = found.world.platform
    platform.serving.create(found.endpoint, found.world.store_version(MODEL, "2"))
    platform.traffic.set_weights(NAME, {"1": 90, "2": 10})
    lease = Lease(NAME, "r", "engine 1", 60.0, {"1": 100})
    found.world.leases.swap(NAME, None, lease)
    for interface in ("records", "registry", "metrics", "files", "serving", "endpoints"):
        found.world.away(interface)
    return found


def test_who_takes_over_is_the_holder_from_then_on(split: Scene) -> None:
    old = present(split.lease)
    held = take_over(split.world.platform, old, "reaper", 30.0)
    assert held.lease == present(split.lease)
    assert (held.lease.holder, held.lease.seconds) == ("reaper", 30.0)
    assert (held.lease.release_id, held.lease.restore) == ("r", {"1": 100})
    with pytest.raises(LeaseHeld, match="release r was taken over by another process meanwhile"):
        take_over(split.world.platform, old, "another reaper", 30.0)


def test_the_way_back_is_in_force_and_the_lease_says_so(split: Scene) -> None:
    split.world.delay_traffic(3)
    held = take_over(split.world.platform, present(split.lease), "reaper", 30.0)
    give_back(split.world.platform, held, "the lease of engine 1 was silent", "wrong labels")
    assert split.world.proxies.shown(NAME) == {"gateway": {"1": 100}}
    lease = present(split.lease)
    assert lease.returned == "the lease of engine 1 was silent"
    assert lease.reason == "wrong labels"
    give_back(split.world.platform, held, "once more")
    lease = present(split.lease)
    assert (lease.returned, lease.reason) == ("once more", "wrong labels")


def test_a_proxy_that_is_late_is_told_and_may_be_asked_again(split: Scene) -> None:
    split.world.delay_traffic(12)
    held = take_over(split.world.platform, present(split.lease), "reaper", 30.0)
    with pytest.raises(PlatformError, match=r"instead of {'1': 100} after 10.0 s"):
        give_back(split.world.platform, held, "silent")
    assert present(split.lease).returned == ""
    give_back(split.world.platform, held, "silent")
    assert split.world.proxies.shown(NAME) == {"gateway": {"1": 100}}


def test_who_is_overtaken_meanwhile_does_not_say_that_it_did_it(split: Scene) -> None:
    split.world.delay_traffic(3)
    held = take_over(split.world.platform, present(split.lease), "reaper", 30.0)

    def overtake() -> None:
        take_over(split.world.platform, present(split.lease), "another reaper", 30.0)

    split.world.clock.after(1, overtake)
    with pytest.raises(LeaseHeld):
        give_back(split.world.platform, held, "silent")


def test_an_endpoint_that_had_no_route_has_none_again(split: Scene) -> None:
    held = take_over(split.world.platform, present(split.lease), "reaper", 30.0)
    held.renew(restore={})
    give_back(split.world.platform, held, "silent")
    assert split.weights == {}
    assert split.world.proxies.shown(NAME) == {"gateway": {}}
    split.world.faults.clear()
    split.world.platform.traffic.set_weights(NAME, {"1": 100}, LIMITS)


def test_a_full_disk_does_not_stand_in_the_way_back(split: Scene) -> None:
    split.world.fill_disk()
    held = take_over(split.world.platform, present(split.lease), "reaper", 30.0)
    give_back(split.world.platform, held, "the lease of engine 1 was silent")
    assert split.world.proxies.shown(NAME) == {"gateway": {"1": 100}}


@pytest.mark.parametrize("call", ["traffic.set_weights", "leases.swap"])
def test_a_disk_that_is_filled_in_between_does_not_either(split: Scene, call: str) -> None:
    world = split.world
    held = take_over(world.platform, present(split.lease), "reaper", 30.0)
    world.faults.fail(call, error=NoRoom, holds=lambda: world.leases.room_kept)
    give_back(world.platform, held, "the lease of engine 1 was silent")
    assert world.proxies.shown(NAME) == {"gateway": {"1": 100}}
    assert present(split.lease).returned == "the lease of engine 1 was silent"


def test_the_room_is_kept_for_the_way_back_alone(split: Scene) -> None:
    split.world.fill_disk()
    platform, lease = split.world.platform, present(split.lease)
    held = HeldLease(platform.leases, lease, split.world.clock)
    with pytest.raises(NoRoom):
        held.renew()
    with pytest.raises(NoRoom):
        platform.traffic.set_weights(NAME, {"1": 50, "2": 50})
    assert split.world.leases.room_kept


def test_a_disk_that_stays_full_is_told_of(split: Scene) -> None:
    lease = present(split.lease)
    split.world.faults.fail("leases.swap", error=NoRoom, said="the disk is full")
    with pytest.raises(NoRoom, match="the disk is full"):
        take_over(split.world.platform, lease, "reaper", 30.0)
    assert present(split.lease) == lease
