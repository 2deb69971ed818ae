"""Moments: what merely happened, as alerts that resolve by themselves.

A state (a lease has expired) is a gauge behind a rule. A moment (a version was promoted) is posted,
from the record of the release; the same labels are the same alert, so that posting it again is
harmless.
"""

from collections.abc import Mapping, Sequence

from components import gateway
from components.judge import Decision, Verdict
from components.platform.moments import Moment
from components.record import Ended, Line, Opened

RUNBOOKS = "docs/runbooks.md"


def ended(lines: Sequence[Line]) -> Moment:
    """That a release ended, from its record, which has an end."""
    opened = next(line.body for line in lines if isinstance(line.body, Opened))
    at, end = next((line.at, line.body) for line in lines if isinstance(line.body, Ended))
    return Moment(
        labels={
            "alertname": "ReleaseEnded",
            "severity": "event",
            gateway.ENDPOINT_LABEL: opened.endpoint,
            gateway.VERSION_LABEL: opened.candidate,
            "outcome": end.outcome,
            "release": opened.release_id,
        },
        annotations=_said(
            "ReleaseEnded",
            f"{opened.endpoint} version {opened.candidate}:"
            f" {end.outcome.replace('_', ' ')}: {end.reason}",
            f"sluice show {opened.release_id}",
        ),
        at=at,
    )


def asked(opened: Opened, at: float) -> Moment:
    """That a release waits for somebody's approval."""
    return Moment(
        labels={
            "alertname": "ApprovalAsked",
            "severity": "event",
            "outcome": "approval_asked",
            gateway.ENDPOINT_LABEL: opened.endpoint,
            gateway.VERSION_LABEL: opened.candidate,
            "release": opened.release_id,
        },
        annotations=_said(
            "ApprovalAsked",
            f"{opened.endpoint} version {opened.candidate} waits for approval",
            f"sluice show {opened.release_id}, then sluice approve or sluice reject",
        ),
        at=at,
    )


def adopted(endpoint: str, version: str, predictor: str, at: float) -> Moment:
    """That a predictor which somebody else made is an endpoint's champion from now on."""
    return Moment(
        labels={
            "alertname": "Adopted",
            "severity": "event",
            gateway.ENDPOINT_LABEL: endpoint,
            gateway.VERSION_LABEL: version,
            "outcome": "adopted",
        },
        annotations={"summary": f"{endpoint} version {version}: {predictor} is its champion now"},
        at=at,
    )


_OF_STEP: Mapping[Decision, str] = {
    "PROMOTE": "step_passed",
    "ROLLBACK": "step_failed",
    "HOLD": "step_held",
    "ERROR": "step_failed",
}
"""What a verdict on a watched step is called where people see it."""


def decided(opened: Opened, verdict: Verdict, at: float, *, shadow: bool = False) -> Moment:
    """That the judge decided a watched step of a release, or its candidate's shadow."""
    step = "shadow" if shadow else f"{verdict.step:g}"
    where = "in its shadow" if shadow else f"at {step}%"
    return Moment(
        labels={
            "alertname": "StepDecided",
            "severity": "event",
            gateway.ENDPOINT_LABEL: opened.endpoint,
            gateway.VERSION_LABEL: opened.candidate,
            "outcome": _OF_STEP[verdict.decision],
            "step": step,
            "release": opened.release_id,
        },
        annotations={
            "summary": f"{opened.endpoint} version {opened.candidate} {where}: {verdict.text}"
        },
        at=at,
    )


def trial(now: float) -> list[Moment]:
    """One each of page, ticket and event, for whoever tries where they go."""
    return [
        Moment(
            labels={"alertname": "NotifyTest", "severity": severity},
            annotations=_said(
                "NotifyTest",
                f"A {severity}, sent by 'sluice notify test'.",
                "nothing is to be done",
            ),
            at=now,
        )
        for severity in ("page", "ticket", "event")
    ]


def _said(alert: str, summary: str, mend: str) -> dict[str, str]:
    return {"summary": summary, "mend": mend, "runbook_url": f"{RUNBOOKS}#{alert.lower()}"}
