"""Moments: what merely happened, as alerts that resolve by themselves.

A state (a lease has expired) is a gauge behind a rule. A moment (a version was promoted) is posted,
from the record of the release; the same labels are the same alert, so that posting it again is
harmless.
"""

from collections.abc import Sequence

from components import gateway
from components.judge import Verdict
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


_OF_STEP = {"PROMOTE": "step_passed", "ROLLBACK": "step_failed", "HOLD": "step_held"}
"""What a verdict on a watched step is called where people see it."""


def decided(opened: Opened, verdict: Verdict, at: float) -> Moment:
    """That the judge decided a watched step of a release."""
    return Moment(
        labels={
            "alertname": "StepDecided",
            "severity": "event",
            gateway.ENDPOINT_LABEL: opened.endpoint,
            gateway.VERSION_LABEL: opened.candidate,
            "outcome": _OF_STEP[verdict.decision],
            "step": f"{verdict.step:g}",
            "release": opened.release_id,
        },
        annotations={
            "summary": f"{opened.endpoint} version {opened.candidate} at {verdict.step:g}%:"
            f" {verdict.text}"
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
