"""How numbers and actions are put into words, the same on the page and in the terminal."""

import math
from collections.abc import Mapping, Sequence

from components.evaluation.result import ClassResult
from components.judge import Arm, Eta, Growth, Verdict
from components.report.timeline import Timeline

OUTCOMES = {
    "promoted": "promoted",
    "rolled_back": "rolled back",
    "held": "held",
    "error": "error",
    None: "under way",
}


def duration(seconds: float) -> str:
    """A length of time in its two largest units: ``42 s``, ``4 min 10 s``, ``1 h 2 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    at = next(i for i, (size, _) in enumerate(units) if whole >= size)
    (large, name), (small, second) = units[at], units[at + 1]
    rest = whole % large // small
    return f"{whole // large} {name}" + (f" {rest} {second}" if rest else "")


def clock(seconds: float) -> str:
    """A moment since the release began: ``1:05`` or ``2:01:05``."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent, with as many digits as say something."""
    if share is None:
        return "-"
    value = 100 * share
    return (
        f"{value:.0f}%" if value in (0, 100) else f"{value:.2f}%" if value < 10 else f"{value:.1f}%"
    )


def budget(shares: Mapping[str, float]) -> str:
    """The risk of rolling back a good version, and the tests between which it is split."""
    spent = ", ".join(f"{test} {100 * share:.3g}%" for test, share in shares.items())
    return f"false rollback: at most {100 * sum(shares.values()):.3g}% of releases ({spent})"


def count(value: float) -> str:
    """A count with thousands set apart."""
    return f"{value:,.0f}"


def ms(value: float | None) -> str:
    """Milliseconds with three digits."""
    if value is None:
        return "-"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def evidence(log_e: float) -> str:
    """An e-value, from its natural logarithm, with two digits within what anyone needs to tell."""
    exponent = log_e / math.log(10)
    if exponent < -2:
        return "<0.01"
    if exponent >= 6:
        return ">1e6"
    return f"{math.exp(log_e):,.0f}" if exponent >= 1 else f"{math.exp(log_e):.2g}"


def headline(timeline: Timeline) -> str:
    """The outcome and why, in one sentence with the numbers that decided."""
    state, verdict = timeline.state, timeline.verdict
    name = f"Version {state.candidate}"
    reason = state.reason
    match state.outcome:
        case "promoted":
            said = verdict.text if verdict else f"{reason}{evaluated(timeline)}"
            beside = f", in place of version {state.champion}" if state.champion else ""
            if state.champion == state.candidate:
                beside = " again"
            return f"{name} is in production{beside}: {said}."
        case "rolled_back" if timeline.exposed:
            exposed = timeline.exposed
            after = duration(exposed.ended - exposed.began)
            return f"{name} was rolled back {after} after its first {exposed.percent:g}%: {reason}."
        case "rolled_back":
            return f"{name} was refused before it got any traffic: {reason}."
        case "held":
            return f"{name} is held, production keeps its traffic: {reason}."
        case "error":
            return f"The release of version {state.candidate} ended with an error: {reason}."
    said = verdict.text if verdict else "it has not got any traffic yet"
    if timeline.shadow and not verdict:
        said += f"; in its shadow: {timeline.shadow.verdict.text}"
    said = state.standing.said or said
    return f"The release of version {state.candidate} is under way: {said}."


def evaluated(timeline: Timeline) -> str:
    """The numbers of the evaluation, to be added to a sentence."""
    found = timeline.evaluation
    if found is None:
        return ""
    return (
        f" (accuracy {found.accuracy:.4f}, at least {found.accuracy_min:.4f};"
        f" p95 {ms(found.latency.p95_ms)}, under {ms(found.latency_max_p95_ms)})"
    )


def decision(verdict: Verdict | None) -> str:
    """A verdict in a word or two."""
    if verdict is None:
        return "-"
    if verdict.decision == "HOLD":
        return "hold" if verdict.final else "watching"
    return {"PROMOTE": "passed", "ROLLBACK": "roll back", "ERROR": "error"}[verdict.decision]


def expected(row: Eta) -> str:
    """When something would be seen."""
    if row.seconds is None:
        return "never"
    late = "" if row.in_watch else ", later than the watch ends"
    return f"after {duration(row.seconds)}{late}"


def failed(growth: Growth | Arm) -> str:
    """The share of requests that failed, and how many."""
    if not growth.requests:
        return "-"
    return f"{percent(growth.errors / growth.requests)} ({count(growth.errors)})"


def worst(classes: Sequence[ClassResult]) -> list[ClassResult]:
    """Classes, those that lost most beyond what chance explains first."""
    return sorted(classes, key=lambda found: (found.p_holm, found.p, found.accuracy, found.label))
