"""A release as one JSON object, for programs."""

from typing import Any

from components.judge import Growth
from components.report import words
from components.report.series import Story, p95


def summary(story: Story) -> dict[str, Any]:
    """The outcome, the numbers behind it, the steps and the events; times in seconds."""
    state, verdict = story.state, story.verdict
    return {
        "release": state.release_id,
        "endpoint": state.endpoint.name,
        "model": state.model,
        "candidate": state.candidate,
        "champion": state.champion,
        "outcome": state.outcome or "under way",
        "reason": state.reason or state.why,
        "headline": words.headline(story),
        "started_at": state.started_at,
        "seconds": round(story.duration, 3),
        "verdict": verdict.to_json() if verdict else None,
        "steps": [
            {
                "percent": step.percent,
                "observed_percent": step.observed,
                "began": step.began,
                "ended": step.ended,
                "candidate": _arm(story, step.candidate),
                "champion": _arm(story, step.champion),
                "decision": step.verdict.decision if step.verdict else None,
            }
            for step in story.steps
        ],
        "evaluation": state.evaluation,
        "events": [
            {
                "event": e.name,
                "detail": e.detail,
                "first": e.first,
                "last": e.last,
                "times": e.times,
            }
            for e in story.events
        ],
        "lines": story.lines,
        "last_hash": story.last_hash,
    }


def _arm(story: Story, growth: Growth) -> dict[str, float | None]:
    return {
        "requests": growth.requests,
        "errors": growth.errors,
        "p95_ms": p95(story.edges, growth),
    }
