"""What real users met (`field-cases.md`, part A), as small files of polls."""

from collections.abc import Callable, Iterable, Mapping

import pytest

from components.judge import Policy, Poll, Sample, Verdict, begin, observe, preflight
from tests.support.present import present

USUAL, SLOW = (0.95, 0.99, 0.998), (0.50, 0.70, 0.85)
"""Shares of the answers within 100, 130 and 169 ms."""
POLICY = Policy()

Read = Mapping[str, Sample | None]
Both = tuple[Read, Read]


def s(n: float, errors: float = 0, slow: float = 0, **more: float) -> Sample:
    """``n`` requests, so many of which failed, and were slow."""
    within = [float(round((n - slow) * k + slow * b)) for k, b in zip(USUAL, SLOW, strict=True)]
    buckets = dict(zip(("100", "130", "169", "+Inf"), (*within, float(n)), strict=True))
    return Sample(float(n), float(errors), buckets, **more)


def one(i: float) -> Sample:
    """Production at poll ``i``: 45 requests/s, one in 675 fails."""
    return s(20000 + 675 * i, 40 + i)


def verdicts(rows: Iterable[Both], policy: Policy = POLICY) -> list[Verdict]:
    """All verdicts, up to the final one; a row is what was read of production and candidate."""
    state, found = begin(policy, "1", "2"), []
    for i, (theirs, ours) in enumerate(rows):
        weights = {"1": 90.0, "2": 10.0} if i else {"1": 100.0}
        state, verdict = observe(
            policy, state, Poll(15.0 * i, weights, {"1": dict(theirs), "2": dict(ours)})
        )
        found.append(verdict)
        if verdict.final:
            break
    return found


def ended(rows: Iterable[Both]) -> tuple[str, float, list[str]]:
    last = verdicts(rows)[-1]
    return last.decision, last.at, [reason.code for reason in last.reasons]


def usual(polls: int, ours: Callable[[int], Sample]) -> list[Both]:
    return [({"gw": one(i)}, {"gw": ours(i)}) for i in range(polls)]


# A1: no answer


def test_a1_a_version_that_leaves_one_in_ten_without_an_answer_is_rolled_back() -> None:
    def ours(i: int) -> Sample:
        given_up = round(7.5 * i)
        answered = s(75 * i - given_up)
        return Sample(75.0 * i, given_up, answered.buckets, unanswered=given_up)

    decision, at, codes = ended(usual(121, ours))
    assert (decision, codes[0]) == ("ROLLBACK", "error_rate")
    assert at <= 120


def test_a1_answers_that_never_came_are_slower_than_every_edge() -> None:
    def ours(i: int) -> Sample:
        answered = s(75 * i - 15 * i)
        return Sample(75.0 * i, 15.0 * i, answered.buckets, unanswered=15.0 * i)

    last = verdicts(usual(40, ours), Policy(error_rate=0.4))[-1]
    assert (last.decision, [reason.code for reason in last.reasons]) == ("ROLLBACK", ["p95"])
    assert present(last.evidence).candidate.p95_ms is None


def test_a1_answers_that_are_in_no_histogram_count_as_slow_one_poll_later() -> None:
    # Time-outs of the gateway: 5xx, and no latency in Envoy's own histogram.
    def timing_out(i: int) -> Sample:
        return Sample(75.0 * i, 15.0 * i, s(60 * i).buckets)

    last = verdicts(usual(60, timing_out), Policy(error_rate=0.4))[-1]
    assert (last.decision, [reason.code for reason in last.reasons]) == ("ROLLBACK", ["p95"])


def test_a1_a_histogram_that_is_flushed_late_makes_no_answer_slow() -> None:
    def lagging(i: int) -> Sample:
        return Sample(75.0 * i, 0.0, s(max(75 * i - 25, 0)).buckets)

    found = verdicts(usual(121, lagging))
    assert found[-1].decision == "PROMOTE"
    arm = present(found[-1].evidence).candidate
    assert arm.latencies <= arm.requests


# A2: refused as the client's fault


@pytest.mark.parametrize("share", [1.0, 0.05])
def test_a2_a_version_that_refuses_its_clients_is_rolled_back_in_words_of_its_own(
    share: float,
) -> None:
    def ours(i: int) -> Sample:
        refused = round(75 * i * share)
        return s(75 * i - refused, refused=refused)

    found = verdicts(usual(121, ours))[-1]
    assert (found.decision, [reason.code for reason in found.reasons]) == ("ROLLBACK", ["refused"])
    assert found.at <= 300
    assert "refused" in found.text
    assert "(4xx)" in found.text


