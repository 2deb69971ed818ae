"""The bets of one poll: each chosen from the past alone, then settled on the poll's counts."""

from functools import lru_cache

import msgspec

from components.judge import latency
from components.judge.constants import (
    ERROR_RATIOS,
    LIMIT_FRACTIONS,
    MIN_TAIL_PAST,
    P95_RATIOS,
    P95_SAFE_RATIOS,
    PATIENCE_POLLS,
    PRIOR_ERRORS,
    PRIOR_RATE,
    SPLIT_FACTORS,
    SPLIT_TOLERANCE,
    STARVED_NATS,
    STILL_POLLS,
)
from components.judge.evidence import (
    Count,
    EProcess,
    add,
    binomial_bet,
    effective,
    intra_poll_correlation,
    limit_bets,
    odds_times,
    two_sample_bets,
    wager,
)
from components.judge.growth import NOTHING, Growth, combine
from components.judge.policy import Policy
from components.judge.state import JudgeState, PollDelta

_NOTHING = (NOTHING, NOTHING)


def apply_bets(policy: Policy, state: JudgeState, delta: PollDelta) -> JudgeState:
    """The state after the poll's bets; polls of one version alone only add to the past."""
    candidate, champion = delta.candidate.growth, delta.champion.growth
    if not delta.shared:
        return _advance_past(policy, state, combine(state.pending[1], champion))
    state = _bet_limit(policy, state, candidate, delta.candidate_polls)
    ours, theirs = state.step_totals
    asked = state.pending[0].asked + candidate.asked
    state = msgspec.structs.replace(
        state,
        candidate_total=combine(state.candidate_total, _for_totals(policy, candidate)),
        champion_total=combine(state.champion_total, _for_totals(policy, champion)),
        step_totals=(combine(ours, candidate), combine(theirs, champion)),
        # Going by the champion's, so many requests should the candidate have had.
        due=0.0 if asked else state.due + _due(state, champion),
    )
    return state if delta.dark else _compare(policy, state, delta)


def _for_totals(policy: Policy, growth: Growth) -> Growth:
    """What a total needs: only the plain rule compares latencies over all steps."""
    if policy.method == "threshold":
        return growth
    return msgspec.structs.replace(growth, buckets=growth.buckets[-1:])


def _due(state: JudgeState, champion: Growth) -> float:
    return champion.asked * state.paired / (100 - state.paired)


def _stands_still(state: JudgeState, candidate: Growth, champion: Growth) -> bool:
    """One version has counted nothing though requests were due: it may be scraped less often."""
    if candidate.asked == 0:
        return _due(state, champion) >= STARVED_NATS
    if champion.asked == 0:
        return candidate.asked * (100 - state.paired) / state.paired >= STARVED_NATS
    return False


def _compare(policy: Policy, state: JudgeState, delta: PollDelta) -> JudgeState:
    """Bet on both versions' counts over the same time.

    The counts of a source that was not read, or not scraped since the poll before, come later, for
    several polls at once. Held against one poll of the other version they would tell of the time,
    not of the version: so both wait. While neither was read nothing happens: the first reading
    after such a gap is one long poll of both.
    """
    candidate = combine(state.pending[0], delta.candidate.growth)
    champion = combine(state.pending[1], delta.champion.growth)
    lost = delta.candidate.lost or delta.champion.lost
    mixed = state.pending_mixed or delta.changed or lost
    if delta.candidate.late or delta.champion.late:
        return _advance_past(policy, state, champion)
    unread = delta.candidate.waiting or delta.champion.waiting
    still = _stands_still(state, candidate, champion)
    if (unread and state.waited < PATIENCE_POLLS) or (still and state.waited < STILL_POLLS):
        waits = (candidate, champion)
        return msgspec.structs.replace(
            state, pending=waits, pending_mixed=mixed, waited=state.waited + 1
        )
    state = _bet_relative(policy, state, candidate, champion)
    state = _bet_latency(state, candidate, champion)
    if delta.read and not mixed and delta.candidate.whole and delta.champion.whole:
        state = _bet_split(state, candidate, champion)
    settled = (candidate.asked, champion.asked)
    # What was asked before a change may still come, as long as nothing has come since.
    mixed = mixed and not any(settled)
    state = _advance_past(policy, state, champion)
    return msgspec.structs.replace(state, settled=settled, pending_mixed=mixed)


def _advance_past(policy: Policy, state: JudgeState, champion: Growth) -> JudgeState:
    """The state when these counts of the champion are past: what is compared next begins now."""
    recent = latency.remember(state.recent, champion.buckets)
    return msgspec.structs.replace(
        state,
        past=add(state.past, Count(champion.errors, champion.requests)),
        past_refused=add(state.past_refused, Count(champion.refused, champion.asked)),
        recent=recent,
        pair=latency.next_pair(state.ledger.edges, recent, policy.p95_ratio),
        pending=_NOTHING,
        pending_mixed=False,
        paired_at=state.t,
        waited=0,
    )


