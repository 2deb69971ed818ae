"""What the judge remembers between polls: counts and e-processes, of constant size."""

import msgspec

from components.judge import evidence, latency
from components.judge.constants import (
    ERROR_RATIOS,
    GONE_AFTER_POLLS,
    HISTORY_REQUESTS,
    LIMIT_FRACTIONS,
    P95_RATIOS,
    P95_SAFE_RATIOS,
    PATIENCE_POLLS,
    PRIOR_CORRELATION,
    SPLIT_FACTORS,
)
from components.judge.evidence import Count, EProcess, add
from components.judge.growth import Growth
from components.judge.latency import Buckets
from components.judge.policy import Policy
from components.judge.poll import Poll
from components.judge.rule3.counters import Clock, Interval, Ledger, advance
from components.judge.verdict import Verdict


class JudgeState(msgspec.Struct, frozen=True):
    """Everything that the next verdict depends on besides the policy and the next poll."""

    champion: str
    candidate: str
    t: float = -1.0
    """Of the newest poll."""
    share: float = 0.0
    """Percent of traffic of the candidate."""
    step_began: float = 0.0
    ledger: Ledger = Ledger({})
    champion_seen: bool = False
    candidate_seen: bool = False
    past: Count = Count(0.0, 0.0)
    """The champion's errors that predict its next: before the release (scaled) and since."""
    recent: Buckets = ()
    """The champion's cumulative buckets that predict its next; see `latency.remember`."""
    pending: tuple[Growth, Growth] = (Growth(), Growth())
    """Counts of candidate and champion that wait to be compared until both are read again."""
    pending_mixed: bool = False
    """They are from before and after a change of weights, or some were lost."""
    paired_at: float = -1.0
    """Up to here the versions have been compared; what is compared next begins here."""
    candidate_total: Growth = Growth()
    """Counts while the traffic was shared."""
    champion_total: Growth = Growth()
    correlations: tuple[float, float] = (PRIOR_CORRELATION, 1.0)
    """Sum and number of the polls' estimates of how the champion's latencies hang together."""
    step_requests: tuple[float, float] = (0.0, 0.0)
    """Requests of candidate and champion in this step."""
    due: float = 0.0
    """Requests that the candidate should have had since its last."""
    fault: str | None = None
    """The first sample that cannot be true."""
    limit: EProcess = evidence.fresh(LIMIT_FRACTIONS)
    relative: EProcess = evidence.fresh(ERROR_RATIOS)
    limit_spoke: bool = False
    """The evidence against the limit was enough at some poll; later good polls do not undo it."""
    relative_spoke: bool = False
    latency: EProcess = evidence.fresh(P95_RATIOS)
    p95_safe: EProcess = evidence.fresh(P95_SAFE_RATIOS)
    split: EProcess = evidence.fresh(SPLIT_FACTORS)
    over: Verdict | None = None
    """The final verdict, once there is one."""


class PollDelta(msgspec.Struct, frozen=True):
    """What one poll adds."""

    candidate: Interval
    champion: Interval
    shared: bool
    """Both versions have a share of the traffic."""
    changed: bool
    """The weights have changed: the interval may know both splits."""

    @property
    def read(self) -> bool:
        """Both versions were read."""
        return self.candidate.read and self.champion.read


def ingest(
    policy: Policy, state: JudgeState, poll: Poll, share: float
) -> tuple[JudgeState, PollDelta]:
    """Read the poll's counters; the bets come after, from the state's past alone."""
    clock = Clock(
        poll.t,
        gone=poll.t - GONE_AFTER_POLLS * policy.poll_s,
        paired=state.paired_at,
        patience=poll.t - PATIENCE_POLLS * policy.poll_s,
    )
    ledger, champion = advance(
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
        first=not state.candidate_seen and (share == 0 or not state.champion_seen),
    )
    stranger = next((v for v in poll.sources if v not in (state.champion, state.candidate)), None)
    fault = champion.fault or candidate.fault
    if stranger is not None:
        fault = fault or f"version {stranger} is neither champion nor candidate"
    history = _scaled(champion.baseline)
    changed = share != state.share
    delta = PollDelta(candidate, champion, shared=0 < share < 100, changed=changed)
    return msgspec.structs.replace(
        state,
        t=poll.t,
        share=share,
        # The weights are in force since the poll before.
        step_began=(poll.t if state.t < 0 else state.t) if changed else state.step_began,
        step_requests=(0.0, 0.0) if changed else state.step_requests,
        due=0.0 if changed else state.due,
        ledger=ledger,
        champion_seen=state.champion_seen or champion.read,
        candidate_seen=state.candidate_seen or candidate.read,
        past=add(state.past, Count(history.errors, history.requests)),
        recent=latency.remember(state.recent, history.buckets),
        fault=state.fault or fault,
    ), delta


def _scaled(history: Growth) -> Growth:
    """The history with the weight of at most `HISTORY_REQUESTS`: recent polls outweigh it soon."""
    if history.requests <= HISTORY_REQUESTS:
        return history
    scale = HISTORY_REQUESTS / history.requests
    return Growth(
        HISTORY_REQUESTS, history.errors * scale, tuple(count * scale for count in history.buckets)
    )
