"""What is kept of one release's record: a fold over its lines, of any schema."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from components.evaluation.result import EvaluationResult
from components.exporter.families import Arm, Phase
from components.judge import Evidence, Test, Verdict
from components.record import (
    Deployed,
    Ended,
    EvaluationSkipped,
    Fetched,
    Held,
    Line,
    Opened,
    WeightsSet,
)
from components.record import opened as head_of


@dataclass(frozen=True)
class Released:
    """A release as far as its record tells."""

    release_id: str
    endpoint: str
    candidate: str
    champion: str | None
    started_at: float
    """Seconds since the epoch."""
    phase: Phase = "fetching"
    tests: Mapping[str, Test] = field(default_factory=dict)
    """The newest verdict's evidence, by the name of its field."""
    outcome: str = ""
    """Empty while it is under way."""
    ended_at: float = 0.0
    """Seconds since the epoch; 0 while it is under way."""

    def part_of(self, version: str) -> Arm | None:
        """The part that a version has in this release while it is under way."""
        if self.outcome:
            return None
        parts: dict[str | None, Arm] = {self.candidate: "candidate", self.champion: "champion"}
        return parts.get(version)


def begun(line: Line) -> Released:
    """A release after its record's first line.

    Raises:
        InputError: it is no release's.
    """
    head: Opened = head_of([line])
    return Released(head.release_id, head.endpoint, head.candidate, head.champion, line.at)


def after(release: Released, line: Line) -> Released:
    """The release after one more line."""
    changes: dict[str, Any] = {}
    match line.body:
        case Fetched():
            changes = {"phase": "evaluating"}
        case EvaluationResult(passed=passed) | EvaluationSkipped(passed=passed):
            changes = {"phase": "deploying" if passed else "rolling_back"}
        case Deployed():
            changes = {"phase": "watching"}
        case WeightsSet(weights=weights) if weights == {release.candidate: 100}:
            changes = {"phase": "promoting"}
        case Held(waits=waits):
            changes = {"phase": "waiting" if waits else "watching"}
        case Verdict() as verdict:
            changes = {"phase": _decided(release.phase, verdict)}
            if verdict.evidence:
                changes["tests"] = _tests(verdict.evidence)
        case Ended(outcome=outcome):
            changes = {"phase": "idle", "outcome": outcome, "ended_at": line.at}
    return replace(release, **changes) if changes else release


def _decided(phase: Phase, verdict: Verdict) -> Phase:
    if verdict.decision == "PROMOTE":
        return "promoting" if verdict.next_step == 100 else phase
    return "rolling_back" if verdict.final else phase


def _tests(evidence: Evidence) -> dict[str, Test]:
    found = msgspec.structs.asdict(evidence).items()
    return {name: test for name, test in found if isinstance(test, Test)}
