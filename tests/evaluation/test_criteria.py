import math
from fractions import Fraction
from itertools import product

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.endpoint import Evaluation, Regression
from components.evaluation.mcnemar import holm, regression_p
from components.evaluation.result import EvaluationResult, InputsResult, Scores, assess

CRITERIA = Evaluation.model_validate(
    {
        "dataset": {"uri": "file:///rows.csv", "target": "label"},
        "accuracy": {"min": 0.8},
        "latency": {"p95_ms": 100, "concurrency": 4},
    }
)


def scores(right: str, ms: float = 10.0, failures: int = 0) -> Scores:
    """Right answers as ones; the last ``failures`` rows got no answer."""
    answered = len(right) - failures
    return Scores(
        right=tuple(letter == "1" for letter in right),
        latencies_ms=(ms,) * answered,
        failed=tuple(range(answered, len(right))),
        first_failure="too long" if failures else "",
    )


def outcome(
    candidate: Scores, champion: Scores | None = None, criteria: Evaluation = CRITERIA
) -> EvaluationResult:
    targets = ["a", "b"] * (len(candidate.right) // 2)
    return assess(
        criteria, targets, candidate, champion, dataset="file:///rows.csv", dataset_digest="0" * 64
    )


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(0, 300), st.integers(0, 300))
def test_the_p_value_is_the_exact_binomial_tail(lost: int, gained: int) -> None:
    n = lost + gained
    exact = Fraction(sum(math.comb(n, k) for k in range(lost, n + 1)), 2**n)
    assert regression_p(lost, gained) == pytest.approx(float(exact), rel=1e-9)


def test_equal_models_are_called_worse_no_more_often_than_alpha_says() -> None:
    for n in range(1, 60):
        rejected = sum(math.comb(n, b) for b in range(n + 1) if regression_p(b, n - b) < 0.05)
        assert rejected / 2**n < 0.05


def test_no_lost_answer_is_no_evidence() -> None:
    assert regression_p(0, 0) == regression_p(0, 50) == 1.0


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        regression_p(-1, 3)


def test_holm_agrees_with_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    for (p, q), (r, s) in product(zip(values, adjusted, strict=True), repeat=2):
        assert not (p < r and q > s)


def test_a_first_release_is_held_against_the_baseline_alone() -> None:
    good = outcome(scores("1" * 9 + "0"))
    assert good.passed
    assert good.champion_accuracy is None
    assert "evaluation.regression_p" not in good.numbers()
    bad = outcome(scores("1" * 7 + "000"))
    assert bad.reasons == ("accuracy 0.7000 is below the baseline 0.8000",)


def test_accuracy_at_the_baseline_passes() -> None:
    assert outcome(scores("1" * 8 + "00")).passed


def test_a_p95_at_the_limit_does_not_pass() -> None:
    assert outcome(scores("1" * 10, ms=99.9)).passed
    (reason,) = outcome(scores("1" * 10, ms=100.0)).reasons
    assert reason == "p95 100 ms is not under 100 ms with 4 clients"


def test_losing_many_answers_is_a_regression_and_losing_few_is_not() -> None:
    champion = scores("1" * 100)
    (reason,) = outcome(scores("1" * 95 + "0" * 5), champion).reasons
    assert "5 answers lost and 0 gained, exact McNemar p = 0.031 < 0.05" in reason
    assert outcome(scores("1" * 96 + "0" * 4), champion).passed


def test_a_better_candidate_is_no_regression() -> None:
    result = outcome(scores("1" * 100), scores("1" * 80 + "0" * 20))
    assert result.passed
    assert (result.lost, result.gained, result.regression_p) == (0, 20, 1.0)


def test_classes_carry_their_own_counts_and_adjusted_p_values() -> None:
    result = outcome(scores("01" * 50), scores("11" * 50))
    a, b = result.classes
    assert (a.label, a.rows, a.accuracy, a.champion_accuracy, a.lost) == ("a", 50, 0.0, 1.0, 50)
    assert (b.lost, b.gained, b.p, b.p_holm) == (0, 0, 1.0, 1.0)
    assert a.p_holm == pytest.approx(2 * a.p)