def _bet_limit(policy: Policy, state: JudgeState, candidate: Growth, polls: int) -> JudgeState:
    if candidate.requests == 0:
        return state
    count = Count(candidate.errors, candidate.requests)
    bets = limit_bets(count, policy.error_rate, LIMIT_FRACTIONS.values, polls)
    return msgspec.structs.replace(state, limit=wager(state.limit, LIMIT_FRACTIONS, bets))


def _bet_relative(
    policy: Policy, state: JudgeState, candidate: Growth, champion: Growth
) -> JudgeState:
    """Failures, and requests refused, against the champion's."""
    relative, refused = state.relative, state.refused
    ours = Count(candidate.errors, candidate.requests)
    theirs = Count(champion.errors, champion.requests)
    if ours.trials > 0 and theirs.trials > 0:
        relative = _wagered(relative, ours, theirs, champion_error_rate(policy, state.past))
    ours = Count(candidate.refused, candidate.asked)
    theirs = Count(champion.refused, champion.asked)
    if ours.trials > 0 and theirs.trials > 0:
        refused = _wagered(refused, ours, theirs, champion_error_rate(policy, state.past_refused))
    return msgspec.structs.replace(state, relative=relative, refused=refused)


def _wagered(process: EProcess, ours: Count, theirs: Count, rate: float) -> EProcess:
    bets = two_sample_bets(ours, theirs, rate, ERROR_RATIOS.values)
    return wager(process, ERROR_RATIOS, bets)


def champion_error_rate(policy: Policy, past: Count) -> float:
    """What the champion's rate of `past` is expected to be in the next poll."""
    prior_requests = PRIOR_ERRORS / (PRIOR_RATE * policy.error_rate)
    return (past.hits + PRIOR_ERRORS) / (past.trials + prior_requests)


def _bet_latency(state: JudgeState, candidate: Growth, champion: Growth) -> JudgeState:
    pair = state.pair
    if pair is None or candidate.latencies == 0 or champion.latencies == 0:
        return state
    counted = _slower(champion, pair.u)
    rate = latency.tail(state.recent, pair.u)
    # A pause of the garbage collector slows a whole poll: its answers are no independent witnesses.
    sum_, polls = state.correlations
    correlation = max(sum_ / polls, 0.0)
    # Before, `rate` tells more of production than of the baseline in its place.
    if counted.trials > 1 and (not state.baseline or state.answers >= MIN_TAIL_PAST):
        sum_ += intra_poll_correlation(counted, rate, state.recent[-1])
        polls += 1
    theirs = effective(counted, correlation)
    ours = effective(_slower(candidate, pair.v), correlation)
    safe = effective(_slower(candidate, pair.safe), correlation)
    bets = two_sample_bets(ours, theirs, rate, P95_RATIOS.values)
    safe_bets = two_sample_bets(safe, theirs, rate, P95_SAFE_RATIOS.values)
    return msgspec.structs.replace(
        state,
        latency=wager(state.latency, P95_RATIOS, bets),
        p95_safe=wager(state.p95_safe, P95_SAFE_RATIOS, safe_bets),
        correlations=(sum_, polls),
        answers=state.answers + counted.trials,
    )


def _slower(growth: Growth, edge: int) -> Count:
    return Count(latency.slower(growth.buckets, edge), growth.latencies)


def _bet_split(state: JudgeState, candidate: Growth, champion: Growth) -> JudgeState:
    asked, others = candidate.asked, champion.asked
    # A starved candidate has its own name; to leave such polls out moves the expected share by
    # less than 1 %, well inside the tolerance.
    if asked + others == 0 or (asked == 0 and _due(state, champion) >= STARVED_NATS):
        return state
    bets = [asked * ours + others * theirs for ours, theirs in _split_bets(state.paired / 100)]
    return msgspec.structs.replace(state, split=wager(state.split, SPLIT_FACTORS, bets))


@lru_cache(maxsize=16)
def _split_bets(share: float) -> tuple[tuple[float, float], ...]:
    """What one request of the candidate, and of the champion, adds to each split bet."""
    bets = []
    for factor in SPLIT_FACTORS.values:
        tolerated = SPLIT_TOLERANCE if factor > 1 else 1 / SPLIT_TOLERANCE
        rates = odds_times(share, factor), odds_times(share, tolerated)
        bets.append((binomial_bet(Count(1, 1), *rates), binomial_bet(Count(0, 1), *rates)))
    return tuple(bets)
