"""What the judge remembers between polls: counts and e-processes, of constant size."""

import math

import msgspec

from components.arms import baseline_of
from components.judge import evidence, latency
from components.judge.clients import Heard
from components.judge.constants import (
    ERROR_RATIOS,
    GONE_AFTER_POLLS,
    HISTORY_REQUESTS,
    LATE_POLLS,
    LIMIT_FRACTIONS,
    P95_RATIOS,
    P95_SAFE_RATIOS,
    PATIENCE_POLLS,
    PRIOR_CORRELATION,
    SPLIT_FACTORS,
)
from components.judge.counters import Interval, Ledger, advance
from components.judge.evidence import Count, EProcess, add
from components.judge.growth import NOTHING, Growth
from components.judge.latency import Buckets
from components.judge.lives import Clock
from components.judge.policy import Policy
from components.judge.poll import Poll
from components.judge.verdict import Verdict


class JudgeState(msgspec.Struct, frozen=True):
    """Everything that the next verdict depends on besides the policy and the next poll."""

    champion: str
    candidate: str
    t: float = -1.0
    """Of the newest poll."""
    began: float | None = None
    """Of the first poll."""
    share: float = 0.0
    """Percent of traffic of the candidate."""
    paired: float = 0.0
    """Its percent of what it and the arm that it is compared with get."""
    baseline: bool = False
    """That arm is the champion's baseline, by the newest poll."""
    step_began: float = 0.0
    ledger: Ledger = Ledger({})
    champion_seen: bool = False
    candidate_seen: bool = False
    baseline_seen: bool = False
    past: Count = Count(0.0, 0.0)
    """The champion's errors that predict its next: before the release (scaled) and since."""
    past_refused: Count = Count(0.0, 0.0)
    """Its refused requests, likewise."""
    recent: Buckets = ()
    """The champion's cumulative buckets that predict its next; see `latency.remember`."""
    pair: latency.Pair | None = None
    """The edges for the next p95 bet, `latency.next_pair` of `recent` and the release's policy."""
    pending: tuple[Growth, Growth] = (NOTHING, NOTHING)
    """Counts of candidate and champion that wait to be compared until both are read again."""
    pending_mixed: bool = False
    """They are from before and after a change of weights, or some were lost."""
    paired_at: float = -1.0
    """Up to here the versions have been compared; what is compared next begins here."""
    waited: int = 0
    """For so many polls the comparison has waited."""
    settled: tuple[float, float] | None = None
    """Requests of candidate and champion that the newest poll has compared; None if it waits."""
    candidate_read_at: float | None = None
    """The newest poll that read the candidate."""
    candidate_total: Growth = NOTHING
    """Counts while the traffic was shared."""
    champion_total: Growth = NOTHING
    answers: float = 0.0
    """Latencies of the arm that is compared with, since it is."""
    correlations: tuple[float, float] = (PRIOR_CORRELATION, 1.0)
    """Sum and number of the polls' estimates of how the champion's latencies hang together."""
    step_totals: tuple[Growth, Growth] = (NOTHING, NOTHING)
    """Counts of candidate and champion in this step: another step may have had another load."""
    heard: Heard = Heard()
    due: float = 0.0
    """Requests that the candidate should have had since its last."""
    fault: str | None = None
    """The first sample that cannot be true."""
    passed: float | None = None
    """The share whose step has been passed, while it is in force."""
    limit: EProcess = evidence.fresh(LIMIT_FRACTIONS)
    relative: EProcess = evidence.fresh(ERROR_RATIOS)
    refused: EProcess = evidence.fresh(ERROR_RATIOS)
    limit_spoke: bool = False
    """The evidence against the limit was enough at some poll; later good polls do not undo it."""
    relative_spoke: bool = False
    latency: EProcess = evidence.fresh(P95_RATIOS)
    p95_safe: EProcess = evidence.fresh(P95_SAFE_RATIOS)
    split: EProcess = evidence.fresh(SPLIT_FACTORS)
    over: Verdict | None = None
    """The final verdict, once there is one."""


class Split(msgspec.Struct, frozen=True, gc=False):
    """How a poll's traffic is split."""

    share: float
    """Percent of the candidate."""
    paired: float
    """Percent of the candidate in what it and the arm that it is compared with get."""
    baseline: bool
    """That arm is the champion's baseline."""


def split_of(state: JudgeState, poll: Poll) -> Split | None:
    """The split that the poll's weights say; None if they are none of these arms."""
    weights = poll.weights
    theirs, ours = weights.get(state.champion, 0.0), weights.get(state.candidate, 0.0)
    beside = weights.get(baseline_of(state.champion), 0.0)
    whole = theirs + beside + ours
    if not (min(theirs, beside, ours) >= 0 and sum(weights.values()) == whole < math.inf):
        return None
    other = beside if beside and ours else theirs
    return Split(
        share=100 * ours / whole if whole else 0.0,
        paired=100 * ours / (ours + other) if ours else 0.0,
        baseline=bool(beside and ours),
    )


