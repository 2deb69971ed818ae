"""A recorded evaluation follows from its figures and the criteria, or what does not is named."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation import deviations
from components.evaluation.result import EvaluationResult, Scores
from tests.evaluation.test_criteria import CRITERIA, outcome, scores

ROWS = 40
BESIDE = outcome(scores("1" * 36 + "0" * 4), scores("1" * 30 + "0" * 10, failures=4))
ALONE = outcome(scores("1" * 20 + "0" * 20, ms=150.0, failures=2))


def said(found: EvaluationResult, *, beside: bool = True) -> list[str]:
    return list(deviations(CRITERIA, found, beside=beside))


@st.composite
def any_scores(draw: st.DrawFn) -> Scores:
    failed = tuple(sorted(draw(st.sets(st.integers(0, ROWS - 1)))))
    answers = draw(st.lists(st.booleans(), min_size=ROWS, max_size=ROWS))
    times = st.lists(st.floats(0, 300), min_size=ROWS - len(failed), max_size=ROWS - len(failed))
    right = tuple(each and row not in failed for row, each in enumerate(answers))
    return Scores(right, tuple(draw(times)), failed, "too long" if failed else "")


@settings(deadline=None, max_examples=60)
@given(any_scores(), st.one_of(st.none(), any_scores()))
def test_what_is_assessed_follows(candidate: Scores, champion: Scores | None) -> None:
    found = outcome(candidate, champion)
    # As it is read again from a record.
    read = msgspec.json.decode(msgspec.json.encode(found), type=EvaluationResult)
    assert said(read, beside=champion is not None) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"passed": False}, "passed is false: by its figures every criterion is met"),
        ({"reasons": ("worse",)}, "its reasons are ['worse']"),
        ({"warnings": ()}, "it does not warn that the champion did not answer 4 of 40"),
        ({"accuracy": 0.95}, "accuracy of its classes is not accuracy of all rows"),
        ({"accuracy": 0.9001}, "is no share of 40 rows"),
        ({"accuracy_min": 0.1}, "accuracy_min is 0.1, the settings say 0.8"),
        ({"latency_max_p95_ms": 1e9}, "latency_max_p95_ms is"),
        ({"concurrency": 1}, "concurrency is 1"),
        ({"regression_alpha": 0.5}, "regression_alpha is 0.5"),
        ({"dataset": "file:///easier.csv"}, "dataset is file:///easier.csv"),
        ({"failures": 1}, "latencies are of 40 answers, 39 rows were answered"),
        ({"failures": -1}, "-1 failures in 40 rows"),
        ({"rows": 80}, "its classes do not have the 80 rows"),
        ({"lost": 3}, "what its classes lost and gained is not what all rows did"),
        ({"gained": 11}, "11 gained"),
        ({"regression_p": 0.9}, "regression_p is 0.9, the exact test"),
        ({"champion_accuracy": 0.5}, "do not make the change of accuracy"),
        ({"champion_accuracy": None}, "it does not compare with the champion"),
        ({"champion_failures": 5}, "the champion's latencies are of 36 answers, 35 rows"),
        ({"champion_latency": None}, "it does not compare with the champion"),
        ({"classes": ()}, "its classes do not have the 40 rows together"),
        ({"classes": (BESIDE.classes[0],) * 2}, "a class is named twice"),
    ],
)
def test_what_does_not_follow_is_named(change: dict[str, Any], named: str) -> None:
    assert said(BESIDE) == []
    assert any(named in each for each in said(msgspec.structs.replace(BESIDE, **change)))


@pytest.mark.parametrize("name", ["lost", "gained", "rows", "p", "p_holm", "accuracy"])
def test_each_class_is_held_against_its_own_counts(name: str) -> None:
    first, *others = BESIDE.classes
    forged = msgspec.structs.replace(first, **{name: getattr(first, name) + 1})
    assert said(msgspec.structs.replace(BESIDE, classes=(forged, *others)))


def test_a_champion_where_there_was_none_is_named() -> None:
    assert said(ALONE, beside=False) == []
    (found,) = said(msgspec.structs.replace(ALONE, lost=0), beside=False)
    assert found == "it compares with a champion, and there was none"


@pytest.mark.parametrize("quantiles", [(3.0, 2.0, 4.0), (None, 2.0, 3.0), (-1.0, 2.0, 3.0)])
def test_quantiles_rise(quantiles: tuple[float | None, ...]) -> None:
    p50, p95, p99 = quantiles
    latency = msgspec.structs.replace(BESIDE.latency, p50_ms=p50, p95_ms=p95, p99_ms=p99)
    assert any("the candidate's" in each for each in said(_with(latency=latency)))


def _with(**change: Any) -> EvaluationResult:
    return msgspec.structs.replace(BESIDE, **change)


def test_what_a_model_said_itself_may_follow_a_reason_and_nothing_else_may() -> None:
    accuracy, failures, latency = ALONE.reasons
    assert failures.endswith(": too long")
    for reasons in (
        (f"{accuracy}, or so", failures, latency),
        (accuracy, "1 of 40 held-out rows got no answer: too long", latency),
        (accuracy, failures),
    ):
        forged = msgspec.structs.replace(ALONE, reasons=reasons)
        assert any("its reasons are" in each for each in said(forged, beside=False))
    other = msgspec.structs.replace(
        ALONE, reasons=(accuracy, failures.replace("too long", "broken pipe"), latency)
    )
    assert said(other, beside=False) == []
