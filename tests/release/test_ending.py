"""Ending: promote, roll back, finalize; traffic, alias, record and registry agree afterwards."""

import pytest

from components.errors import InputError, LeaseHeld, PlatformError, Unreachable
from components.evaluation import EvaluationResult
from components.judge import Verdict
from components.platform.memory import Killed
from components.platform.patience import PATIENCE_S
from components.record import AliasSet, WeightsSet, of
from components.registry import names
from components.release import deploying, ending, evaluating, opening, shifting, watching
from components.release.ending import outcome_of
from components.release.results import Ended
from tests.release.test_state import state, verdict
from tests.support.present import present
from tests.support.worlds import MODEL, NAME, Scene, begin, quick, scores


def watched(found: Scene, version: str = "2") -> Scene:
    """The release whose every step is passed, and nothing more."""
    with found.opened("r") as release:
        opening.fetch(release, NAME, version)
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with found.opened("r") as release:
        deploying.deploy(release)
    with found.opened("r") as release:
        shifting.shift(release, 1)
    with found.opened("r") as release:
        watching.watch(release, 1)
    return found


def promote(found: Scene) -> Ended:
    with found.opened("r") as release:
        return ending.promote(release)


def rollback(found: Scene, reason: str = "") -> Ended:
    with found.opened("r") as release:
        return ending.rollback(release, reason)


def test_a_promotion_moves_the_traffic_first_and_the_aliases_then() -> None:
    found = watched(quick())
    before = len(found.world.faults.calls)
    assert promote(found).outcome == "promoted"
    calls = found.world.faults.calls[before:]
    assert calls.index("traffic.wait_in_force") < calls.index("registry.tag_version")
    assert calls.index("registry.tag_version") < calls.index("registry.swap_alias")
    assert of(found.record("r"), AliasSet)[-1] == AliasSet(alias="champion", version="2")
    assert present(found.lease).restore == {"2": 100}
    found.finalize("r")
    assert found.one_version("r") == "promoted"


def test_each_end_may_be_called_again() -> None:
    found = watched(quick())
    first = promote(found)
    lines = found.record("r")
    assert promote(found) == first
    assert rollback(found) == first
    assert found.record("r") == lines
    assert found.finalize("r") == first
    assert found.finalize("r") == first
    assert found.one_version("r") == "promoted"


def test_what_was_not_watched_or_evaluated_is_not_promoted() -> None:
    found = quick()
    with found.opened("r") as release:
        opening.fetch(release, NAME, "2")
    with pytest.raises(InputError, match="r has not passed its evaluation"):
        promote(found)
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with pytest.raises(InputError, match="r has not passed 10%: watch it"):
        promote(found)
    assert found.weights == {"1": 100}


def test_a_first_version_that_was_refused_is_not_promoted() -> None:
    found = begin()
    found.passed = False
    with found.opened("r") as release:
        opening.fetch(release, NAME, "1")
    with found.opened("r") as release:
        evaluating.evaluate(release)
    with pytest.raises(InputError, match="has not passed its evaluation"):
        promote(found)
    found.finalize("r")
    assert found.one_version("r") == "rolled_back"


def test_a_registry_that_is_back_in_time_sees_the_version_promoted() -> None:
    found = watched(quick())
    found.world.away("registry", for_s=PATIENCE_S - 1)
    assert promote(found).outcome == "promoted"
    found.finalize("r")
    assert found.one_version("r") == "promoted"


@pytest.mark.parametrize("after", [False, True], ids=["asked", "done"])
@pytest.mark.parametrize("call", ["registry", "registry.swap_alias", "registry.tag_version"])
def test_a_registry_that_stays_away_gives_the_champion_its_traffic_back(
    call: str, after: bool
) -> None:
    found = watched(quick())
    found.world.faults.fail(call, after=after)
    began = found.world.clock.monotonic()
    ended = promote(found)
    assert ended.outcome == "error"
    assert "promotion not recorded: registry." in ended.reason
    assert found.world.clock.monotonic() - began < PATIENCE_S + 5
    assert found.weights == {"1": 100}
    found.finalize("r")
    assert found.lease is None, "the endpoint is free though the registry is away"
    found.recover(20)
    assert found.one_version("r") == "error"
    assert found.failed() == 0


def test_a_registry_that_is_away_for_long_is_told_the_end_by_the_reaper_once() -> None:
    found = watched(quick())
    found.world.away("registry", for_s=1000)
    promote(found)
    found.finalize("r")
    lines = len(found.record("r"))
    said = found.reap(800)
    assert len(found.record("r")) == lines, "a record that is over does not grow"
    assert len(said) == 1
    assert "record not copied: registry." in said[0]
    said = found.reap(200)
    assert said[-1] == "r: record copied to MLflow"
    assert found.one_version("r") == "error"


def test_a_first_promotion_that_the_registry_did_not_take_leaves_no_route() -> None:
    found = begin()
    found.world.faults.fail("registry.swap_alias", after=True)
    ended = found.walk("1", "r")
    assert ended.outcome == "error"
    assert found.weights == {}
    found.recover(20)
    assert found.one_version("r") == "error"


def test_a_promotion_whose_split_was_taken_back_is_not_recorded_as_one() -> None:
    found = watched(quick())
    # The line stands, its answer was lost, and the split was taken back; then this run is resumed.
    found.world.faults.fail("records.append", skip=1, times=1, after=True)
    found.patience_s = 0
    with pytest.raises(Unreachable):
        promote(found)
    assert found.state("r").promoting
    assert found.weights == {"1": 100}
    assert promote(found).outcome == "promoted"
    found.finalize("r")
    assert found.one_version("r") == "promoted"


