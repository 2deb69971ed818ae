"""Where a release stands: a fold over its decision record, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from components.endpoint import Endpoint
from components.errors import InputError
from components.record import Line

Path = Literal["first", "canary", "re-release", "unchanged"]
"""How a release may go: no champion yet; beside the champion; the same for a version that was
released before; the version is the champion already."""

Outcome = Literal["promoted", "rolled_back", "held", "error"]


@dataclass(frozen=True)
class State:
    """Everything that a step needs to know of what was done before it."""

    release_id: str
    endpoint: Endpoint
    candidate: str
    champion: str | None
    path: Path
    run_id: str
    """The release's own run in MLflow."""
    started_at: float
    fetched: bool = False
    evaluation: dict[str, Any] | None = None
    deployed: bool = False
    weights: dict[str, int] | None = None
    """The split that was last asked for by this release."""
    passed: tuple[int, ...] = ()
    """Percentages whose watch ended with PROMOTE."""
    verdict: dict[str, Any] | None = None
    """The newest verdict."""
    promoting: bool = False
    """The candidate was given all of the traffic, and the gateway confirmed it."""
    failure: str = ""
    """Why the newest step that failed did so."""
    outcome: Outcome | None = None
    reason: str = ""
    polls: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    @property
    def model(self) -> str:
        """The registered model's name."""
        return self.endpoint.model

    @property
    def watched_steps(self) -> tuple[int, ...]:
        """Percentages at which the candidate is watched beside the champion."""
        return tuple(step for step in self.endpoint.release.steps if step < 100)

    @property
    def why(self) -> str:
        """The newest verdict's reasons, in one line."""
        return "; ".join(reason["text"] for reason in (self.verdict or {}).get("reasons", ()))

    @property
    def percent(self) -> int:
        """The candidate's share of traffic in force, in percent."""
        return (self.weights or {}).get(self.candidate, 0)


def fold(lines: Sequence[Line]) -> State:
    """The state after ``lines``.

    Raises:
        InputError: the record does not begin as a release's does.
    """
    if not lines or lines[0].kind != "release":
        raise InputError("the record does not begin with a 'release' line: it is no release's")
    head = lines[0].body
    state = State(
        release_id=head["release_id"],
        endpoint=Endpoint.model_validate(head["settings"]),
        candidate=head["candidate"],
        champion=head["champion"],
        path=head["path"],
        run_id=head["run_id"],
        started_at=lines[0].at,
    )
    polls: list[dict[str, Any]] = []
    for line in lines[1:]:
        if line.kind == "poll":
            polls.append(line.body)
        else:
            state = _apply(state, line.kind, line.body)
    return replace(state, polls=tuple(polls))


def _apply(state: State, kind: str, body: dict[str, Any]) -> State:
    changes: dict[str, Any] = {}
    match kind, body.get("action"):
        case "evaluation", _:
            changes = {"evaluation": body}
        case "verdict", _:
            changes = {"verdict": body}
            if body["decision"] == "PROMOTE" and state.percent not in state.passed:
                changes["passed"] = (*state.passed, state.percent)
        case "action", "fetch":
            changes = {"fetched": True}
        case "action", "deploy":
            changes = {"deployed": True}
        case "action", "set_weights":
            promoting = body["weights"] == {state.candidate: 100}
            changes = {"weights": body["weights"], "promoting": promoting}
        case "event", _ if body["event"] == "step_failed":
            changes = {"failure": body["detail"]}
        case "end", _:
            changes = {"outcome": body["outcome"], "reason": body["reason"]}
    return replace(state, **changes)
