"""What must hold for any traffic."""

import json
import math
from contextlib import suppress
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.judge import Policy, Poll, Sample, Verdict, begin, judge, observe
from components.judge.verdict import Arm
from tests.support.present import present

Sources = dict[str, dict[str, Sample | None]]
Interval = tuple[list[int], float, list[int], float]
"""The candidate's answers by bucket and its share of errors, and the champion's."""

POLICY = Policy(watch_s=150, min_requests=50)
EDGES = ("50", "65", "84.5", "109.85", "142.8", "185.6", "+Inf")

answers = st.lists(st.integers(0, 60), min_size=len(EDGES), max_size=len(EDGES))
growths = st.lists(
    st.tuples(answers, st.floats(0, 0.3), answers, st.floats(0, 0.1)), min_size=2, max_size=14
)


def sample(counts: list[int], errors: float) -> Sample:
    total = sum(counts)
    cumulative = [float(sum(counts[: k + 1])) for k in range(len(counts))]
    buckets = dict(zip(EDGES, cumulative, strict=True))
    return Sample(float(total), float(round(errors * total)), buckets)


def added(a: Sample, b: Sample) -> Sample:
    buckets = {edge: a.buckets[edge] + b.buckets[edge] for edge in a.buckets}
    return Sample(a.requests + b.requests, a.errors + b.errors, buckets)


def release(growth: list[Interval], sources: tuple[str, ...] = ("x",)) -> list[Poll]:
    """Polls with these counts per interval, dealt to the sources in turn, after a baseline."""
    nothing = sample([0] * len(EDGES), 0)
    total = {version: dict.fromkeys(sources, nothing) for version in "12"}
    total["1"][sources[0]] = sample([400, 200, 200, 100, 60, 30, 10], 0.001)
    polls = [Poll(0.0, {"1": 100}, {v: dict(found) for v, found in total.items()})]
    for number, (ours, our_errors, theirs, their_errors) in enumerate(growth):
        name = sources[number % len(sources)]
        for version, counts, errors in (("2", ours, our_errors), ("1", theirs, their_errors)):
            total[version][name] = added(total[version][name], sample(counts, errors))
        snapshot: Sources = {v: dict(found) for v, found in total.items()}
        polls.append(Poll(15.0 * (number + 1), {"1": 50, "2": 50}, snapshot))
    return polls


def evidence(verdict: Verdict) -> tuple[str, list[float]]:
    """The e-values, which must not depend on how the same traffic was read."""
    found = present(verdict.evidence)
    return (
        verdict.decision,
        [test.log_e for test in (found.limit, found.relative, found.latency, found.safe)],
    )


@given(growths)
@settings(max_examples=60)
def test_batch_and_incremental_agree(
    growth: list[Interval],
) -> None:
    polls = release(growth)
    state = begin(POLICY, "1", "2")
    for poll in polls:
        state, verdict = observe(POLICY, state, poll)
        if verdict.final:
            break
    assert judge(POLICY, "1", "2", polls) == verdict


@given(growths, st.permutations(["x", "y", "z"]))
@settings(max_examples=60)
def test_the_order_of_the_sources_changes_nothing(growth: list[Interval], order: list[str]) -> None:
    polls = release(growth, ("x", "y", "z"))
    shuffled = [
        Poll(p.t, p.weights, {v: {k: found[k] for k in order} for v, found in p.sources.items()})
        for p in polls
    ]
    assert judge(POLICY, "1", "2", shuffled) == judge(POLICY, "1", "2", polls)


@given(growths, st.data())
@settings(max_examples=60)
def test_empty_polls_in_between_change_no_evidence(
    growth: list[Interval], data: st.DataObject
) -> None:
    polls = release(growth)
    full = begin(POLICY, "1", "2")
    sparse = begin(POLICY, "1", "2")
    for poll in polls:
        full, verdict = observe(POLICY, full, poll)
        sparse, same = observe(POLICY, sparse, poll)
        for again in range(data.draw(st.integers(0, 2))):
            idle = Poll(poll.t + again + 1.0, poll.weights, poll.sources)
            sparse, same = observe(POLICY, sparse, idle)
        if verdict.final or same.final:
            return
        assert evidence(same) == evidence(verdict)


