"""An approval where its run is gone, or is another engine's: record and lease suffice."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from components.engine import Run
from components.errors import InputError
from components.platform.memory import Killed
from components.release import deciding
from components.release.operating import RolledBack
from tests.support.engines import Engine
from tests.support.worlds import Scene, quick

RUN = Run("r", "run 1", "")
LATER = 300.0


def waiting() -> Scene:
    return quick(approval="required", approval_within="10m")


def killed() -> Scene:
    """A release whose run was deleted while it waited."""
    found = waiting()

    def die() -> None:
        raise Killed("the workflow was deleted")

    found.world.clock.after(LATER, die)
    with pytest.raises(Killed):
        found.walk("2", "r")
    return found


@pytest.mark.parametrize("run", [None, RUN])
def test_an_approved_release_whose_run_is_gone_goes_on_in_a_new_one(run: Run | None) -> None:
    found = killed()
    platform = found.world.platform
    assert deciding.approve(platform, "r", "").by == "somebody"
    outcomes: list[str] = []
    engine = Engine(run, do=lambda: outcomes.append(found.walk("2", "r", "engine 2").outcome))
    said = deciding.carry_on(platform, engine, "r")
    assert said == "nobody went on with it: its new run run 2 does"
    assert (engine.submitted, outcomes) == (["r"], ["promoted"])
    assert found.one_version("r") == "promoted"


def test_an_approved_release_that_somebody_rejects_is_to_go_on_no_more() -> None:
    found = killed()
    platform = found.world.platform
    assert deciding.approved_by(platform, "r") == ""
    deciding.approve(platform, "r", "")
    assert deciding.approved_by(platform, "r") == "somebody"
    platform.decisions.add("r", 2, "reject", "")
    assert deciding.approved_by(platform, "r") == ""
    with pytest.raises(InputError, match="is to end: rejected by somebody"):
        deciding.approve(platform, "r", "")


def test_a_run_that_lives_needs_no_other() -> None:
    found = waiting()
    said: list[str] = []
    engine = Engine(RUN, lives=True)

    def approve() -> None:
        deciding.approve(found.world.platform, "r", "")
        said.append(deciding.carry_on(found.world.platform, engine, "r"))

    found.world.clock.after(LATER, approve)
    assert found.walk("2", "r").outcome == "promoted"
    assert said == ["its run run 1 goes on by its next poll"]
    assert engine.submitted == []


def test_whoever_renews_the_lease_runs_it_though_the_engine_knows_nothing() -> None:
    found = killed()
    engine = Engine()

    def renew() -> None:
        lease = found.world.leases.read("demo")
        assert lease
        found.world.leases.swap("demo", lease.token, lease)

    found.world.clock.after(10, renew)
    assert deciding.carry_on(found.world.platform, engine, "r") == "engine 1 goes on with it"
    assert engine.submitted == []


def test_a_lease_that_is_gone_is_a_release_that_has_ended() -> None:
    found = killed()
    engine = Engine()

    def end() -> None:
        deciding.reject(found.world.platform, "r", "")

    found.world.clock.after(10, end)
    said = deciding.carry_on(found.world.platform, engine, "r")
    assert said == "it has ended meanwhile"
    assert engine.submitted == []
    assert found.one_version("r") == "rolled_back"


def promoting() -> Scene:
    """An approved release that was killed when all of the traffic was the candidate's."""
    found = waiting()

    def approve() -> None:
        deciding.approve(found.world.platform, "r", "")

    found.world.clock.after(LATER, approve)
    shown = found.world.proxies.shown
    found.world.faults.fail(
        "registry.tag_version",
        times=1,
        error=Killed,
        holds=lambda: shown("demo") == {"gateway": {"2": 100}},
    )
    with pytest.raises(Killed):
        found.walk("2", "r")
    return found


def taking(begun: Callable[[], Scene]) -> int:
    """The number of the call by which a rejection reads the lease that it is to take."""
    faults = (twin := begun()).world.faults
    before = len(faults.calls)
    with suppress(InputError):
        deciding.reject(twin.world.platform, "r", "")
    return faults.calls.index("leases.swap", before) - 1


def test_a_rejection_that_its_run_heard_first_is_no_error() -> None:
    found = killed()
    found.world.faults.before(taking(killed), lambda: found.finalize("r"))
    done = deciding.reject(found.world.platform, "r", "wrong labels").done
    said = "rejected by somebody: wrong labels"
    assert done == RolledBack("r", {"1": 100}, "rolled_back", said)
    assert found.one_version("r") == "rolled_back"


@pytest.mark.parametrize("heard", [False, True])
def test_a_rejection_that_comes_after_the_promotion_says_so(heard: bool) -> None:
    found = promoting()
    if heard:  # by the run that goes on, just before the lease is read
        found.world.faults.before(taking(promoting), lambda: found.finalize("r"))
    with pytest.raises(InputError, match=r"^release r has ended: promoted: every"):
        deciding.reject(found.world.platform, "r", "too late")
    assert found.one_version("r") == "promoted"
