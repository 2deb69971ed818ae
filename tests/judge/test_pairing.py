"""Both versions are compared over the same time, whatever was read when."""

from collections.abc import Collection

import pytest

from components.judge import Policy, Poll, Sample, Verdict, begin, judge, observe
from tests.support.polls import cumulative
from tests.support.present import present

Sources = dict[str, dict[str, Sample | None]]

POLICY = Policy()
RPS = {"1": 45.0, "2": 5.0}


def release(
    polls: int = 120,
    bad: Collection[int] = (),
    p95: float = 300.0,
    errors: float = 0.001,
) -> list[Poll]:
    """Equal versions; in the polls of these numbers both have that p95 and that error rate."""
    total = {"1": Sample(20_000.0, 20.0, cumulative(20_000, 100.0)), "2": Sample(0.0, 0.0, {})}
    found = [Poll(0.0, {"1": 100}, {version: {"x": now} for version, now in total.items()})]
    for number in range(1, polls + 1):
        slow = number in bad
        for version, rps in RPS.items():
            more, now = cumulative(rps * 15, p95 if slow else 100.0), total[version]
            failed = rps * 15 * (errors if slow else 0.001)
            buckets = {edge: now.buckets.get(edge, 0.0) + count for edge, count in more.items()}
            total[version] = Sample(now.requests + rps * 15, now.errors + failed, buckets)
        read: Sources = {version: {"x": now} for version, now in total.items()}
        found.append(Poll(15.0 * number, {"1": 90, "2": 10}, read))
    return found


def without(polls: list[Poll], version: str, numbers: set[int]) -> list[Poll]:
    """The polls with the version's source unread in those of these numbers."""
    return [
        Poll(p.t, p.weights, p.sources | {version: {"x": None}}) if number in numbers else p
        for number, p in enumerate(polls)
    ]


def verdicts(polls: list[Poll]) -> list[Verdict]:
    state, found = begin(POLICY, "1", "2"), []
    for poll in polls:
        state, verdict = observe(POLICY, state, poll)
        found.append(verdict)
    return found


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("missed", [{60}, {60, 61}, set(range(60, 64)), set(range(55, 75))])
def test_a_slow_time_of_both_is_no_fault_of_the_one_that_was_not_read(
    version: str, missed: set[int]
) -> None:
    polls = without(release(bad=missed), version, missed)
    verdict = judge(POLICY, "1", "2", polls)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("missed", [{60, 61}, set(range(60, 64)), set(range(55, 75))])
def test_an_outage_of_both_is_no_fault_of_the_one_that_was_not_read(
    version: str, missed: set[int]
) -> None:
    found = verdicts(without(release(bad=missed, errors=0.5), version, missed))
    assert "ROLLBACK" not in {verdict.decision for verdict in found}
    assert not any(present(verdict.evidence).relative.speaks for verdict in found)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_missed_scrape_loses_no_count(version: str) -> None:
    whole, gaps = release(), without(release(), version, {7, 20, 21, 22, 50})
    ours, theirs = (present(verdicts(polls)[-1].evidence) for polls in (gaps, whole))
    assert (ours.candidate, ours.champion) == (theirs.candidate, theirs.champion)
    assert ours.relative.log_e == pytest.approx(theirs.relative.log_e, abs=0.5)


def test_a_source_that_stays_unread_does_not_hide_the_fault_of_the_others() -> None:
    calm, bad = release(), release(bad=range(30, 121), p95=100.0, errors=0.3)
    polls = []
    for number, (one, other) in enumerate(zip(calm, bad, strict=True)):
        # The candidate alone fails; one more source of production is lost from poll 20 on.
        more = {"y": one.sources["1"]["x"] if number < 20 else None}
        sources = {"1": one.sources["1"] | more, "2": other.sources["2"]}
        polls.append(Poll(one.t, {"1": 95, "2": 5}, sources))
    verdict = judge(POLICY, "1", "2", polls)
    assert (verdict.decision, verdict.reasons[0].code) == ("ROLLBACK", "error_rate")
    assert verdict.at <= 35 * 15


def test_a_source_that_is_read_every_other_poll_still_leads_to_a_verdict() -> None:
    odd = set(range(1, 241, 2))
    polls = without(release(240), "2", odd)
    verdict = judge(POLICY, "1", "2", polls)
    assert (verdict.decision, verdict.at) == ("PROMOTE", 1800)


def test_a_stale_reading_now_and_then_changes_no_count() -> None:
    polls = release()
    stale = list(polls)
    for number in (20, 40, 60):
        p = polls[number]
        before = polls[number - 2].sources["2"]
        stale[number] = Poll(p.t, p.weights, p.sources | {"2": before})
    ours, theirs = verdicts(stale)[-1], verdicts(polls)[-1]
    assert present(ours.evidence).candidate == present(theirs.evidence).candidate
    assert ours.decision == theirs.decision == "PROMOTE"


@pytest.mark.parametrize("champion", [{"x": None}, {}])
def test_counts_from_before_the_release_are_no_evidence_when_the_baseline_was_not_read(
    champion: dict[str, Sample | None],
) -> None:
    # The version was released before: its counters go on from there.
    polls = []
    for p in release(240):
        now = present(p.sources["2"]["x"])
        buckets = {edge: now.buckets.get(edge, 0.0) + n for edge, n in OLD.buckets.items()}
        again = Sample(now.requests + OLD.requests, now.errors + OLD.errors, buckets)
        polls.append(Poll(p.t, p.weights, p.sources | {"2": {"x": again}}))
    polls[0] = Poll(0.0, {"1": 100}, {"1": champion, "2": {}})
    found = verdicts(polls)
    assert present(found[1].evidence).candidate.requests == 0
    assert present(found[2].evidence).candidate.requests == 75
    assert not any(present(verdict.evidence).limit.speaks for verdict in found)
    assert "PROMOTE" in {verdict.decision for verdict in found}


OLD = Sample(50_000.0, 20_000.0, cumulative(50_000, 900.0))
