"""An approval where its run is gone, or is another engine's: record and lease suffice."""

import pytest

from components.engine import Run
from components.errors import InputError
from components.platform.memory import Killed
from components.release import deciding
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
