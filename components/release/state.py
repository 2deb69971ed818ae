"""Where a release stands: a fold over its decision record, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from components import record
from components.arms import baseline_of
from components.endpoint import Endpoint
from components.errors import InputError
from components.evaluation.result import EvaluationResult
from components.identity import Identity
from components.judge import Poll, Verdict
from components.platform import StoredVersion
from components.record import EvaluationSkipped, Line, Outcome, ReleaseKind
from components.registry import names
from components.release import standing
from components.release.standing import Standing


@dataclass(frozen=True)
class ReleaseState:
    """Everything that a step needs to know of what was done before it."""

    release_id: str
    endpoint: Endpoint
    candidate: str
    """Its name at the endpoint (`components.identity`), as the champion's."""
    champion: str | None
    kind: ReleaseKind
    run_id: str
    """The release's own run in MLflow."""
    started_at: float
    """Seconds since the epoch."""
    versions: Mapping[str, Identity] = field(default_factory=dict)
    """What candidate and champion are, by name."""
    aliases: Mapping[str, str] | None = None
    """Which versions of the model had which alias when the release began, if that is known."""
    tagged: str = ""
    """The earlier release that the candidate's tag named then."""
    schema: int = record.SCHEMA
    files: Mapping[str, StoredVersion] | None = None
    """The verified files of candidate and champion by name, once they are fetched."""
    evaluation: EvaluationResult | EvaluationSkipped | None = None
    baseline: str | None = None
    """The arm that the candidate is compared with at steps below 50%; empty: production itself;
    None: not decided."""
    deployed: bool = False
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The images that predictors of each arm ran when they were deployed."""
    replicas: Mapping[str, record.Count] = field(default_factory=dict)
    """The predictors of each arm, by the newest line that says it."""
    weights: dict[str, int] | None = None
    """The split that was last put in force by this release."""
    covered: str = ""
    """The version that is waited for, since it has no ready predictor."""
    lent: int = 0
    """The candidate's own share when that began, in percent."""
    losses: int = 0
    """How often the candidate had none."""
    was_away: bool = False
    """One of the two had none at some time."""
    passed: tuple[int, ...] = ()
    """Percentages whose watch ended with PROMOTE."""
    verdict: Verdict | None = None
    """The newest verdict."""
    mirrored: bool = False
    """Copies of production's requests go to the candidate, by the newest line that says so."""
    shadow_ratio: float | None = None
    """By which its shadow's p95 is compared, where that is not the file's."""
    shadow: Verdict | None = None
    """The newest verdict on its shadow."""
    promoting: bool = False
    """The candidate was given all of the traffic, and every proxy confirmed it."""
    marked: bool = False
    """This release gave the candidate its alias."""
    withdrawn: str = ""
    """Why the candidate is wanted no more."""
    failure: str = ""
    """Why the newest step that failed did so."""
    standing: Standing = field(default_factory=Standing)
    """What people have decided, and what is waited for."""
    held_after: frozenset[int] = frozenset()
    """After so many polls a step was held: later polls are judged, even if it is the promotion."""
    outcome: Outcome | None = None
    reason: str = ""
    polls: tuple[Poll, ...] = ()
    shadowed: tuple[Poll, ...] = ()
    """Of its shadow."""

    @property
    def model(self) -> str:
        """The registered model's name."""
        return self.endpoint.model

    @property
    def watched_steps(self) -> tuple[int, ...]:
        """Percentages at which the candidate is watched beside the champion."""
        return tuple(step for step in self.endpoint.release.steps if step < 100)

    def watched_step(self, stage: int) -> int:
        """The percentage of the ``stage``-th watched step (from 1).

        Raises:
            InputError: the endpoint has fewer.
        """
        if not 1 <= stage <= len(self.watched_steps):
            raise InputError(
                f"release {self.release_id} has {len(self.watched_steps)} watched steps: there is"
                f" no step {stage}"
            )
        return self.watched_steps[stage - 1]

    @property
    def watched(self) -> bool:
        """True when the candidate is watched beside the champion."""
        return self.kind in {"canary", "re-release"}

    @property
    def shadow_due(self) -> bool:
        """True while it is to be asked copies before it gets a share."""
        asked = self.watched and self.endpoint.release.shadow is not None
        return asked and not self.shadow_passed

    @property
    def shadow_passed(self) -> bool:
        """True once the judge has found its shadow safe."""
        return self.shadow is not None and self.shadow.decision == "PROMOTE"

    @property
    def shadow_failed(self) -> bool:
        """True once the judge has found that its shadow ends the release."""
        return self.shadow is not None and self.shadow.final and not self.shadow_passed

    def split(self, percent: int) -> dict[str, int]:
        """The split that gives the candidate ``percent`` of the traffic, and its baseline as much.

        From half of the traffic on production is asked no more than the candidate is: it needs no
        baseline.
        """
        if not self.baseline or 2 * percent >= 100:
            return self.split_without_baseline(percent)
        champion = str(self.champion)
        return {champion: 100 - 2 * percent, self.baseline: percent, self.candidate: percent}

    def split_without_baseline(self, percent: int) -> dict[str, int]:
        """The split between production and the candidate alone."""
        return {str(self.champion): 100 - percent, self.candidate: percent}

    @property
    def why(self) -> str:
        """The newest verdict's reasons, in one line."""
        return self.verdict.text if self.verdict else ""

    @property
    def percent(self) -> int:
        """The candidate's own share of the traffic, in percent."""
        if self.covered:
            return self.lent
        return (self.weights or {}).get(self.candidate, 0)

    @property
    def way_back(self) -> dict[str, int]:
        """The split that gives production its traffic back; empty: there was no production."""
        return {self.champion: 100} if self.champion else {}

    @property
    def own(self) -> dict[str, int]:
        """The split that stands where nobody else has moved it."""
        return self.way_back if self.weights is None else self.weights

    @property
    def production(self) -> dict[str, int]:
        """The split that an ended release has left."""
        return {self.candidate: 100} if self.outcome == "promoted" else self.way_back

    @property
    def waits(self) -> str:
        """What keeps it from its next step, for people; empty: nothing."""
        meanwhile = "the other one answers for it" if self.lent else "it is waited for"
        lent = f"version {self.covered} has no ready predictor: {meanwhile}"
        return "; ".join(filter(None, (lent if self.covered else "", self.standing.said)))

    @property
    def cover(self) -> dict[str, int]:
        """The split by which the other version answers for the one that has no ready predictor.

        A champion stays in it: that its traffic is lent makes no promotion. A candidate that had no
        share yet answers for nobody.
        """
        if self.covered != self.champion or not self.lent:
            return self.way_back
        return {str(self.champion): 0, self.candidate: 100}

    @property
    def temporary(self) -> tuple[str, ...]:
        """The arms that a release which ends without promotion leaves nothing of."""
        return (self.candidate, *([baseline_of(self.champion)] if self.champion else ()))

    def identity(self, version: str) -> Identity:
        """What the version of that name is."""
        return self.versions[version]

    @property
    def released(self) -> Identity:
        """What the candidate is."""
        return self.identity(self.candidate)

    def stored(self, version: str) -> StoredVersion:
        """Where the verified files of the version of that name are.

        Raises:
            InputError: they were not fetched.
        """
        if found := (self.files or {}).get(version):
            return found
        raise InputError(
            f"release {self.release_id} has not fetched version {version}: start a new release"
        )