@pytest.mark.parametrize("share", [0.3, 0.01])
def test_a2_requests_that_both_versions_refuse_are_no_fault_of_either(share: float) -> None:
    def row(i: int) -> Both:
        theirs, ours = round(675 * i * share), round(75 * i * share)
        return (
            {"gw": s(20000 + 675 * i - theirs, 40 + i, refused=theirs)},
            {"gw": s(75 * i - ours, refused=ours)},
        )

    assert ended(map(row, range(121)))[:2] == ("PROMOTE", 1800)


def test_a2_malformed_requests_thin_out_no_failures() -> None:
    # Of the users' own requests 3 % fail; twenty times as many are malformed.
    def row(i: int) -> Both:
        return (
            {"gw": s(20000 + 675 * i, 40, refused=13500.0 * i)},
            {"gw": s(75 * i, round(2.25 * i), refused=1500.0 * i)},
        )

    assert ended(map(row, range(121)))[0] == "ROLLBACK"
    assert ended(map(row, range(121)))[2] == ["error_rate"]


# A4, A6: lives


def test_a6_a_replica_that_is_behind_adds_nothing() -> None:
    def row(i: int) -> Both:
        lag = i - 2.7 if 20 <= i <= 22 else i
        theirs = s(round(200000 + 675 * lag), round(6000 + lag))
        return {"gw": theirs}, {"gw": s(round(75 * lag))}

    evidence = present(verdicts(map(row, range(41)))[-1].evidence)
    assert evidence.candidate.requests == 3000
    assert (evidence.champion.requests, evidence.champion.errors) == (27000, 40)


# A5: what nobody saw


def dark(first: int, last: int, slow: int = 0, failing: float = 0.0) -> list[Both]:
    """Nobody was read from poll ``first`` to ``last``; the candidate was bad just then."""

    def row(i: int) -> Both:
        if first <= i <= last:
            return {"gw": None}, {"gw": None}
        bad = 75 * min(max(0, i - first + 1), last - first + 1)
        return {"gw": one(i)}, {"gw": s(75 * i, round(failing * bad), slow * bad)}

    return [row(i) for i in range(121)]


def test_a5_a_slow_time_that_nobody_saw_is_seen_at_the_first_reading_after() -> None:
    assert ended(dark(21, 100, slow=1)) == ("ROLLBACK", 1515, ["p95"])


def test_a5_failures_that_nobody_saw_are_seen_at_the_first_reading_after() -> None:
    assert ended(dark(21, 100, failing=0.5)) == ("ROLLBACK", 1515, ["error_rate"])


def test_a5_a_gap_in_which_nothing_was_wrong_changes_no_verdict() -> None:
    assert ended(dark(21, 100))[:2] == ("PROMOTE", 1800)


@pytest.mark.parametrize("early", ["1", "2"])
def test_a5_a_gap_that_begins_and_ends_at_another_poll_for_each_is_compared_as_well(
    early: str,
) -> None:
    blind: Read = {"gw": None}
    rows = dark(21, 100, slow=1)
    for i in (20, 101):
        theirs, ours = rows[i]
        rows[i] = (blind, ours) if early == "1" else (theirs, blind)
    assert ended(rows) == ("ROLLBACK", 1530, ["p95"])


# A8: pods that come and go


def test_a8_pods_that_are_replaced_all_the_time_do_not_withhold_a_good_version() -> None:
    def pods(i: int) -> Read:
        first = i // 16
        return {f"pod-{n}": s(112 * (i - max(0, 16 * (n - 5)))) for n in range(first, first + 6)}

    rows = [(pods(i), {"pod-k": s(75 * i)}) for i in range(241)]
    assert ended(rows)[:2] == ("PROMOTE", 1800)


def test_a8_a_pod_that_is_listed_and_not_read_is_no_pod_that_left() -> None:
    rows: list[Both] = [
        ({"a": one(i), "b": None if i > 5 else s(9)}, {"k": s(75 * i)}) for i in range(125)
    ]
    assert "scrape_down" in ended(rows)[2]


# A9: counters slower than the polls


