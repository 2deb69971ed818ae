"""Holding a recorded evaluation against itself and against the criteria that it was made by."""

import math
from collections.abc import Iterator, Sequence

from components.endpoint import Evaluation as Criteria
from components.evaluation.mcnemar import holm, regression_p
from components.evaluation.result import (
    ClassResult,
    EvaluationResult,
    LatencyResult,
    noticeable,
    unmet,
    weakened,
)

_MOST_ROWS = 2**53
_TOLERANCE = 1e-9
"""Relative; shares and p values are quotients and sums of few terms."""


def deviations(criteria: Criteria, found: EvaluationResult, *, beside: bool) -> Iterator[str]:
    """What of a recorded evaluation does not follow from its figures and the criteria, in words.

    The rows themselves, their digest, the latencies behind the quantiles and the words of a model
    that failed stand nowhere else in the record: they are taken as they are.

    Args:
        criteria: the part ``evaluation`` of the endpoint's file.
        found: the evaluation.
        beside: there was a champion to compare with.
    """
    yield from _criteria(criteria, found)
    yield from _figures(found)
    yield from _compared(found) if beside else _alone(found)
    yield from _outcome(criteria, found)


def _criteria(criteria: Criteria, found: EvaluationResult) -> Iterator[str]:
    for name, recorded, set_ in (
        ("accuracy_min", found.accuracy_min, criteria.accuracy.min),
        ("latency_max_p95_ms", found.latency_max_p95_ms, criteria.latency.p95_ms),
        ("concurrency", found.concurrency, criteria.latency.concurrency),
        ("regression_alpha", found.regression_alpha, criteria.regression.alpha),
        ("dataset", found.dataset, criteria.dataset.uri),
    ):
        if recorded != set_:
            yield f"{name} is {recorded}, the settings say {set_}"
    most = criteria.dataset.rows
    if most is not None and found.rows > most:
        yield f"{found.rows} rows were scored, the settings say at most {most}"


def _figures(found: EvaluationResult) -> Iterator[str]:
    if not 1 <= found.rows <= _MOST_ROWS or not 0 <= found.failures <= found.rows:
        yield f"{found.failures} failures in {found.rows} rows"
        return
    answered = found.rows - found.failures
    right = _whole(found.accuracy, found.rows)
    if right is None or not 0 <= right <= answered:
        yield f"accuracy {found.accuracy} is no share of {found.rows} rows, {answered} answered"
    yield from _latency("the candidate's", found.latency, answered)


def _latency(whose: str, latency: LatencyResult, answered: int) -> Iterator[str]:
    if latency.requests != answered:
        yield f"{whose} latencies are of {latency.requests} answers, {answered} rows were answered"
    quantiles = (latency.p50_ms, latency.p95_ms, latency.p99_ms)
    known = [each for each in quantiles if each is not None]
    if len(known) != (len(quantiles) if latency.requests else 0):
        yield f"{whose} quantiles do not fit {latency.requests} answers"
    elif known != sorted(known) or any(each < 0 for each in known):
        yield f"{whose} p50, p95 and p99 do not rise"


def _alone(found: EvaluationResult) -> Iterator[str]:
    compared = (
        found.champion_accuracy,
        found.champion_failures,
        found.champion_latency,
        found.lost,
        found.gained,
        found.regression_p,
        found.inputs,
    )
    if found.classes or any(each is not None for each in compared):
        yield "it compares with a champion, and there was none"


def _compared(found: EvaluationResult) -> Iterator[str]:
    before, latency = found.champion_accuracy, found.champion_latency
    lost, gained, p = found.lost, found.gained, found.regression_p
    if before is None or latency is None or lost is None or gained is None or p is None:
        yield "it does not compare with the champion"
        return
    # Records that were written before it was counted do not tell of rows without an answer.
    unanswered = found.champion_failures
    most = 0 if unanswered is None else unanswered
    right = _whole(before, found.rows)
    if not 0 <= most <= found.rows or right is None or not 0 <= right <= found.rows - most:
        yield f"champion_accuracy {before} is no share of {found.rows} rows, {most} unanswered"
    if unanswered is not None:
        yield from _latency("the champion's", latency, found.rows - unanswered)
    yield from _discordant("", found.rows, found.accuracy, before, (lost, gained, most))
    yield from _p("regression_p", p, lost, gained)
    yield from _classes(found, found.classes, most)
    if inputs := found.inputs:
        fits = 0 <= inputs.unanswered <= inputs.asked
        if not fits or bool(inputs.first_failure) != bool(inputs.unanswered):
            yield f"{inputs.unanswered} of {inputs.asked} requests of the champion's got no answer"