def test_a_promotion_that_another_process_has_ended_is_not_written_to_the_registry() -> None:
    found = watched(quick())
    found.world.away("registry", for_s=30)

    def take_over() -> None:
        found.walk("2", "r", engine="engine 2")
        found.engine = "engine 1"

    found.world.faults.clear()
    found.world.faults.fail("registry.tag_version", for_s=PATIENCE_S + 40, after=True)
    found.world.clock.after(30, take_over)
    with pytest.raises(LeaseHeld):
        promote(found)
    found.recover(20)
    assert found.one_version("r") == "error"


def test_a_rollback_gives_production_its_traffic_and_takes_the_alias_away() -> None:
    found = watched(quick())
    assert rollback(found, "wrong labels") == Ended(outcome="rolled_back", reason="wrong labels")
    assert found.weights == {"1": 100}
    assert of(found.record("r"), WeightsSet)[-1].weights == {"1": 100}
    assert found.world.registry.alias(MODEL, names.CANDIDATE) is None
    found.finalize("r")
    assert found.one_version("r") == "rolled_back"


def test_a_rollback_that_was_killed_after_the_traffic_went_back_writes_down_that_it_did() -> None:
    found = watched(quick())
    found.world.faults.fail("traffic.wait_in_force", times=1, error=Killed)
    with pytest.raises(Killed):
        rollback(found)
    rollback(found)
    assert of(found.record("r"), WeightsSet)[-1].weights == {"1": 100}
    found.finalize("r")
    assert found.one_version("r") == "error"


def test_another_endpoint_s_champion_is_left_alone() -> None:
    found = watched(quick())
    # Version 2 was promoted on another endpoint of the same model meanwhile.
    found.world.registry.set_alias(MODEL, names.CHAMPION, "2")
    found.world.registry.tag_version(
        MODEL, "2", {names.RELEASE_TAG: "other", names.OUTCOME_TAG: "promoted"}
    )
    rollback(found)
    found.finalize("r")
    assert found.champion == "2"
    assert found.weights == {"1": 100}


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ((), ("error", "the pipeline stopped before a verdict")),
        ((scores(False),), ("rolled_back", "accuracy 0.1000 is below the baseline 0.5000")),
        ((verdict("HOLD"),), ("error", "the pipeline stopped before a verdict")),
    ],
)
def test_how_a_release_ends_stands_in_its_record(
    bodies: tuple[EvaluationResult | Verdict, ...], expected: tuple[str, str]
) -> None:
    assert outcome_of(state(*bodies)) == expected


@pytest.mark.parametrize(
    ("decision", "outcome"), [("ROLLBACK", "rolled_back"), ("HOLD", "held"), ("ERROR", "error")]
)
def test_a_final_verdict_decides(decision: str, outcome: str) -> None:
    final = Verdict(decision, True, 1.0, 10.0, None, (), None)  # type: ignore[arg-type]
    assert outcome_of(state(final)) == (outcome, "")


def test_a_release_that_stopped_after_a_step_says_which() -> None:
    split = WeightsSet(weights={"1": 90, "2": 10}, applied_s=0.0)
    said = "the pipeline stopped when 10% had been passed"
    assert outcome_of(state(split, verdict("PROMOTE"))) == ("error", said)


def test_finalize_completes_what_had_given_the_candidate_everything() -> None:
    found = watched(quick())
    found.world.faults.fail("registry.tag_version", times=1, error=Killed)
    with pytest.raises(Killed):
        promote(found)
    assert found.finalize("r").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_finalize_rolls_back_what_has_no_end() -> None:
    found = watched(quick())
    ended = found.finalize("r")
    assert ended == Ended(outcome="error", reason="the pipeline stopped when 10% had been passed")
    assert found.one_version("r") == "error"


def test_finalize_of_what_never_began_says_so() -> None:
    assert quick().finalize("r") == Ended(outcome="none", reason="the release never began")


def test_an_engine_that_was_overtaken_leaves_the_release_to_the_newer_one() -> None:
    found = watched(quick())
    found.engine = "engine 2"
    with found.opened("r") as release:
        release.hold(release.state())
    found.engine = "engine 1"
    assert found.finalize("r") == Ended(
        outcome="none", reason="engine 2 has taken the release over"
    )
    assert found.weights == {"1": 90, "2": 10}
    assert found.walk("2", "r", engine="engine 2").outcome == "promoted"
    assert found.one_version("r") == "promoted"


def test_an_engine_knows_that_another_run_has_its_release() -> None:
    found = watched(quick())
    with found.opened("r") as release:
        assert ending.overtaken_by(release, found.lease) is None
    found.engine = "engine 2"
    with found.opened("r") as release:
        assert ending.overtaken_by(release, found.lease) == "engine 1"
        assert ending.overtaken_by(release, None) is None
    with found.opened("other") as release:
        assert ending.overtaken_by(release, found.lease) is None


def test_a_step_that_fails_says_why_and_the_release_ends_with_it() -> None:
    found = quick()
    found.world.starts("2", fails="no memory")
    with pytest.raises(PlatformError):
        found.walk("2", "r")
    assert found.events("r") == ["step_failed"]
    assert found.state("r").reason == "deploy: demo version 2 cannot start: no memory"
    assert found.one_version("r") == "error"


def test_a_clean_up_that_failed_is_done_by_the_reaper() -> None:
    found = watched(quick())
    found.world.faults.fail("serving.delete", for_s=100)
    assert found.finalize("r").outcome == "error"
    assert found.lease is None
    assert "2" in found.world.serving.versions(NAME)
    found.reap(400)
    assert found.one_version("r") == "error"