def totals(verdict: Verdict) -> tuple[Arm, Arm, float]:
    """The counts, and the evidence that depends on nothing else."""
    found = present(verdict.evidence)
    return found.candidate, found.champion, found.safe.log_e


def unending(polls: list[Poll]) -> list[Verdict]:
    """The verdicts, none of which ends the release."""
    state, found = begin(POLICY, "1", "2"), []
    for poll in polls:
        state, verdict = observe(POLICY, state, poll)
        state = msgspec.structs.replace(state, over=None)
        found.append(verdict)
    return found


FILLER = ([200, 100, 100, 50, 30, 15, 5], 0.01)


def sample_of(sources: Sources, version: str) -> Sample:
    """The sample of the version's only source."""
    return present(sources[version]["x"])


def restarted(polls: list[Poll], at: int) -> list[Poll]:
    """The polls of sources that restarted right after the poll of this number."""
    before = polls[at].sources

    def since(sources: Sources) -> Sources:
        return {v: {"x": minus(sample_of(sources, v), sample_of(before, v))} for v in "12"}

    return polls[: at + 1] + [Poll(p.t, p.weights, since(p.sources)) for p in polls[at + 1 :]]


def below(a: Sample, b: Sample) -> bool:
    return a.requests < b.requests and a.errors <= b.errors


def of_lives(polls: list[Poll], at: int) -> list[Poll]:
    """The polls of `restarted`, with the starts of both lives."""

    def born(sources: Sources, began: float) -> Sources:
        return {
            v: {"x": msgspec.structs.replace(sample_of(sources, v), born=began)} for v in sources
        }

    first = [Poll(p.t, p.weights, born(p.sources, -1000.0)) for p in polls[: at + 1]]
    again = restarted(polls, at)[at + 1 :]
    return first + [Poll(p.t, p.weights, born(p.sources, polls[at].t + 6.0)) for p in again]


@given(growths, st.integers(1, 12))
@settings(max_examples=60)
def test_a_restart_at_a_known_time_changes_no_count(growth: list[Interval], at: int) -> None:
    # The gateway has counted far more than two intervals add, so the restart is visible.
    polls = release([(*FILLER, *FILLER)] * 4 + growth)
    at = min(at + 3, len(polls) - 3)
    again = of_lives(polls, at)
    if not all(
        below(sample_of(again[at + 1].sources, v), sample_of(polls[at].sources, v)) for v in "12"
    ):
        return
    for clean, restart in zip(unending(polls), unending(again), strict=True):
        assert totals(restart) == totals(clean)
        # The split alone is not held against an interval of which something may be lost.
        assert evidence(restart)[1] == evidence(clean)[1]


@given(growths, st.integers(1, 12))
@settings(max_examples=60)
def test_a_restart_at_an_unknown_time_counts_no_more_than_there_was(
    growth: list[Interval], at: int
) -> None:
    polls = release([(*FILLER, *FILLER)] * 4 + growth)
    at = min(at + 3, len(polls) - 3)
    for clean, restart in zip(unending(polls), unending(restarted(polls, at)), strict=True):
        for ours, theirs in zip(totals(restart)[:2], totals(clean)[:2], strict=True):
            assert ours.requests <= theirs.requests
            assert ours.errors <= theirs.errors
            assert ours.latencies <= theirs.latencies


@given(growths, st.sampled_from("12"), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=60)
def test_one_stale_reading_changes_no_count(
    growth: list[Interval], version: str, at: int, age: int
) -> None:
    polls = release([(*FILLER, *FILLER)] * 3 + growth)
    at = min(at, len(polls) - 2)
    p, older = polls[at], polls[max(at - age, 0)].sources[version]
    stale = list(polls)
    stale[at] = Poll(p.t, p.weights, p.sources | {version: older})
    for number, (one, other) in enumerate(zip(unending(polls), unending(stale), strict=True)):
        if number != at:
            assert totals(other) == totals(one)


thin = st.lists(st.sampled_from([5, 10, 25]), min_size=21, max_size=21)