def _discordant(
    where: str, rows: int, after: float, before: float, counts: tuple[int, int, int]
) -> Iterator[str]:
    """The change of right answers is that of the compared rows, and at most of those left out."""
    lost, gained, left_out = counts
    change = (after - before) * rows - (gained - lost)
    slack = _TOLERANCE * max(rows, 1)
    if min(lost, gained) < 0 or lost + gained > rows or not -slack <= change <= left_out + slack:
        yield f"{where}{lost} answers lost and {gained} gained do not make the change of accuracy"


def _p(name: str, recorded: float, lost: int, gained: int) -> Iterator[str]:
    if min(lost, gained) < 0 or lost + gained > _MOST_ROWS:
        return
    again = regression_p(lost, gained)
    if not math.isclose(recorded, again, rel_tol=_TOLERANCE):
        yield f"{name} is {recorded}, the exact test of {lost} lost and {gained} gained is {again}"


def _classes(
    found: EvaluationResult, classes: Sequence[ClassResult], left_out: int
) -> Iterator[str]:
    if sum(each.rows for each in classes) != found.rows:
        yield f"its classes do not have the {found.rows} rows together"
    if len({each.label for each in classes}) != len(classes):
        yield "a class is named twice"
    for name, whole, parts in (
        ("accuracy", found.accuracy, [each.accuracy * each.rows for each in classes]),
        (
            "champion_accuracy",
            found.champion_accuracy or 0.0,
            [each.champion_accuracy * each.rows for each in classes],
        ),
    ):
        if not math.isclose(sum(parts), whole * found.rows, rel_tol=_TOLERANCE, abs_tol=1e-6):
            yield f"{name} of its classes is not {name} of all rows"
    if (sum(each.lost for each in classes), sum(each.gained for each in classes)) != (
        found.lost,
        found.gained,
    ):
        yield "what its classes lost and gained is not what all rows did"
    for each, adjusted in zip(classes, holm([each.p for each in classes]), strict=True):
        where = f"class {each.label!r}: "
        counts = (each.lost, each.gained, left_out)
        if (
            _whole(each.accuracy, each.rows) is None
            or _whole(each.champion_accuracy, each.rows) is None
        ):
            yield f"{where}an accuracy is no share of {each.rows} rows"
        yield from _discordant(where, each.rows, each.accuracy, each.champion_accuracy, counts)
        yield from _p(f"{where}p", each.p, each.lost, each.gained)
        if not math.isclose(each.p_holm, adjusted, rel_tol=_TOLERANCE):
            yield f"{where}p_holm is {each.p_holm}, Holm's adjustment is {adjusted}"


def _outcome(criteria: Criteria, found: EvaluationResult) -> Iterator[str]:
    wanted = unmet(criteria, found)
    if found.passed != (not wanted):
        said = "; ".join(wanted.values()) or "every criterion is met"
        yield f"passed is {str(found.passed).lower()}: by its figures {said}"
    said_so = [
        # What a model that failed said itself follows.
        text.startswith(f"{words}: ") if name in {"failures", "champion"} else text == words
        for text, (name, words) in zip(found.reasons, wanted.items(), strict=False)
    ]
    if len(found.reasons) != len(wanted) or not all(said_so):
        yield f"its reasons are {list(found.reasons)}, by its figures {list(wanted.values())}"
    for text in weakened(criteria, found):
        if not any(warning.startswith(f"{text}: ") for warning in found.warnings):
            yield f"it does not warn that {text}"
    for text in noticeable(criteria, found):
        if text not in found.warnings:
            yield f"it does not warn: {text}"


def _whole(share: float, rows: int) -> int | None:
    """How many of the rows the share is; None if it is no whole number of them."""
    count = share * rows
    if not math.isfinite(count) or abs(count - round(count)) > _TOLERANCE * max(rows, 1):
        return None
    return round(count)