def fold(lines: Sequence[Line]) -> ReleaseState:
    """The state after ``lines``.

    Raises:
        InputError: the record does not begin as a release's does, or holds what this version does
            not understand.
    """
    head = record.opened(lines)
    if not head.settings:
        raise InputError(
            f"the record of {head.release_id} holds no settings: it can only be replayed"
        )
    state = ReleaseState(
        release_id=head.release_id,
        endpoint=head.endpoint_settings(),
        candidate=head.candidate,
        champion=head.champion,
        kind=head.release_kind,
        run_id=head.run_id,
        started_at=lines[0].at,
        versions={each: head.identity(each) for each in (head.candidate, head.champion) if each},
        aliases=head.aliases,
        tagged=head.tagged,
        schema=head.schema,
    )
    polls, held_after = [], set()
    for line in lines[1:]:
        if isinstance(line.body, Poll):
            polls.append(line.body)
            continue
        if isinstance(line.body, record.Held) and line.body.waits:
            held_after.add(len(polls))
        state = _apply(state, line)
    shadowed = tuple(line.poll for line in record.of(lines, record.Shadowed))
    held = frozenset(held_after)
    return replace(state, polls=tuple(polls), held_after=held, shadowed=shadowed)


_ROUNDING = 1e-6
"""Of a share in percent."""