@pytest.mark.parametrize(("every", "offset"), [(2, 1), (2, 0), (4, 1), (4, 2), (4, 3), (8, 5)])
def test_a9_counters_that_stand_still_are_no_idle_time(every: int, offset: int) -> None:
    def scraped(i: int, at: int) -> int:
        return max((i - at) // every * every + at, 0)

    rows = [
        ({"pod-a": one(scraped(i, 0))}, {"pod-b": s(75 * scraped(i, offset))}) for i in range(130)
    ]
    decision, at, codes = ended(rows)
    assert (decision, codes) == ("PROMOTE", ["safe"])
    assert 1800 <= at <= 1800 + 15 * every
    if every == 2:
        assert at == 1800


def test_a9_a_fault_under_slow_scrapes_is_a_rollback() -> None:
    rows = [
        ({"pod-a": one(i // 2 * 2)}, {"pod-b": s(n, round(n * 0.2))})
        for i in range(121)
        for n in [75 * max(0, (i - 1) // 2 * 2 + 1)]
    ]
    decision, at, codes = ended(rows)
    assert (decision, codes) == ("ROLLBACK", ["error_rate"])
    assert at <= 120


# A13: what the histogram cannot decide


def low(n: float) -> Sample:
    edges = ("5", "6.5", "8.45", "11", "+Inf")
    return Sample(float(n), 0.0, dict.fromkeys(edges, float(n)))


def wide(n: float, shares: tuple[float, ...]) -> Sample:
    edges = ("5", "6.5", "100", "130", "169", "+Inf")
    return Sample(
        float(n), 0.0, {e: float(round(n * k)) for e, k in zip(edges, shares, strict=True)}
    )


THEIRS, OURS = (0.4, 0.6, 0.99, 0.995, 0.998, 1.0), (0.0, 0.0, 0.99, 0.995, 0.998, 1.0)


@pytest.mark.parametrize(
    ("champion", "between"),
    [(low(20000), "between 0 and 5 ms"), (wide(20000, THEIRS), "between 6.5 and 100 ms")],
)
def test_a13_a_p95_in_a_wide_bucket_is_refused_before(champion: Sample, between: str) -> None:
    found = preflight(POLICY, champion.buckets)
    assert not found.ok
    assert between in found.text


@pytest.mark.parametrize(
    "rows",
    [
        [({"gw": low(20000 + 675 * i)}, {"gw": low(75 * i)}) for i in range(121)],
        [({"gw": wide(20000 + 675 * i, THEIRS)}, {"gw": wide(75 * i, OURS)}) for i in range(121)],
    ],
)
def test_a13_a_p95_in_a_wide_bucket_promotes_nothing_and_says_why(rows: list[Both]) -> None:
    last = verdicts(rows)[-1]
    assert (last.decision, last.final) == ("HOLD", False)
    assert [reason.code for reason in last.reasons] == ["p95_undecidable"]
    assert "production's p95 lies between" in last.text


# Words


def test_what_is_suspected_is_said_and_what_it_still_needs() -> None:
    rows = [({"gw": one(i)}, {"gw": s(27 * i, 7 * i)}) for i in range(2)]
    last = verdicts(rows)[-1]
    assert [reason.code for reason in last.reasons] == ["suspected", "watching"]
    assert "7 of 27 failed" in last.text
    assert "still needs evidence" in last.text
    assert "nothing is wrong" not in last.text


def test_a_poll_after_a_step_s_end_is_no_new_verdict() -> None:
    policy = Policy(steps=(10, 50, 100), watch_s=300)
    found = verdicts(usual(24, lambda i: s(75 * i)), policy)
    passed = [verdict for verdict in found if verdict.decision == "PROMOTE"]
    assert [verdict.at for verdict in passed] == [300]
    assert [reason.code for reason in found[-1].reasons] == ["passed"]


def test_the_words_are_of_this_step_and_not_of_a_busier_one_before() -> None:
    # At 10 % everything was slow; at 50 % the candidate alone is.
    policy = Policy(steps=(10, 50, 100), watch_s=300)
    state, last = begin(policy, "1", "2"), None
    for i in range(200):
        share = 10.0 if i <= 20 else 50.0
        weights = {"1": 100.0 - share, "2": share} if i else {"1": 100.0}
        calm = max(0, i - 20)
        busy = min(i, 20)
        theirs = s(20000 + 675 * busy + 375 * calm, 0, 675 * busy)
        ours = s(75 * busy + 375 * calm, 0, 75 * busy + 375 * calm)
        poll = Poll(15.0 * i, weights, {"1": {"gw": theirs}, "2": {"gw": ours}})
        state, last = observe(policy, state, poll)
        if last.final:
            break
    found = present(present(present(last).evidence).p95)
    assert present(last).decision == "ROLLBACK"
    assert present(found.champion_slower) < 0.06
    assert present(present(last).evidence).champion.p95_ms == pytest.approx(100, rel=0.01)
