"""The numbers that decided beside the rules they were held against."""

from typing import NamedTuple

from components.evaluation.result import InputsResult
from components.judge import P95_MARGIN, Evidence, Policy, Test, Verdict
from components.report import formatting
from components.report.timeline import Timeline


class Bar(NamedTuple):
    """Something on its way to what is needed."""

    label: str
    said: str
    percent: float
    css: str
    """`bad` or `good`, and `shown` once it is enough."""


class Row(NamedTuple):
    """What both versions did, and what was asked."""

    name: str
    candidate: str
    champion: str
    rule: str
    bars: tuple[Bar, ...] = ()


def scorecard(timeline: Timeline) -> tuple[Row, ...]:
    """The numbers of the newest verdict, test by test; empty when there is none."""
    verdict = timeline.verdict
    if verdict is None or verdict.evidence is None:
        return ()
    found, policy = verdict.evidence, timeline.state.endpoint.release.policy()
    ours, theirs = found.candidate, found.champion
    limit = formatting.percent(policy.error_rate)
    allowed = policy.p95_ratio * theirs.p95_ms if theirs.p95_ms else None
    below = found.p95.safe_ratio if found.p95 else policy.p95_ratio * P95_MARGIN
    return (
        Row(
            "Requests",
            formatting.count(ours.requests),
            formatting.count(theirs.requests),
            _share(verdict, found),
            (_bar("split is not as asked", found.split, "bad"),),
        ),
        *_clients(found, policy),
        Row(
            "Failed",
            formatting.failed(ours),
            formatting.failed(theirs),
            f"at most {limit}, or no worse than {found.beside}",
            (
                _bar(f"over {limit}", found.limit, "bad"),
                _bar(f"worse than {found.beside}", found.relative, "bad"),
                _bar(f"below {limit}", found.safe, "good"),
            ),
        ),
        Row(
            "p95 latency",
            formatting.ms(ours.p95_ms),
            formatting.ms(theirs.p95_ms),
            f"at most {policy.p95_ratio:g} times {found.beside}'s, {formatting.ms(allowed)}",
            (
                _bar(f"over {policy.p95_ratio:g} times", found.latency, "bad"),
                _bar(f"below {below:.3g} times", found.p95_safe, "good"),
            ),
        ),
    )


def _clients(found: Evidence, policy: Policy) -> tuple[Row, ...]:
    """Whose requests the evidence is made of, where that must be said."""
    bars: tuple[Bar, ...] = ()
    if found.others_safe is not None:
        label = f"below {formatting.percent(policy.error_rate)}, the others"
        bars = (_bar(label, found.others_safe, "good"),)
    if found.one_client is None:
        return (Row("Clients", "-", "-", _wanted(policy), bars),) if bars else ()
    said = f"{formatting.percent(found.one_client.share)} of {found.one_client.client}"
    return (Row("Busiest client", said, "-", _wanted(policy), bars),)


def _wanted(policy: Policy) -> str:
    if policy.min_clients == 1:
        return f"over {formatting.percent(policy.client_share)} is said"
    return f"evidence of {policy.min_clients} clients"


def _share(verdict: Verdict, found: Evidence) -> str:
    """What the candidate was asked to get, and got."""
    got = "none" if found.observed_share is None else f"{found.observed_share:.1f}%"
    if found.beside == "production":
        return f"{verdict.step:g}% of the traffic; got {got}"
    return f"{verdict.step:g}% of the traffic, as the baseline; got {got} of both's requests"


def evaluation(timeline: Timeline) -> tuple[Row, ...]:
    """The numbers of the evaluation, criterion by criterion; empty when there was none."""
    found = timeline.evaluation
    if found is None:
        return ()
    theirs, champion = found.champion_latency, found.champion_accuracy
    rows = [
        Row(
            "Accuracy",
            f"{found.accuracy:.4f}",
            "-" if champion is None else f"{champion:.4f}",
            f"at least {found.accuracy_min:.4f}",
        )
    ]
    if found.regression_p is not None:
        rule = f"exact McNemar p = {found.regression_p:.2g}, at least {found.regression_alpha:g}"
        rows.append(Row("Right alone", f"{found.gained}", f"{found.lost}", rule))
    if found.inputs is not None:
        rows.append(_inputs(found.inputs))
    return (
        *rows,
        Row(
            "Rows failed",
            f"{found.failures}",
            "-" if found.champion_failures is None else f"{found.champion_failures}",
            "none",
        ),
        Row(
            "p95 latency",
            formatting.ms(found.latency.p95_ms),
            formatting.ms(theirs.p95_ms) if theirs else "-",
            f"under {formatting.ms(found.latency_max_p95_ms)}, {found.concurrency} at a time",
        ),
    )


def _inputs(found: InputsResult) -> Row:
    lost = f"{found.unanswered} of {found.asked} refused"
    said = f"{lost}; {len(found.narrower)} inputs narrower" if found.narrower else lost
    return Row("Production's requests", said, "-", "none refused, no input narrower")


def _bar(label: str, test: Test, kind: str) -> Bar:
    share = min(max(test.log_e / test.log_needed, 0.0), 1.0)
    said = f"E {formatting.evidence(test.log_e)} of {formatting.evidence(test.log_needed)}"
    return Bar(label, said, 100 * share, f"{kind} shown" if test.speaks else kind)
