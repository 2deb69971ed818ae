"""What an evaluation found, and whether the promotion criteria hold: no I/O here."""

from collections.abc import Sequence
from typing import Any

import msgspec

from components.endpoint import Evaluation as Criteria
from components.evaluation.mcnemar import holm, regression_p
from components.quantiles import nearest_rank


class InputsResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the candidate takes what the champion's clients send, and what they get for it."""

    narrower: tuple[str, ...] = ()
    """What the candidate's signature refuses of that which the champion's takes."""
    asked: int = 0
    """How many requests of the champion's clients the candidate was asked, besides its own: the
    champion's input example, and held-out rows as the champion takes them."""
    unanswered: int = 0
    first_failure: str = ""
    notes: tuple[str, ...] = ()
    """Columns that do nothing any more, and how the outputs differ: no criterion."""

    @property
    def refused(self) -> str:
        """What the champion's clients lose, in words; empty if nothing."""
        said = list(self.narrower)
        if self.unanswered:
            said.append(
                f"{self.unanswered} of {self.asked} requests that the champion answers got no"
                f" answer: {self.first_failure}"
            )
        return "; ".join(said)


class Scores(msgspec.Struct, frozen=True):
    """One version's answers to the held-out rows, in their order."""

    right: tuple[bool, ...]
    latencies_ms: tuple[float, ...]
    """Of the rows that were answered."""
    failed: tuple[int, ...] = ()
    """Indices of the rows that got no answer; they count as wrong."""
    first_failure: str = ""

    @property
    def failures(self) -> int:
        """How many rows got no answer."""
        return len(self.failed)

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return sum(self.right) / len(self.right)


class LatencyResult(msgspec.Struct, frozen=True):
    """Milliseconds from asking to answer, without the network; None when nothing was answered."""

    requests: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class ClassResult(msgspec.Struct, frozen=True):
    """One class of the held-out rows."""

    label: str
    rows: int
    accuracy: float
    champion_accuracy: float
    lost: int
    gained: int
    p: float
    p_holm: float
    """Adjusted for the number of classes."""


class EvaluationResult(msgspec.Struct, frozen=True, kw_only=True):
    """Candidate and champion on the same rows, and what follows from it."""

    passed: bool
    reasons: tuple[str, ...]
    """Why it did not pass, in words, with both numbers."""
    warnings: tuple[str, ...] = ()
    """What weakens the criteria without failing them."""
    dataset: str
    dataset_digest: str
    rows: int
    accuracy: float
    accuracy_min: float
    failures: int
    latency: LatencyResult
    latency_max_p95_ms: float
    concurrency: int
    champion_accuracy: float | None = None
    champion_failures: int | None = None
    """Rows that the champion did not answer: they are not compared, or it would seem easy to beat.

    None without a champion, and in records that were written before it was counted."""
    champion_latency: LatencyResult | None = None
    lost: int | None = None
    gained: int | None = None
    regression_p: float | None = None
    regression_alpha: float
    classes: tuple[ClassResult, ...] = ()
    inputs: InputsResult | None = None
    """None without a champion, and in records that were written before it was looked at."""

    def numbers(self) -> dict[str, float]:
        """The figures that are written to the version in the registry, by metric name."""
        figures = {
            "evaluation.accuracy": self.accuracy,
            "evaluation.rows": self.rows,
            "evaluation.failures": self.failures,
            "evaluation.p50_ms": self.latency.p50_ms,
            "evaluation.p95_ms": self.latency.p95_ms,
            "evaluation.p99_ms": self.latency.p99_ms,
            "evaluation.concurrency": self.concurrency,
            "evaluation.champion_accuracy": self.champion_accuracy,
            "evaluation.champion_failures": self.champion_failures,
            "evaluation.champion_p95_ms": (
                self.champion_latency.p95_ms if self.champion_latency else None
            ),
            "evaluation.lost": self.lost,
            "evaluation.gained": self.gained,
            "evaluation.regression_p": self.regression_p,
        }
        return {name: float(value) for name, value in figures.items() if value is not None}


