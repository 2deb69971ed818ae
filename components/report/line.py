"""A record's line in words: the same where a release is followed and where it is reported."""

import json
from itertools import starmap

from components.arms import in_words
from components.evaluation import EvaluationResult
from components.judge import Evidence, Verdict
from components.record import (
    AliasSet,
    BaselineSet,
    Count,
    Covered,
    Decided,
    Deployed,
    Ended,
    EvaluationSkipped,
    Fetched,
    ForecastMade,
    Held,
    Line,
    MirrorSet,
    Noted,
    Opened,
    Scaled,
    Shadowed,
    Unknown,
    WeightsSet,
)
from components.report import formatting

LONGEST = 300
"""Characters of a line of a later schema that are shown."""


_DONE = {"approve": "approved", "reject": "rejected", "pause": "paused", "resume": "resumed"}


def describe(line: Line) -> str:
    """One line of text for people, or nothing for what they need not see."""
    said = _known(line)
    return said and said + _added(line)


def _known(line: Line) -> str:
    match line.body:
        case Opened() as head:
            beside = "no champion yet"
            if head.champion:
                model = head.identity(head.champion).model
                other = "" if model == head.model else f" of {model}"
                beside = f"beside champion {head.champion}{other}"
            return f"release {head.release_id}: {head.model} {head.candidate}, {beside}"
        case EvaluationSkipped(skipped=why):
            return f"evaluation: skipped: {why}"
        case EvaluationResult() as found:
            return _evaluation(found)
        case ForecastMade() as forecast:
            return _forecast(forecast)
        case Verdict() as verdict:
            return _verdict(verdict)
        case Shadowed(verdict=verdict):
            return _verdict(verdict, shadow=True)
        case Noted(event=name, detail=detail):
            return event(name, detail)
        case Ended(outcome=outcome):
            return f"end: {formatting.OUTCOMES[outcome]}"
    return _action(line)


def action(line: Line) -> str:
    """What the release did; of a later schema, what stands there."""
    return (_action(line) or line.kind) + _added(line)


def _added(line: Line) -> str:
    """What a later schema says besides, in a line that this one knows."""
    added = line.unknown_fields()
    return f" (of a later schema: {json.dumps(added)[:LONGEST]})" if added else ""


def _action(line: Line) -> str:
    match line.body:
        case Fetched(version=version):
            return f"fetched and verified version {version}"
        case Deployed(versions=versions):
            return f"served versions {', '.join(versions)}"
        case BaselineSet(arm=arm, reason=reason):
            compared = f"also with {in_words(arm)}" if arm else "with production alone"
            return f"the candidate is compared {compared}: {reason}"
        case Covered(arm=arm, reason=reason):
            away = f"{in_words(arm)} has no ready predictor and is waited for"
            return f"{away if arm else 'each version answers for itself again'}: {reason}"
        case MirrorSet() | WeightsSet() | Scaled():
            return _moved(line.body)
        case AliasSet(alias=alias, version=version):
            return f"moved alias {alias} to version {version}"
        case Held(step=step, waits=waits):
            said = "; ".join(each.said for each in waits)
            return f"the step to {step}% is {f'held: {said}' if waits else 'held no longer'}"
        case Decided() as decided:
            why = f": {decided.reason}" if decided.reason else ""
            return f"{_DONE[decided.says]} by {decided.by}{why}"
        case Unknown(kind=kind, content=content):
            return f"{kind} (of a later schema): {json.dumps(content)[:LONGEST]}"
    return ""


def _count(arm: str, found: Count) -> str:
    """How many predictors an arm has."""
    several = str(found.ready)
    if found.ready < found.wanted:
        several += f" of {found.wanted}"
    held = f", held at {found.floor}" if found.floor > 1 else ""
    return f"{in_words(arm)} {several}{held}"


def _moved(body: MirrorSet | WeightsSet | Scaled) -> str:
    """Whom requests go to, or copies of them, and how many answer."""
    if isinstance(body, Scaled):
        return f"predictors: {', '.join(starmap(_count, body.replicas.items()))}"
    after = f"in force after {1000 * body.applied_s:.0f} ms"
    if isinstance(body, MirrorSet):
        copied = "all" if body.percent == 100 else f"{body.percent}% of"
        to = f"version {body.version}, whose answers nobody gets"
        return f"copies {copied} requests to {to}; {after}"
    shares = ", ".join(f"{in_words(arm)} {share}%" for arm, share in body.weights.items())
    return f"set traffic: {shares or 'no route'}; {after}"


def event(name: str, detail: str) -> str:
    """What happened besides the plan."""
    said = name.replace("_", " ")
    return f"{said}: {detail}" if detail else said


def _evaluation(found: EvaluationResult) -> str:
    if not found.passed:
        return f"evaluation: refused: {'; '.join(found.reasons)}"
    beside = ""
    if found.champion_accuracy is not None and found.regression_p is not None:
        p = found.regression_p
        beside = f" (champion {found.champion_accuracy:.4f}, regression p = {p:.3g})"
    warned = "".join(f"; {warning}" for warning in found.warnings)
    return (
        f"evaluation: passed on {found.rows} rows: accuracy {found.accuracy:.4f}{beside},"
        f" p95 {found.latency.p95_ms or 0:.0f} ms{warned}"
    )


def _forecast(forecast: ForecastMade) -> str:
    rows = [*forecast.faults, *forecast.safe]
    seen = [f"{row.what} {_about(row.seconds)}" for row in rows]
    said = ["forecast: " + ", ".join(seen), formatting.budget(forecast.budget)]
    return "; ".join([*said, *forecast.warnings])


def _about(seconds: float | None) -> str:
    return "never" if seconds is None else f"in {seconds:.0f} s"


def _verdict(verdict: Verdict, *, shadow: bool = False) -> str:
    if not verdict.step:
        return ""
    step = "shadow" if shadow else f"{verdict.step:3.0f}%"
    return f"{step}  {verdict.decision}: {_counts(verdict.evidence)}{verdict.text}"


def _counts(evidence: Evidence | None) -> str:
    if evidence is None:
        return ""
    candidate, champion = evidence.candidate, evidence.champion
    beside = ""
    if candidate.p95_ms is not None and champion.p95_ms is not None:
        beside = f", p95 {candidate.p95_ms:.0f} ms beside {champion.p95_ms:.0f} ms"
    refused = f", {candidate.refused:.0f} more refused" if candidate.refused else ""
    whose = evidence.one_client
    most = f", {whose.share:.0%} from {whose.client}" if whose else ""
    return f"{candidate.errors:.0f} of {candidate.requests:.0f} failed{most}{refused}{beside}; "