def test_a_model_that_raises_on_a_held_out_row_does_not_pass() -> None:
    result = outcome(scores("1" * 99 + "0", failures=1))
    assert result.reasons == ("1 of 100 held-out rows got no answer: too long",)


def test_a_champion_that_answers_nothing_is_no_proof_of_no_regression() -> None:
    result = outcome(scores("1" * 100), scores("0" * 100, failures=100))
    assert not result.passed
    assert (result.lost, result.gained, result.regression_p) == (0, 0, 1.0)
    (reason,) = result.reasons
    assert "the champion did not answer 100 of 100 held-out rows: too long" in reason
    assert "evaluation.regression.unanswered: 1" in reason
    assert result.numbers()["evaluation.champion_failures"] == 100


def test_a_broken_champion_may_be_replaced_where_the_file_says_so() -> None:
    regression = Regression(unanswered=1)
    result = outcome(
        scores("1" * 100),
        scores("0" * 100, failures=100),
        CRITERIA.model_copy(update={"regression": regression}),
    )
    assert result.passed
    assert "did not answer 100 of 100" in result.warnings[0]


def test_rows_that_the_champion_failed_do_not_hide_lost_answers() -> None:
    """Right on the 20 rows that it failed, wrong on 10 of its right ones: a regression."""
    champion = scores("1" * 80 + "0" * 20, failures=20)
    result = outcome(scores("0" * 10 + "1" * 90), champion)
    assert not result.passed
    assert (result.lost, result.gained) == (10, 0)
    assert sum(found.gained for found in result.classes) == 0
    better = outcome(scores("1" * 100), champion)
    assert (better.passed, better.champion_failures) == (True, 20)
    (warning,) = better.warnings
    assert "did not answer 20 of 100" in warning
    assert "the other 80" in warning


def test_a_record_from_before_champion_failures_were_counted_is_read() -> None:
    content = msgspec.to_builtins(outcome(scores("1" * 100), scores("1" * 100)))
    del content["champion_failures"], content["warnings"]
    assert msgspec.convert(content, EvaluationResult).champion_failures is None


def test_a_model_that_answers_nothing_has_no_latency_and_does_not_pass() -> None:
    result = outcome(scores("0" * 10, failures=10))
    assert not result.passed
    assert result.latency.p95_ms is None
    assert "evaluation.p95_ms" not in result.numbers()
    assert msgspec.json.decode(msgspec.json.encode(result), type=EvaluationResult) == result


REFUSED = InputsResult(narrower=("column 'age' is integer now, it was long",), notes=("a note",))


def with_inputs(inputs: InputsResult, **file: bool) -> EvaluationResult:
    criteria = CRITERIA.model_copy(update=file)
    rows = scores("1" * 10)
    return assess(
        criteria, ["a"] * 10, rows, rows, dataset="d", dataset_digest="0" * 64, inputs=inputs
    )


def test_a_candidate_that_takes_less_than_the_champion_does_not_pass() -> None:
    found = with_inputs(REFUSED)
    assert not found.passed
    (reason,) = found.reasons
    assert reason.startswith("it refuses what the champion takes: column 'age' is integer now")
    assert found.warnings == ("clients may notice: a note",)
    asked = with_inputs(InputsResult(asked=3, unanswered=1, first_failure="why"))
    assert "1 of 3 requests that the champion answers got no answer: why" in asked.reasons[0]
    assert with_inputs(InputsResult(asked=3)).passed


def test_the_endpoint_s_file_may_let_it_pass_and_the_record_says_so() -> None:
    found = with_inputs(REFUSED, allow_narrower_inputs=True)
    assert found.passed
    assert found.warnings[0].endswith("evaluation.allow_narrower_inputs lets it pass")
    assert found.inputs == REFUSED
