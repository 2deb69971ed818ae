"""An operator's rollback: with the lease and the gateway, whatever else is away."""

import pytest

from components.errors import InputError, LeaseHeld, PlatformError
from components.release import deploying, evaluating, opening, operating, shifting, watching
from components.release.lease import HeldLease
from components.release.operating import RolledBack
from tests.support.present import present
from tests.support.worlds import NAME, Scene, quick


@pytest.fixture
def at_ten() -> Scene:
    """A release that is at 10%."""
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with found.opened("r") as release:
        deploying.deploy(release)
    with found.opened("r") as release:
        shifting.shift(release, 1)
    return found


def test_production_has_its_traffic_and_the_record_its_reason(at_ten: Scene) -> None:
    done = operating.roll_back(at_ten.world.platform, NAME, "wrong labels")
    assert done == RolledBack("r", {"1": 100}, "rolled_back", "wrong labels")
    assert at_ten.one_version("r") == "rolled_back"
    assert at_ten.failed() == 0


@pytest.mark.parametrize("reason", ["", " "])
def test_an_operator_need_not_say_why(at_ten: Scene, reason: str) -> None:
    done = operating.roll_back(at_ten.world.platform, NAME, reason)
    assert done == RolledBack("r", {"1": 100}, "rolled_back", "an operator asked for it")


def test_the_engine_that_was_overruled_ends_quietly(at_ten: Scene) -> None:
    def overrule() -> None:
        operating.roll_back(at_ten.world.platform, NAME, "wrong labels")

    at_ten.world.clock.after(20, overrule)
    with pytest.raises(LeaseHeld, match="was ended by another process"):
        at_ten.walk("2", "r")
    assert at_ten.finalize("r").outcome == "rolled_back"
    assert at_ten.one_version("r") == "rolled_back"


def test_a_renewal_in_the_same_moment_does_not_stand_in_the_way(at_ten: Scene) -> None:
    """The release polls on: its lease may be another one each time an operator has read it."""
    platform, faults = at_ten.world.platform, at_ten.world.faults
    held = HeldLease(at_ten.world.leases, present(at_ten.lease), at_ten.world.clock)
    begun, polls = held.lease.renewals, 3
    for poll in range(polls):
        faults.before(len(faults.calls) + 2 * poll + 1, held.renew)
    done = operating.roll_back(platform, NAME, "wrong labels")
    assert held.lease.renewals == begun + polls
    assert done == RolledBack("r", {"1": 100}, "rolled_back", "wrong labels")
    with pytest.raises(LeaseHeld, match="was ended by another process"):
        held.renew()


def test_a_release_that_ends_in_the_same_moment_is_no_longer_under_way(at_ten: Scene) -> None:
    platform, faults = at_ten.world.platform, at_ten.world.faults
    faults.before(len(faults.calls) + 1, lambda: at_ten.walk("2", "r"))
    with pytest.raises(InputError, match="no release r is under way"):
        operating.roll_back(platform, NAME, "wrong labels")
    assert at_ten.one_version("r") == "promoted"


def test_everything_but_lease_and_traffic_may_be_away(at_ten: Scene) -> None:
    for interface in ("records", "registry", "metrics", "files", "serving", "endpoints"):
        at_ten.world.away(interface)
    done = operating.roll_back(at_ten.world.platform, NAME, "wrong labels")
    assert (done.release_id, done.weights, done.outcome) == ("r", {"1": 100}, "")
    assert "records.read: no answer" in done.reason
    lease = present(at_ten.lease)
    assert lease.reason == "wrong labels"
    assert "wrong labels" in lease.returned
    # Its engine finds out, and leaves the end to whoever has the lease.
    with pytest.raises(PlatformError), at_ten.opened("r") as release:
        watching.watch(release, 1)
    assert at_ten.recover(200) == ["r: rolled_back: wrong labels"]
    assert at_ten.one_version("r") == "rolled_back"
    assert at_ten.state("r").reason == "wrong labels"


def test_a_gateway_that_does_not_take_the_split_is_told(at_ten: Scene) -> None:
    at_ten.world.delay_traffic(14)
    with pytest.raises(PlatformError, match=r"after 10\.0 s"):
        operating.roll_back(at_ten.world.platform, NAME, "wrong labels")
    done = operating.roll_back(at_ten.world.platform, NAME, "wrong labels")
    assert done.outcome == "rolled_back"
    assert at_ten.one_version("r") == "rolled_back"


def test_without_a_release_the_way_to_an_earlier_version_is_named() -> None:
    said = "no release of demo is under way; .* sluice release demo --version N"
    with pytest.raises(InputError, match=said):
        operating.roll_back(quick().world.platform, NAME, "wrong labels")


def test_a_promotion_that_has_begun_goes_forward(at_ten: Scene) -> None:
    held = at_ten.world.faults
    held.fail("registry.tag_version", for_s=100)
    results = []

    def overrule() -> None:
        results.append(operating.roll_back(at_ten.world.platform, NAME, "too late"))

    at_ten.world.clock.after(70, overrule)
    with pytest.raises(LeaseHeld):
        at_ten.walk("2", "r")
    at_ten.recover()
    assert results[0].release_id == "r"
    assert at_ten.one_version("r") in {"promoted", "rolled_back"}
