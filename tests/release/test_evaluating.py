"""Evaluating: every number into the record and onto the version, and a road from here."""

from pathlib import Path

import pytest

from components.endpoint import Endpoint
from components.errors import InputError, SluiceError, Unreachable
from components.evaluation import EvaluationResult
from components.platform.patience import PATIENCE_S
from components.record import of
from components.registry import names
from components.release import evaluating, opening
from components.release.results import Evaluated
from tests.support.worlds import MODEL, NAME, Scene, begin, quick, scores


def fetched(found: Scene, version: str = "2") -> Scene:
    with found.opened("r") as release:
        opening.fetch(release, NAME, version)
    return found


def evaluate(found: Scene) -> Evaluated:
    with found.opened("r") as release:
        return evaluating.evaluate(release)


def test_what_passes_goes_beside_the_champion() -> None:
    found = fetched(quick())
    assert evaluate(found) == Evaluated(
        strategy="canary", reason="canary: the promotion criteria hold"
    )
    assert of(found.record("r"), EvaluationResult) == [scores(beside=True)]
    numbers = scores(beside=True).numbers()
    entry = found.world.registry.version(MODEL, "2")
    assert found.world.registry.runs[found.state("r").run_id].metrics == numbers
    assert found.world.registry.model_metrics[entry.model_id] == numbers
    assert float(entry.tags[f"{names.METRIC_PREFIX}evaluation.accuracy"]) == 0.9


def test_what_does_not_pass_is_rejected_with_its_reasons() -> None:
    found = fetched(quick())
    found.passed = False
    assert evaluate(found) == Evaluated(
        strategy="rejected", reason="accuracy 0.1000 is below the baseline 0.5000"
    )


def test_a_first_version_goes_directly() -> None:
    assert evaluate(fetched(begin(), "1")).strategy == "direct"


def test_the_champion_is_not_evaluated_again() -> None:
    found = fetched(quick(), "1")
    found.passed = False
    assert evaluate(found).strategy == "direct"
    assert of(found.record("r"), EvaluationResult) == []


def test_a_second_call_scores_nothing() -> None:
    found = fetched(quick())
    first = evaluate(found)
    found.passed = False
    lines = found.record("r")
    assert evaluate(found) == first
    assert found.record("r") == lines


def test_both_versions_files_are_in_folders_of_their_own() -> None:
    found = fetched(quick())
    seen: list[Path] = []

    def score(_: Endpoint, candidate: Path, champion: Path, *__: object) -> EvaluationResult:
        seen.extend((candidate / "model.txt", champion / "model.txt"))
        assert [path.read_bytes() for path in seen] == [b"demo 2", b"demo 1"]
        return scores()

    found.score = score
    evaluate(found)
    assert not seen[0].exists(), "a step leaves nothing on this machine's disk"


def test_what_is_wrong_with_the_endpoint_ends_the_release() -> None:
    found = fetched(quick())

    def score(*_: object) -> EvaluationResult:
        raise InputError("no column 'label'")

    found.score = score
    with pytest.raises(InputError, match="no column 'label'"):
        evaluate(found)
    assert found.state("r").reason == "no column 'label'"
    found.finalize("r")
    assert found.one_version("r") == "error"


def test_what_is_no_error_of_ours_reaches_the_record_as_the_reason() -> None:
    found = fetched(quick())

    def score(*_: object) -> EvaluationResult:
        raise ZeroDivisionError("division by\nzero")

    found.score = score
    with pytest.raises(SluiceError, match="ZeroDivisionError: division by zero"):
        evaluate(found)
    found.finalize("r")
    assert found.one_version("r") == "error"
    assert found.state("r").reason == "evaluate: ZeroDivisionError: division by zero"


def test_an_evaluation_that_the_registry_did_not_take_is_done_again() -> None:
    found = fetched(quick())
    found.world.away("registry", for_s=PATIENCE_S + 1)
    with pytest.raises(Unreachable):
        evaluate(found)
    assert found.state("r").evaluation is None
    found.world.faults.clear()
    assert evaluate(found).strategy == "canary"


def test_a_copy_that_the_registry_did_not_take_is_made_later() -> None:
    found = fetched(quick())
    found.world.faults.fail("registry.log_artifact", times=1)
    assert evaluate(found).strategy == "canary"
    assert found.events("r") == ["mirror_failed"]
    found.walk("2", "r")
    assert found.one_version("r") == "promoted"


def test_the_lease_is_kept_while_rows_are_scored() -> None:
    found = fetched(quick())

    def score(*_: object) -> EvaluationResult:
        found.world.clock.sleep(600)
        return scores()

    found.score = score
    evaluate(found)
    assert found.lease is not None
    assert found.lease.renewals >= 29
