"""What a decision record holds, as numbers over time. Pure: no file, no clock, no drawing.

Times are seconds since the release began. The counters are read by the judge's own code, so a
plot shows what the judge saw: a restart or a source that was not read is a gap, never a guess.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple, get_args

from components import judge, record
from components.evaluation import EvaluationResult
from components.judge import Forecast, Growth, JudgeState, Poll, Verdict, combine, ingest, p95_ms
from components.record import (
    Decided,
    EvaluationSkipped,
    ForecastMade,
    Held,
    Line,
    Unknown,
    WeightsSet,
)
from components.record.actions import Acted
from components.release.state import ReleaseState, fold
from components.report.countable import refuse_uncounted
from components.report.events import Event, events_of
from components.report.shadow import Shadow, shadow_in

_SHORTEST_S = 0.001
"""No two polls of a release are nearer."""

ACTIONS = (*get_args(Acted), Unknown)


class Span(NamedTuple):
    """What one version did in an interval, and how long it was."""

    growth: Growth
    seconds: float

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.growth.requests / max(self.seconds, _SHORTEST_S)

    @property
    def error_rate(self) -> float | None:
        """Share of requests that failed, 0 to 1; None without requests."""
        return self.growth.errors / self.growth.requests if self.growth.requests else None


@dataclass(frozen=True)
class Point:
    """One poll, or a few pooled: what was added since the point before."""

    began: float
    t: float
    share: float
    """Percent of traffic asked for the candidate."""
    champion: Span | None
    """Of the arm that the candidate was compared with; None where it was not read."""
    candidate: Span | None
    verdict: Verdict | None
    """The newest in the interval."""
    polls: int = 1
    baseline: bool = False
    """That arm is the champion's baseline."""
    production: Span | None = None
    """Of production beside a baseline; None where there was none, and where it was not read."""

    @property
    def observed(self) -> float | None:
        """Percent of requests that the candidate got."""
        spans = [self.candidate, self.champion, *([self.production] if self.baseline else [])]
        counts = [span.growth.requests for span in spans if span]
        return _first_percent(counts) if len(counts) == len(spans) else None


def _first_percent(counts: Sequence[float]) -> float | None:
    return 100 * counts[0] / sum(counts) if sum(counts) else None


@dataclass(frozen=True)
class Split:
    """From ``t`` on the candidate was to get ``percent`` of the traffic."""

    t: float
    percent: float


@dataclass(frozen=True)
class Step:
    """One watched step: a share of traffic, and what both versions did under it."""

    percent: float
    began: float
    ended: float
    champion: Growth
    """Of the arm that the candidate was compared with."""
    candidate: Growth
    verdict: Verdict | None
    production: Growth | None = None
    """Of production beside a baseline."""

    @property
    def observed(self) -> float | None:
        """Percent of requests that the candidate got."""
        arms = (self.candidate, self.champion, self.production or Growth())
        return _first_percent([arm.requests for arm in arms])


@dataclass(frozen=True)
class Ruling:
    """Verdicts in a row that say the same; ``verdict`` is the newest of them."""

    verdict: Verdict
    first: float
    last: float
    polls: int


@dataclass(frozen=True)
class Action:
    """What the release did, and lines of a later schema."""

    t: float
    line: Line


@dataclass(frozen=True)
class Timeline:
    """Everything that the page and the terminal tell."""

    state: ReleaseState
    lines: int
    last_hash: str
    forecast: Forecast | None
    """How long the judge would need; None when there was nothing to watch beside."""
    preflight: str
    """What the histogram can decide; empty without a forecast."""
    evaluation: EvaluationResult | None
    skipped: str
    """Why there was no evaluation, if so."""
    duration: float
    """Until the end, or until the newest line while it is under way."""
    edges: tuple[float, ...]
    """Of the latency histogram, in milliseconds."""
    points: tuple[Point, ...]
    steps: tuple[Step, ...]
    shadow: Shadow | None
    splits: tuple[Split, ...]
    rulings: tuple[Ruling, ...]
    events: tuple[Event, ...]
    actions: tuple[Action, ...]
    later: tuple[Action, ...]
    """Those of `actions` that a later schema added something to."""

    @property
    def holds(self) -> tuple[Action, ...]:
        """What steps waited for, and what people decided."""
        return tuple(done for done in self.actions if isinstance(done.line.body, Held | Decided))

    @property
    def verdict(self) -> Verdict | None:
        """The newest verdict on shared traffic."""
        shared = [ruling.verdict for ruling in self.rulings if 0 < ruling.verdict.step < 100]
        return shared[-1] if shared else None

    @property
    def compared(self) -> str:
        """Whom the candidate was compared with, in the order of the steps."""
        watched = [point for point in self.points if 0 < point.share < 100]
        found = dict.fromkeys("the baseline" if p.baseline else "production" for p in watched)
        return ", then ".join(found) or "production"

    @property
    def exposed(self) -> Step | None:
        """All watched steps together; its percent is the highest share asked."""
        if not self.steps:
            return None
        return Step(
            percent=max(step.percent for step in self.steps),
            began=self.steps[0].began,
            ended=self.steps[-1].ended,
            champion=total(step.champion for step in self.steps),
            candidate=total(step.candidate for step in self.steps),
            verdict=self.steps[-1].verdict,
            production=total(step.production for step in self.steps if step.production),
        )