@given(thin, st.sampled_from(["1", "2", "12"]), st.integers(3, 19), st.booleans())
@settings(max_examples=60)
def test_counters_that_fall_over_time_promote_nothing_that_a_clean_run_would_not(
    sizes: list[int], versions: str, at: int, bounce: bool
) -> None:
    shares = (0.5, 0.2, 0.2, 0.1, 0, 0, 0)
    growth = [([round(share * size) for share in shares], 0.0) * 2 for size in sizes]
    polls = release(growth)
    falling = polls[: at + 1]
    for number, p in enumerate(polls[at + 1 :], start=1):
        back = bounce and number % 3 == 0
        older = polls[at if back else max(at - number, 0)].sources
        falling.append(Poll(p.t, p.weights, p.sources | {v: older[v] for v in versions}))
    promoted = [
        any(verdict.decision == "PROMOTE" for verdict in unending(run)) for run in (falling, polls)
    ]
    assert promoted[0] <= promoted[1]


@given(growths, st.data())
@settings(max_examples=60)
def test_more_errors_never_lower_the_evidence_over_several_polls(
    growth: list[Interval], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(growth) - 1))
    ours, errors, theirs, their_errors = growth[at]
    more = data.draw(st.floats(errors, 1.0))
    worse = [*growth[:at], (ours, more, theirs, their_errors), *growth[at + 1 :]]
    both = (unending(release(intervals)) for intervals in (growth, worse))
    for verdicts in zip(*both, strict=True):
        one, other = (present(verdict.evidence) for verdict in verdicts)
        assert other.limit.log_e >= one.limit.log_e - 1e-9
        assert other.relative.log_e >= one.relative.log_e - 1e-9
        assert other.safe.log_e <= one.safe.log_e + 1e-9
        assert other.limit.speaks >= one.limit.speaks


@pytest.mark.parametrize(("ours", "theirs"), [(0.3, 0.3), (0.02, 0.02), (0.1, 0.4), (1.0, 1.0)])
@pytest.mark.parametrize("sizes", [((2, 3), (3, 2)), ((1, 4), (4, 1)), ((3, 1), (1, 3))])
@pytest.mark.parametrize("gap", [False, True])
def test_the_relative_evidence_is_fair_over_polls_whose_bets_learn(
    ours: float, theirs: float, sizes: tuple[tuple[int, int], tuple[int, int]], gap: bool
) -> None:
    # Every outcome of two polls; the second's bets depend on the first's. With a gap, the
    # candidate is not read at the first poll, so both are compared at the second.
    expected = certain = 0.0
    (n1, m1), (n2, m2) = sizes
    for x1, y1, x2, y2 in product(*(range(size + 1) for size in (n1, m1, n2, m2))):
        chance = math.prod(
            math.comb(n, x) * rate**x * (1 - rate) ** (n - x)
            for x, n, rate in ((x1, n1, ours), (x2, n2, ours), (y1, m1, theirs), (y2, m2, theirs))
        )
        read = (
            (Sample(100.0, 1.0, {}), Sample(0.0, 0.0, {})),
            (Sample(100.0 + m1, 1.0 + y1, {}), None if gap else Sample(1.0 * n1, 1.0 * x1, {})),
            (Sample(100.0 + m1 + m2, 1.0 + y1 + y2, {}), Sample(1.0 * n1 + n2, 1.0 * x1 + x2, {})),
        )
        polls = [
            Poll(15.0 * number, {"1": 50, "2": 50 * (number > 0)}, {"1": {"x": a}, "2": {"x": b}})
            for number, (a, b) in enumerate(read)
        ]
        expected += chance * math.exp(present(unending(polls)[-1].evidence).relative.log_e)
        certain += chance
    assert certain == pytest.approx(1.0)
    assert expected <= 1 + 1e-9


def minus(a: Sample, b: Sample) -> Sample:
    buckets = {edge: a.buckets[edge] - b.buckets[edge] for edge in a.buckets}
    return Sample(a.requests - b.requests, a.errors - b.errors, buckets)


def good(polls: int = 14) -> list[Poll]:
    """A release that is promoted at its last poll but three."""
    safe = ([3000, 1500, 1500, 700, 290, 60, 10], 0.0)
    return release([(*safe, *safe)] * polls)


def test_the_release_that_is_broken_below_is_promoted_whole() -> None:
    assert judge(POLICY, "1", "2", good(10)).decision == "PROMOTE"


NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 1e300, 2.0**60])


def broken_sample(found: Sample, spoil: str, number: float) -> Sample | None:
    edge = list(found.buckets)[3]
    match spoil:
        case "missing":
            return None
        case "requests":
            return Sample(number, found.errors, found.buckets)
        case "errors":
            return Sample(found.requests, number, found.buckets)
        case "bucket":
            return Sample(found.requests, found.errors, found.buckets | {edge: number})
        case "decreasing":
            return Sample(found.requests, found.errors, found.buckets | {edge: 0.5})
        case _:
            fewer = dict(list(found.buckets.items())[:-1])
            return Sample(found.requests, found.errors, fewer)


SPOILS = ("missing", "requests", "errors", "bucket", "decreasing", "no +Inf")


@given(st.sampled_from("12"), st.sampled_from(SPOILS), NUMBERS)
def test_a_poll_with_a_broken_sample_never_promotes(
    version: str, spoil: str, number: float
) -> None:
    polls = good(10)
    last = polls[-1]
    wrong = broken_sample(sample_of(last.sources, version), spoil, number)
    polls[-1] = Poll(last.t, last.weights, last.sources | {version: {"x": wrong}})
    assert judge(POLICY, "1", "2", polls).decision != "PROMOTE"


@given(st.sampled_from("12"), st.sampled_from(SPOILS[1:]), NUMBERS, st.integers(1, 9))
def test_a_release_that_saw_an_impossible_sample_never_promotes(
    version: str, spoil: str, number: float, at: int
) -> None:
    polls = good(14)
    poll = polls[at]
    wrong = broken_sample(sample_of(poll.sources, version), spoil, number)
    polls[at] = Poll(poll.t, poll.weights, poll.sources | {version: {"x": wrong}})
    verdict = judge(POLICY, "1", "2", polls)
    assert verdict.decision != "PROMOTE"
    assert "invalid_sample" in [reason.code for reason in verdict.reasons]


@given(st.sampled_from("12"))
def test_a_version_under_an_unknown_name_never_promotes(version: str) -> None:
    polls = [
        Poll(p.t, p.weights, {"9" if v == version else v: found for v, found in p.sources.items()})
        for p in good(14)
    ]
    assert judge(POLICY, "1", "2", polls).decision != "PROMOTE"


LINE = msgspec.json.encode(good(10)[-1])


@given(st.integers(0, len(LINE) - 1))
def test_a_truncated_line_is_no_poll(length: int) -> None:
    with pytest.raises(InputError):
        Poll.parse(LINE[:length])


@given(st.integers(0, len(LINE) - 1), st.binary(min_size=1, max_size=3))
def test_any_other_bytes_are_a_poll_or_an_input_error(at: int, noise: bytes) -> None:
    with suppress(InputError):
        assert isinstance(Poll.parse(LINE[:at] + noise + LINE[at + 1 :]), Poll)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"t": 1, "weights": {}},
        {"t": "1", "weights": {}, "sources": {}},
        {"t": -1, "weights": {}, "sources": {}},
        {"t": 1, "weights": {"1": -1}, "sources": {}},
        {"t": 1, "weights": {"1": 101}, "sources": {}},
        {"t": 1, "weights": {}, "sources": {"1": None}},
        {"t": 1, "weights": {}, "sources": {"1": {"x": {"requests": 1, "errors": 0}}}},
        {"t": 1, "weights": {}, "sources": {}, "extra": 1},
        [],
    ],
)
def test_a_poll_with_a_missing_or_wrong_key_is_refused(
    body: Any,
) -> None:
    with pytest.raises(InputError):
        Poll.parse(json.dumps(body).encode())
    with pytest.raises(InputError):
        Poll.from_json(body)


@pytest.mark.parametrize("number", ["NaN", "1e999", "1" + "0" * 400, "-Infinity"])
def test_a_number_that_json_or_a_float_cannot_hold_is_refused(number: str) -> None:
    line = (
        b'{"t": 1, "weights": {"1": 50}, "sources": {"1": {"x": {"requests": %s,' % number.encode()
    )
    with pytest.raises(InputError):
        Poll.parse(line + b'"errors": 0, "buckets": {}}}}}')
