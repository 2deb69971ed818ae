"""A release's course, held against its verdicts and its policy.

Every split, every alias and the end must be what the steps of a release (`components.release`)
write after what stands before it in the record.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from components import record
from components.arms import baseline_of
from components.backtest.holds import Holds
from components.backtest.outcomes import outcome_alone
from components.backtest.shadow import Shadow
from components.backtest.wording import article, listed, shown
from components.endpoint import Endpoint
from components.evaluation import EvaluationResult, deviations
from components.judge import Poll, Verdict
from components.record import Ended, EvaluationSkipped, Line, Opened
from components.record.finding import Finding
from components.registry import names
from components.release.ending import (
    BY_HAND,
    PROMOTION_NOT_RECORDED,
    outcome_of,
    reason_to_promote,
)
from components.release.evaluating import ALREADY_CHAMPION
from components.release.marking import ALIAS_KEPT
from components.release.state import fold

_NOTED_BY_HAND = 3
"""From this schema on an operator's reason stands in an event before the end."""
_BASELINE = 3
"""From this schema on it is decided whether there is a baseline."""
_STORED_FILES = 2
"""From this schema on a fetch says what it fetched."""


@dataclass
class Course:
    """Where a release stands after the lines taken so far."""

    head: Opened
    endpoint: Endpoint
    evaluation: EvaluationResult | EvaluationSkipped | None = None
    baseline: str | None = None
    """The arm beside the candidate; empty: none; None: not decided."""
    deployed: bool = False
    weights: dict[str, int] | None = None
    """The split in force by the record; None: as the release found it."""
    covered: str = ""
    """The version that has no ready predictor and is waited for."""
    own: int = 0
    """The candidate's share before."""
    passed: set[float] = field(default_factory=set)
    verdict: Verdict | None = None
    shadow: Shadow = field(init=False)
    aliased: bool = False
    """The alias `champion` was moved since the candidate got all of the traffic."""
    given: bool = False
    """The candidate was given all of the traffic at some time."""
    taken: list[Line] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self.holds = Holds(self.endpoint)
        self.shadow = Shadow(self.head, self.endpoint, watched=self.watched)

    @property
    def way_back(self) -> dict[str, int]:
        """The split of production before the release."""
        return {self.head.champion: 100} if self.head.champion else {}

    @property
    def everything(self) -> dict[str, int]:
        """The split of a promotion."""
        return {self.head.candidate: 100}

    @property
    def watched(self) -> bool:
        """The candidate is watched beside a champion."""
        return self.head.release_kind in {"canary", "re-release"}

    @property
    def steps(self) -> tuple[int, ...]:
        """The watched percentages."""
        return tuple(step for step in self.endpoint.release.steps if step < 100 and self.watched)

    @property
    def waiting(self) -> list[int]:
        """The watched percentages that were not passed yet."""
        return [step for step in self.steps if step not in self.passed]

    @property
    def blocked(self) -> bool:
        """The judge has said that the candidate is to get no more."""
        return (
            self.verdict is not None and self.verdict.final and self.verdict.decision != "PROMOTE"
        )

    def splits(self, percent: float) -> list[dict[str, float]]:
        """The splits that a watched step may have: the planned one, and without a lost baseline."""
        champion, candidate = str(self.head.champion), self.head.candidate
        alone = {champion: 100 - percent, candidate: percent}
        if not self.baseline or 2 * percent >= 100:
            return [alone]
        return [{champion: 100 - 2 * percent, self.baseline: percent, candidate: percent}, alone]

    def opened(self) -> Iterator[str]:
        """What of the first line does not fit together, in words."""
        known = self.head.versions
        wanted = {each for each in (self.head.candidate, self.head.champion) if each}
        if known and known.keys() != wanted:
            yield f"it says what {listed(known)} are, not what {listed(wanted)} are"
        for name, version in known.items():
            if name not in {version.version, version.full_name}:
                yield f"version {name} is called neither {version.version} nor {version.full_name}"
        if known and self.head.identity(self.head.candidate).model != self.head.model:
            yield f"its candidate is of another model than {self.head.model}"

    def take(self, line: Line) -> Iterator[str]:
        """Add a line; what of it does not follow from those before, in words."""
        body = line.body
        if self.ended and not isinstance(body, record.Noted):
            yield f"{article(line.kind)} line after the end of the release"
        yield from self.holds.take(body, next(iter(self.waiting), 100))
        match body:
            case EvaluationResult() | EvaluationSkipped():
                yield from self._evaluated(body)
            case Poll():
                yield from self._polled(body)
            case Verdict():
                yield from self._judged(body)
            case record.Fetched():
                yield from self._fetched(body)
            case record.Deployed():
                yield from self._deployed(body)
            case record.BaselineSet():
                yield from self._compared(body)
            case record.Covered():
                yield from self._covered(body)
            case record.WeightsSet() | record.MirrorSet() | record.Shadowed():
                yield from self._moved(body)
            case record.AliasSet():
                yield from self._aliased(body)
            case Ended():
                yield from self._ended(body)
            case Opened() if self.taken:
                yield "a second 'release' line"
        self.taken.append(line)

    def _evaluated(self, body: EvaluationResult | EvaluationSkipped) -> Iterator[str]:
        unchanged = self.head.release_kind == "unchanged"
        if isinstance(body, EvaluationSkipped):
            if not unchanged or body != EvaluationSkipped(skipped=ALREADY_CHAMPION):
                yield "a skipped evaluation of a version that is not the champion already"
        else:
            if unchanged:
                yield "an evaluation of the champion itself"
            beside = self.head.champion is not None
            yield from deviations(self.endpoint.evaluation, body, beside=beside)
        if not record.of(self.taken, record.Fetched):
            yield "an evaluation before the files were fetched"
        self.evaluation = body

    def _polled(self, body: Poll) -> Iterator[str]:
        if not self.deployed or not self.watched or self.shadow.due:
            yield "a poll of a release in which nothing is watched yet"
        arms = {self.head.champion, self.head.candidate, self.baseline or None} - {None}
        if set(body.sources) != arms:
            yield f"counters of {listed(body.sources)}, not of {listed(arms)}"

    def _judged(self, body: Verdict) -> Iterator[str]:
        # A final verdict is given again at every later poll, whatever the split is by then.
        if body.decision == "PROMOTE" and body.step not in self.passed:
            if self.weights not in self.splits(body.step):
                yield f"PROMOTE at {body.step:g} %, the split in force is {shown(self.weights)}"
            self.passed.add(body.step)
        self.verdict = body

    def _fetched(self, body: record.Fetched) -> Iterator[str]:
        if body.version != self.head.candidate:
            yield f"version {body.version} was fetched, {self.head.candidate} is released"
        wanted = {self.head.candidate, self.head.champion} - {None}
        if self.head.schema < _STORED_FILES:
            wanted = set()
        if set(body.files) != wanted:
            yield f"files of {listed(body.files)} were fetched, not of {listed(wanted)}"
        for version, stored in body.files.items():
            if stored.keys() != {"digest", "uri"}:
                yield f"the files of version {version} have not a digest and an address alone"
            known = self.head.identity(version).digest
            if known and stored.get("digest") != known:
                yield f"version {version} was fetched with the digest {stored.get('digest')}"

    def _deployed(self, body: record.Deployed) -> Iterator[str]:
        wanted = tuple(v for v in (self.head.champion, self.head.candidate, self.baseline) if v)
        if body.versions != wanted:
            yield f"versions {listed(body.versions)} were deployed, not {listed(wanted)}"
        if self.watched and self.baseline is None and self.head.schema >= _BASELINE:
            yield "deployed, and whether there is a baseline was not decided"
        yield from self._unevaluated("deployed")
        self.deployed = True

    def _compared(self, body: record.BaselineSet) -> Iterator[str]:
        if not self.watched or body.arm not in {"", baseline_of(str(self.head.champion))}:
            yield f"the baseline {body.arm!r} of a release that has none of that name"
        decided = self.baseline is not None
        if decided and (body.arm or not self.baseline):
            yield "a baseline was decided on before, and may only be lost"
        if not decided and self.deployed:
            yield "a baseline was decided on after the candidate was deployed"
        self.baseline = body.arm

    def _covered(self, body: record.Covered) -> Iterator[str]:
        if body.arm not in {"", self.head.champion, self.head.candidate} or not self.watched:
            yield f"another version answers for {body.arm}, which has no share"
        if body.arm:
            self.own = (self.weights or {}).get(self.head.candidate, 0)
        self.covered = body.arm

    def _unevaluated(self, done: str) -> Iterator[str]:
        if self.evaluation is None or not self.evaluation.passed:
            yield f"{done} without a passed evaluation"

    def _moved(self, body: record.WeightsSet | record.MirrorSet | record.Shadowed) -> Iterator[str]:
        if isinstance(body, record.WeightsSet):
            yield from self._shifted(body)
        else:
            yield from self.shadow.take(body, deployed=self.deployed)

    def _shifted(self, body: record.WeightsSet) -> Iterator[str]:
        lent = {str(self.head.champion): 0, self.head.candidate: 100}
        covers = self.covered == self.head.champion and body.weights == lent
        back = covers or body.weights == self.way_back
        waiting, stays = self.waiting, self._stays(body.weights)
        if body.weights == self.everything and not (back and self.steps):
            yield from self._unevaluated("all traffic given")
            if waiting:
                yield f"all traffic given, and {waiting[0]} % was not passed"
        elif not (back or stays) and (not waiting or body.weights not in self.splits(waiting[0])):
            wanted = self.splits(waiting[0])[0] if waiting else self.everything
            yield f"the split {shown(body.weights)} follows from no verdict: {shown(wanted)} does"
        if not (back or stays) and self.head.release_kind != "unchanged":
            yield from self.holds.grown(whole=body.weights == self.everything)
        if not back and self.blocked:
            yield f"traffic given to the candidate after the verdict {self._said()}"
        if not back and not self.deployed:
            yield "traffic given to a candidate that was not deployed"
        if not back and (self.shadow.due or self.shadow.mirrored):
            yield "traffic given to a candidate whose shadow was not passed, or not ended"
        self.shadow.weights_set()
        if body.applied_s < 0:
            yield f"the split was in force after {body.applied_s} s"
        self.weights, self.aliased = body.weights, False
        self.given = self.given or body.weights == self.everything

    def _stays(self, weights: Mapping[str, int]) -> bool:
        """Whether the candidate keeps its share, and loses its baseline at most."""
        if self.covered and weights in self.splits(self.own):
            return True  # each answers for itself again
        splits = self.splits(max(self.passed, default=0))
        return bool(self.passed) and weights in splits and self.weights in splits

    def _aliased(self, body: record.AliasSet) -> Iterator[str]:
        where = f"alias {body.alias} of version {body.version}"
        if body.alias not in {names.CHAMPION, names.CANDIDATE}:
            yield f"{where}: no release sets it"
        released = self.head.identity(self.head.candidate).version
        if body.version != released:
            yield f"{where}: version {released} is released"
        if body.alias == names.CHAMPION:
            if self.weights != self.everything:
                yield f"{where}, the split in force is {shown(self.weights)}"
            self.aliased = True
        elif not self.steps or self.weights not in self.splits(self.steps[0]):
            yield f"{where}, the split in force is {shown(self.weights)}"

    def _ended(self, body: Ended) -> Iterator[str]:
        self.ended = True
        if self.shadow.mirrored:
            yield f"the release ends {body.outcome}, and copies still go to the candidate"
        if body.outcome == "promoted":
            yield from self._promoted(body.reason)
            return
        if self.weights is not None and self.weights != self.way_back:
            yield f"the release ends {body.outcome}, the split in force is {shown(self.weights)}"
        if not self._follows(body):
            outcome, reason = outcome_of(fold(self.taken))
            said = f"it ends {body.outcome} ({body.reason})"
            yield f"{said}: what is recorded leads to {outcome} ({reason})"

    def _promoted(self, reason: str) -> Iterator[str]:
        if self.weights != self.everything:
            yield f"it ends promoted, the split in force is {shown(self.weights)}"
        if not self.deployed:
            yield "it ends promoted, and was not deployed"
        kept = any(noted.event == ALIAS_KEPT for noted in record.of(self.taken, record.Noted))
        if not self.aliased and not kept:
            yield "it ends promoted, and the alias champion was not moved"
        if self.blocked:
            yield f"it ends promoted, and the newest verdict is {self._said()}"
        wanted = reason_to_promote(self.head.release_kind, fold(self.taken).verdict)
        if reason != wanted:
            yield f"it ends promoted ({reason}): the reason of this kind of release is {wanted!r}"

    def _follows(self, body: Ended) -> bool:
        """The end is one that the lines before it lead to, by the judge, a fault or a person."""
        state = fold(self.taken)
        noted = record.of(self.taken, record.Noted)
        failures = ["", *(each.detail for each in noted if each.event == "step_failed")]
        ended = (body.outcome, body.reason)
        if any(outcome_of(replace(state, failure=failure)) == ended for failure in failures):
            return True
        if body.outcome == "rolled_back":
            if self.head.schema < _NOTED_BY_HAND:
                held = self.verdict is not None and self.verdict.decision in {"HOLD", "ERROR"}
                return not (self.blocked and held)
            return record.Noted(BY_HAND, body.reason) in noted
        if body.outcome != "error" or self.blocked:
            return False
        if self.given and body.reason.startswith(PROMOTION_NOT_RECORDED):
            return True
        # What was refused before anything was deployed is said in the end alone.
        refused = self.evaluation is not None and not self.evaluation.passed
        return not self.deployed and not refused

    def _said(self) -> str:
        return f"{self.verdict.decision} at {self.verdict.at:g} s" if self.verdict else "none"


def findings(lines: Sequence[Line], head: Opened) -> Iterator[Finding]:
    """What of each line does not follow from those before it.

    Of a record without settings, as the first schema has them, only the outcome is known.

    Raises:
        InputError: the settings are none of this version.
    """
    if not head.settings:
        yield from outcome_alone(lines)
        return
    course = Course(head, fold(lines[:1]).endpoint)
    for said in course.opened():
        yield Finding(1, said)
    for number, line in enumerate(lines, start=1):
        for said in course.take(line):
            yield Finding(number, said)