def timeline_of(lines: Sequence[Line]) -> Timeline:
    """The timeline of the release that ``lines`` record.

    Raises:
        InputError: they are no release's record, or a line has not the form of its kind.
    """
    state = fold(lines)
    points, edges = _points(state, lines)
    forecast = next(iter(record.of(lines, ForecastMade)), None)
    evaluated = state.evaluation or EvaluationSkipped(skipped="the release did not get that far")
    return Timeline(
        state=state,
        lines=len(lines),
        last_hash=lines[-1].hash,
        forecast=forecast,
        preflight=forecast.preflight if forecast else "",
        evaluation=None if isinstance(evaluated, EvaluationSkipped) else evaluated,
        skipped=evaluated.skipped if isinstance(evaluated, EvaluationSkipped) else "",
        duration=lines[-1].at - state.started_at,
        edges=edges,
        points=points,
        steps=_steps(points),
        shadow=shadow_in(lines),
        splits=_splits(state, lines),
        rulings=_rulings(points),
        events=events_of(lines),
        actions=_actions(state, lines, ACTIONS),
        later=_actions(state, lines, (Unknown,)),
    )


def _points(
    state: ReleaseState, lines: Sequence[Line]
) -> tuple[tuple[Point, ...], tuple[float, ...]]:
    policy = state.endpoint.release.policy()
    counted = JudgeState(str(state.champion), state.candidate)
    read_at: dict[str, float] = {}
    points: list[Point] = []
    for line in lines:
        if isinstance(line.body, Verdict) and points:
            points[-1] = replace(points[-1], verdict=line.body)
        if not isinstance(line.body, Poll) or line.body.t <= counted.t:
            continue
        poll = line.body
        refuse_uncounted(line.seq + 1, poll)
        began = max(counted.t, 0.0)
        split = judge.split_of(counted, poll) or judge.Split(0.0, 0.0, baseline=False)
        counted, delta = ingest(policy, counted, poll, split)
        spans: dict[str, Span | None] = {}
        for arm, interval in (
            ("production", delta.production),
            ("baseline", delta.champion),
            ("candidate", delta.candidate),
        ):
            since = read_at.get(arm)
            seen = interval.read and since is not None
            spans[arm] = Span(interval.growth, poll.t - (since or 0.0)) if seen else None
            if interval.read:
                read_at[arm] = poll.t
        points.append(
            Point(
                began,
                poll.t,
                split.share,
                spans["baseline" if split.baseline else "production"],
                spans["candidate"],
                verdict=None,
                baseline=split.baseline,
                production=spans["production"] if split.baseline else None,
            )
        )
    return tuple(points), counted.ledger.edges


def total(growths: Iterable[Growth]) -> Growth:
    """The growths added up."""
    added = Growth()
    for growth in growths:
        added = combine(added, growth)
    return added


def _steps(points: Sequence[Point]) -> tuple[Step, ...]:
    steps = []
    for share, group in groupby(points, key=lambda point: point.share):
        if not 0 < share < 100:
            continue
        inside = list(group)
        verdicts = [point.verdict for point in inside if point.verdict]
        # One more poll is taken before the next shift; it does not undo what was decided.
        decided = [verdict for verdict in verdicts if verdict.decision != "HOLD" or verdict.final]
        steps.append(
            Step(
                percent=share,
                began=inside[0].began,
                ended=inside[-1].t,
                champion=total(p.champion.growth for p in inside if p.champion),
                candidate=total(p.candidate.growth for p in inside if p.candidate),
                verdict=next(reversed(decided or verdicts), None),
                production=_production(inside),
            )
        )
    return tuple(steps)


def _production(points: Sequence[Point]) -> Growth | None:
    """What production did beside a baseline; None without one."""
    beside = [point for point in points if point.baseline]
    return total(p.production.growth for p in beside if p.production) if beside else None


def _splits(state: ReleaseState, lines: Sequence[Line]) -> tuple[Split, ...]:
    return tuple(
        Split(line.at - state.started_at, float(line.body.weights.get(state.candidate, 0)))
        for line in lines
        if isinstance(line.body, WeightsSet)
    )


def _rulings(points: Sequence[Point]) -> tuple[Ruling, ...]:
    def said(point: Point) -> tuple[Any, ...]:
        verdict = point.verdict
        codes = tuple(reason.code for reason in verdict.reasons) if verdict else ()
        return (verdict and verdict.decision, point.share, codes)

    rulings = []
    for _, group in groupby(points, key=said):
        inside = list(group)
        if inside[-1].verdict:
            ruling = Ruling(inside[-1].verdict, inside[0].t, inside[-1].t, len(inside))
            rulings.append(ruling)
    return tuple(rulings)


def _actions(
    state: ReleaseState, lines: Sequence[Line], kinds: tuple[type, ...]
) -> tuple[Action, ...]:
    """Lines of these kinds, and those to which a later schema added something.

    What it added to polls and verdicts is left out: there are thousands.
    """

    def shown(line: Line) -> bool:
        if isinstance(line.body, kinds):
            return True
        newer = state.schema > record.SCHEMA and not isinstance(line.body, Poll | Verdict)
        return newer and bool(line.unknown_fields())

    return tuple(Action(line.at - state.started_at, line) for line in lines if shown(line))


def p95(edges: Sequence[float], growth: Growth) -> float | None:
    """The p95 in milliseconds, interpolated in its bucket; None without latencies."""
    return p95_ms(edges, growth.buckets)