_NOTED = {"step_failed": "failure", "withdrawn": "withdrawn"}
"""Events whose words are a part of where a release stands."""


def _apply(state: ReleaseState, line: Line) -> ReleaseState:
    changes: dict[str, Any] = {}
    match line.body:
        case EvaluationResult() | EvaluationSkipped() as evaluation:
            changes = {"evaluation": evaluation}
        case Verdict() as verdict:
            changes = {"verdict": verdict}
            # Of a share that this release has not set nothing is passed.
            own = verdict.decision == "PROMOTE" and abs(verdict.step - state.percent) < _ROUNDING
            if own and state.percent not in state.passed:
                changes["passed"] = (*state.passed, state.percent)
        case record.Fetched(files=files):
            changes = {
                "files": {name: _stored(state, name, found) for name, found in files.items()}
            }
        case record.BaselineSet(arm=arm):
            changes = {"baseline": arm}
        case record.Deployed() | record.Scaled() | record.Covered():
            changes = _served(state, line.body)
        case record.AliasSet(alias=names.CANDIDATE):
            changes = {"marked": True}
        case record.WeightsSet() | record.MirrorSet() | record.Shadowed():
            changes = _moved(state, line.body)
        case record.Held() | record.Decided() | record.Noted(event=standing.EXPIRED):
            changes = {"standing": standing.after(state.standing, line.body)}
        case record.Noted(event=event, detail=detail) if event in _NOTED:
            changes = {_NOTED[event]: detail}
        case record.Ended(outcome=outcome, reason=reason):
            changes = {"outcome": outcome, "reason": reason}
    return replace(state, **changes)


def _served(
    state: ReleaseState, body: record.Deployed | record.Scaled | record.Covered
) -> dict[str, Any]:
    """What becomes of predictors."""
    match body:
        case record.Deployed(codes=codes):
            return {"deployed": True, "codes": codes}
        case record.Scaled(replicas=replicas):
            return {"replicas": replicas}
        case record.Covered(arm=arm):
            lost = state.losses + (arm == state.candidate)
            return {"covered": arm, "losses": lost, "lent": state.percent, "was_away": True}


def _moved(
    state: ReleaseState, body: record.WeightsSet | record.MirrorSet | record.Shadowed
) -> dict[str, Any]:
    """What becomes of users' requests and of their copies."""
    match body:
        case record.WeightsSet(weights=weights):
            promoting = weights == {state.candidate: 100}
            return {"weights": weights, "promoting": promoting, "mirrored": False}
        case record.MirrorSet(p95_ratio=ratio):
            return {"mirrored": True, "shadow_ratio": ratio}
        case record.Shadowed(verdict=verdict):
            return {"shadow": verdict}


def _stored(state: ReleaseState, version: str, found: Mapping[str, str]) -> StoredVersion:
    try:
        identity = state.identity(version)
        return StoredVersion(identity.model, identity.version, found["digest"], found["uri"])
    except KeyError as error:
        raise InputError(
            f"the record of {state.release_id} has no {error} of version {version}'s files: start a"
            " new release"
        ) from error
