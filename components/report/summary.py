"""A release as one JSON object, for programs."""

from typing import Any

import msgspec

from components.judge import Growth
from components.release.state import ReleaseState
from components.report import formatting
from components.report.timeline import Step, Timeline, p95


def summary(timeline: Timeline) -> dict[str, Any]:
    """The outcome, the numbers behind it, the steps and the events; times in seconds."""
    state, verdict = timeline.state, timeline.verdict
    return {
        "release": state.release_id,
        "endpoint": state.endpoint.name,
        "model": state.model,
        "candidate": state.candidate,
        "champion": state.champion,
        **_identities(state),
        "outcome": state.outcome or "under way",
        "reason": state.reason or state.why,
        "headline": formatting.headline(timeline),
        "started_at": state.started_at,
        "seconds": round(timeline.duration, 3),
        "verdict": verdict.to_json() if verdict else None,
        "steps": [
            {
                "percent": step.percent,
                "observed_percent": step.observed,
                "began": step.began,
                "ended": step.ended,
                "candidate": _arm(timeline, step.candidate),
                "champion": _arm(timeline, step.champion),
                **_beside(timeline, step),
                "decision": step.verdict.decision if step.verdict else None,
            }
            for step in timeline.steps
        ],
        "evaluation": _evaluation(state),
        **_held(timeline),
        "events": [
            {
                "event": e.name,
                "detail": e.detail,
                "first": e.first,
                "last": e.last,
                "times": e.times,
            }
            for e in timeline.events
        ],
        "lines": timeline.lines,
        "last_hash": timeline.last_hash,
        **_later(timeline),
    }


def _beside(timeline: Timeline, step: Step) -> dict[str, Any]:
    """Production, where `champion` is its baseline."""
    return {} if step.production is None else {"production": _arm(timeline, step.production)}


def _identities(state: ReleaseState) -> dict[str, Any]:
    """What candidate and champion are, by name, if the record says it."""
    known = {name: its for name, its in state.versions.items() if its.digest}
    return {"versions": msgspec.to_builtins(known)} if known else {}


def _evaluation(state: ReleaseState) -> Any:
    found = msgspec.to_builtins(state.evaluation)
    if found and found.get("inputs", ...) is None:
        del found["inputs"]  # it was not looked at
    return found


def _held(timeline: Timeline) -> dict[str, Any]:
    """What steps waited for, and what people decided; nothing of a release that met none."""
    found = [
        {"t": round(done.t, 3), **msgspec.to_builtins(done.line.body)} for done in timeline.holds
    ]
    waits = [] if timeline.state.outcome else msgspec.to_builtins(timeline.state.standing.waits)
    return {"holds": found, "waits": waits} if found else {}


def _later(timeline: Timeline) -> dict[str, Any]:
    """What a later schema says that this version does not understand, if anything."""
    lines = [
        {
            "kind": done.line.kind,
            "t": round(done.t, 3),
            "content": msgspec.json.decode(done.line.content),
        }
        for done in timeline.later
    ]
    return {"later_schema": lines} if lines else {}


def _arm(timeline: Timeline, growth: Growth) -> dict[str, float | None]:
    return {
        "requests": growth.requests,
        "errors": growth.errors,
        "p95_ms": p95(timeline.edges, growth),
    }