class PollDelta(msgspec.Struct, frozen=True):
    """What one poll adds."""

    candidate: Interval
    champion: Interval
    """Of the arm that the candidate is compared with."""
    production: Interval
    """Of the champion's own arm."""
    shared: bool
    """Both versions have a share of the traffic."""
    changed: bool
    """The weights have changed: the interval may know both splits."""

    candidate_polls: int = 1
    """The candidate's counts are of so many polls."""

    @property
    def read(self) -> bool:
        """Both versions were read."""
        return self.candidate.read and self.champion.read

    @property
    def dark(self) -> bool:
        """Neither version was read."""
        return not (self.candidate.read or self.champion.read)


def ingest(
    policy: Policy, state: JudgeState, poll: Poll, split: Split
) -> tuple[JudgeState, PollDelta]:
    """Read the poll's counters; the bets come after, from the state's past alone."""
    clock = Clock(
        poll.t,
        gone=poll.t - GONE_AFTER_POLLS * policy.poll_s,
        paired=state.paired_at,
        patience=poll.t - PATIENCE_POLLS * policy.poll_s,
        late=poll.t - LATE_POLLS * policy.poll_s,
        began=poll.t if state.began is None else state.began,
        soon=poll.t - policy.poll_s / 2,
    )
    ledger, production = advance(
        state.ledger,
        state.champion,
        poll.sources.get(state.champion, {}),
        clock,
        first=not state.champion_seen,
    )
    ledger, candidate = advance(
        ledger,
        state.candidate,
        poll.sources.get(state.candidate, {}),
        clock,
        # To be new, and so to start at zero, it must have been absent from an earlier reading.
        first=not state.candidate_seen and (split.share == 0 or not state.champion_seen),
    )
    champion, arm = production, baseline_of(state.champion)
    if arm in poll.sources:
        ledger, beside = advance(
            ledger,
            arm,
            poll.sources[arm],
            clock,
            first=not state.baseline_seen and not (split.baseline and state.champion_seen),
        )
        champion = beside if split.baseline else production
    known = (state.champion, arm, state.candidate)
    stranger = next((version for version in poll.sources if version not in known), None)
    fault = champion.fault or candidate.fault
    if stranger is not None:
        fault = fault or f"version {stranger} is neither champion nor candidate"
    moved, swapped = split.share != state.share, split.baseline != state.baseline
    changed = moved or swapped
    recent = latency.faded(state.recent) if swapped else state.recent
    past, past_refused = state.past, state.past_refused
    if production.baseline is not NOTHING:
        history = _scaled(production.baseline)
        past = add(past, Count(history.errors, history.requests))
        past_refused = add(past_refused, Count(history.refused, history.asked))
        recent = latency.remember(recent, history.buckets)
    pair = state.pair
    if recent is not state.recent:
        pair = latency.next_pair(ledger.edges, recent, policy.p95_ratio)
    read_at = poll.t if candidate.read else state.candidate_read_at
    polls = (poll.t - (state.candidate_read_at or poll.t)) / policy.poll_s
    delta = PollDelta(
        candidate,
        champion,
        production,
        shared=0 < split.share < 100,
        changed=changed,
        candidate_polls=max(round(polls), 1),
    )
    return msgspec.structs.replace(
        state,
        t=poll.t,
        began=clock.began,
        share=split.share,
        paired=split.paired,
        baseline=split.baseline,
        passed=None if moved else state.passed,
        settled=None,
        candidate_read_at=read_at,
        # The weights are in force since the poll before.
        step_began=(poll.t if state.t < 0 else state.t) if moved else state.step_began,
        step_totals=(NOTHING, NOTHING) if changed else state.step_totals,
        due=0.0 if changed else state.due,
        ledger=ledger,
        champion_seen=state.champion_seen or production.read,
        baseline_seen=state.baseline_seen or (arm in poll.sources and beside.read),
        candidate_seen=state.candidate_seen or candidate.read,
        past=past,
        past_refused=past_refused,
        recent=recent,
        pair=pair,
        answers=0.0 if swapped else state.answers,
        fault=state.fault or fault,
    ), delta


def _scaled(history: Growth) -> Growth:
    """The history with the weight of at most `HISTORY_REQUESTS`: recent polls outweigh it soon."""
    if history.asked <= HISTORY_REQUESTS:
        return history
    scale = HISTORY_REQUESTS / history.asked
    return Growth(
        history.requests * scale,
        history.errors * scale,
        tuple(count * scale for count in history.buckets),
        history.refused * scale,
    )