def assess(
    criteria: Criteria,
    targets: Sequence[str],
    candidate: Scores,
    champion: Scores | None,
    *,
    dataset: str,
    dataset_digest: str,
    inputs: InputsResult | None = None,
) -> EvaluationResult:
    """Hold the promotion criteria against the scores.

    Args:
        criteria: the part ``evaluation`` of the endpoint's file.
        targets: the true label of each row.
        candidate: the candidate's scores on the rows.
        champion: the champion's scores on the same rows; None at a first release.
        dataset: where the rows came from.
        dataset_digest: SHA-256 of that file.
        inputs: whether the candidate takes what the champion takes; None at a first release.
    """
    latency = _latency(candidate)
    reasons = []
    if candidate.accuracy < criteria.accuracy.min:
        reasons.append(
            f"accuracy {candidate.accuracy:.4f} is below the baseline {criteria.accuracy.min:.4f}"
        )
    if candidate.failures:
        reasons.append(
            f"{candidate.failures} of {len(targets)} held-out rows got no answer: "
            f"{candidate.first_failure}"
        )
    if latency.p95_ms is not None and latency.p95_ms >= criteria.latency.p95_ms:
        reasons.append(
            f"p95 {latency.p95_ms:.0f} ms is not under {criteria.latency.p95_ms:.0f} ms "
            f"with {criteria.latency.concurrency} clients"
        )
    warnings: list[str] = []
    if inputs:
        _judge_inputs(criteria, inputs, reasons, warnings)
    compared: dict[str, Any] = {}
    if champion is not None:
        rows = sorted(set(range(len(targets))) - set(champion.failed))
        lost, gained = _discordant(champion, candidate, rows)
        p = regression_p(lost, gained)
        if p < criteria.regression.alpha:
            reasons.append(
                f"accuracy {candidate.accuracy:.4f} is a regression from the champion's "
                f"{champion.accuracy:.4f}: {lost} answers lost and {gained} gained, "
                f"exact McNemar p = {p:.2g} < {criteria.regression.alpha:g}"
            )
        if champion.failures:
            said = (
                f"the champion did not answer {champion.failures} of {len(targets)} held-out "
                f"rows: {champion.first_failure}"
            )
            if champion.failures > criteria.regression.unanswered * len(targets):
                reasons.append(
                    f"{said}; too few are left to show that there is no regression: fix the data "
                    "set, or set evaluation.regression.unanswered: 1 to replace a broken champion"
                )
            else:
                warnings.append(f"{said}; the regression test is on the other {len(rows)}")
        compared = {
            "champion_accuracy": champion.accuracy,
            "champion_failures": champion.failures,
            "champion_latency": _latency(champion),
            "lost": lost,
            "gained": gained,
            "regression_p": p,
            "classes": _classes(targets, champion, candidate),
        }
    return EvaluationResult(
        passed=not reasons,
        reasons=tuple(reasons),
        warnings=tuple(warnings),
        dataset=dataset,
        dataset_digest=dataset_digest,
        rows=len(targets),
        accuracy=candidate.accuracy,
        accuracy_min=criteria.accuracy.min,
        failures=candidate.failures,
        latency=latency,
        latency_max_p95_ms=criteria.latency.p95_ms,
        concurrency=criteria.latency.concurrency,
        regression_alpha=criteria.regression.alpha,
        inputs=inputs,
        **compared,
    )


def _judge_inputs(
    criteria: Criteria, inputs: InputsResult, reasons: list[str], warnings: list[str]
) -> None:
    if inputs.refused:
        said = f"it refuses what the champion takes: {inputs.refused}"
        if criteria.allow_narrower_inputs:
            warnings.append(f"{said}; evaluation.allow_narrower_inputs lets it pass")
        else:
            reasons.append(
                f"{said}; if no client sends that any more, set "
                "evaluation.allow_narrower_inputs: true"
            )
    warnings += [f"clients may notice: {note}" for note in inputs.notes]


def _latency(scores: Scores) -> LatencyResult:
    return LatencyResult(
        requests=len(scores.latencies_ms),
        p50_ms=nearest_rank(scores.latencies_ms, 0.5),
        p95_ms=nearest_rank(scores.latencies_ms, 0.95),
        p99_ms=nearest_rank(scores.latencies_ms, 0.99),
    )


def _discordant(champion: Scores, candidate: Scores, rows: Sequence[int]) -> tuple[int, int]:
    """How many answers of ``rows`` the candidate lost and gained."""
    pairs = [(champion.right[row], candidate.right[row]) for row in rows]
    return pairs.count((True, False)), pairs.count((False, True))


def _classes(
    targets: Sequence[str], champion: Scores, candidate: Scores
) -> tuple[ClassResult, ...]:
    by_label: dict[str, list[int]] = {}
    for index, target in enumerate(targets):
        by_label.setdefault(target, []).append(index)
    unanswered = set(champion.failed)
    found = []
    for label, indices in sorted(by_label.items()):
        before = [champion.right[index] for index in indices]
        after = [candidate.right[index] for index in indices]
        answered = [index for index in indices if index not in unanswered]
        lost, gained = _discordant(champion, candidate, answered)
        found.append((label, before, after, lost, gained, regression_p(lost, gained)))
    adjusted = holm([row[-1] for row in found])
    return tuple(
        ClassResult(
            label=label,
            rows=len(after),
            accuracy=sum(after) / len(after),
            champion_accuracy=sum(before) / len(before),
            lost=lost,
            gained=gained,
            p=p,
            p_holm=p_holm,
        )
        for (label, before, after, lost, gained, p), p_holm in zip(found, adjusted, strict=True)
    )
