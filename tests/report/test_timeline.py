"""A record as numbers over time: nothing is lost, nothing is guessed."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components import record
from components.errors import InputError
from components.judge import Growth, Poll, Sample
from components.report.pooling import merged_span, pooled, trailing
from components.report.timeline import Span, Timeline, p95, timeline_of
from tests.support.present import present
from tests.support.records import Recorder

Records = Callable[[str], Path]
NewRecord = Callable[..., Recorder]


def read_timeline(records: Records, name: str) -> Timeline:
    return timeline_of(record.read(records(name)))


def polls_of(records: Records, name: str) -> list[Poll]:
    return record.of(record.read(records(name)), Poll)


def test_the_steps_hold_every_request_that_the_counters_show(records: Records) -> None:
    timeline, polls = read_timeline(records, "promoted"), polls_of(records, "promoted")
    served = {
        version: present(polls[-1].sources[version]["envoy"]).requests
        - present(polls[0].sources[version]["envoy"]).requests
        for version in ("1", "2")
    }
    assert sum(step.candidate.requests for step in timeline.steps) == served["2"]
    assert sum(step.champion.requests for step in timeline.steps) == served["1"]
    assert [(step.percent, present(step.verdict).decision) for step in timeline.steps] == [
        (10, "PROMOTE"),
        (50, "PROMOTE"),
    ]


def test_the_verdict_of_a_rolled_back_step_is_the_one_that_ended_it(records: Records) -> None:
    timeline = read_timeline(records, "slow")
    (step,) = timeline.steps
    assert present(step.verdict).decision == "ROLLBACK"
    assert present(timeline.verdict).reasons[0].code == "p95"
    ours, theirs = (present(p95(timeline.edges, g)) for g in (step.candidate, step.champion))
    assert ours > 1.3 * theirs


def test_polls_without_metrics_are_a_gap_and_one_event(records: Records) -> None:
    timeline = read_timeline(records, "cut")
    unread = [point for point in timeline.points if 600 <= point.t <= 900]
    assert len(unread) == 20
    for point in unread:
        assert (point.candidate, point.champion, point.observed) == (None, None, None)
    after = next(point for point in timeline.points if point.t > 900)
    assert present(after.candidate).seconds == pytest.approx(315, abs=1)
    (event,) = timeline.events
    assert (event.name, event.times) == ("metrics_unreachable", 20)
    assert timeline.state.outcome is None


def test_a_release_without_traffic_has_no_points_and_no_verdict(records: Records) -> None:
    timeline = read_timeline(records, "first")
    assert (timeline.points, timeline.steps) == ((), ())
    assert timeline.verdict is None
    assert timeline.exposed is None


def test_pooling_keeps_the_counts_and_never_mixes_steps(records: Records) -> None:
    timeline = read_timeline(records, "promoted")
    few = pooled(timeline.points, 50)
    assert len(few) <= 55
    for share in (10, 50):
        before = [p.candidate for p in timeline.points if p.share == share]
        after = [p.candidate for p in few if p.share == share]
        one, other = (present(merged_span(spans)) for spans in (after, before))
        assert one.growth == other.growth
        assert one.seconds == pytest.approx(other.seconds)
    assert sum(point.polls for point in few) == len(timeline.points)


def test_a_trailing_point_adds_up_what_lies_within_its_window_and_step(records: Records) -> None:
    points = read_timeline(records, "promoted").points
    lines = trailing(points, 60)
    at = next(i for i, point in enumerate(points) if point.t > 300)
    inside = [p for p in points if points[at].t - 60 < p.t <= points[at].t]
    assert len(inside) == 4
    total = sum(present(p.candidate).growth.requests for p in inside)
    assert present(lines[at].candidate).growth.requests == total
    first = next(i for i, point in enumerate(points) if point.share == 50)
    assert lines[first].candidate == points[first].candidate


def test_a_counter_that_went_back_adds_nothing_negative(new_record: NewRecord) -> None:
    written = new_record()
    buckets = [{"10.0": n, "20.0": n, "+Inf": n} for n in range(1000)]
    for t, ours, theirs in ((1, 0, 50), (2, 10, 140), (3, 3, 230), (4, 8, 320)):
        weights = {"1": 100} if t == 1 else {"1": 90, "2": 10}
        sources = {
            version: {"a": {"requests": n, "errors": 0, "buckets": buckets[n]}}
            for version, n in (("1", theirs), ("2", ours))
        }
        written.append(Poll.from_json({"t": t, "weights": weights, "sources": sources}))
    (step,) = timeline_of(written.lines()).steps
    # What it did between the fall and the next reading is not told from what is counted already.
    assert (step.candidate.requests, step.champion.requests) == (10, 270)
    assert p95((10.0, 20.0, float("inf")), step.candidate) == pytest.approx(9.5)


def test_what_is_no_release_record_is_refused(new_record: NewRecord) -> None:
    with pytest.raises(InputError, match="does not begin with a 'release' line"):
        timeline_of([])
    with pytest.raises(InputError, match="holds no settings: it can only be replayed"):
        timeline_of(new_record(settings={}).lines())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("verdict", {"decision": "MAYBE"}),
        ("poll", {"t": "late"}),
        ("evaluation", {"passed": True}),
        ("event", {}),
        ("action", {"weights": {}}),
        ("forecast", {"budget": 1}),
    ],
)
def test_a_line_of_the_wrong_form_is_one_clear_error(
    new_record: NewRecord, kind: str, body: dict[str, Any]
) -> None:
    written = new_record()
    written.append(Poll(1, {"1": 100}, {}))
    written.append_json(kind, body)
    with pytest.raises(InputError) as caught:
        timeline_of(written.lines())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("t", "requests", "said"),
    [(30.0, 1e308, "a counter beyond 9.0072e"), (1e300, 10.0, "a poll after 1e.300 s")],
)
def test_what_no_counter_and_no_clock_shows_is_refused_with_its_line(
    new_record: NewRecord, t: float, requests: float, said: str
) -> None:
    recorder = new_record()
    sample = Sample(requests=requests, errors=0.0, buckets={"+Inf": 1.0})
    number = len(recorder.lines()) + 1
    recorder.append(Poll(t, {"1": 90.0, "2": 10.0}, {"1": {"envoy": sample}, "2": {}}))
    with pytest.raises(InputError, match=f"line {number}: {said}"):
        timeline_of(recorder.lines())


def test_polls_that_are_nearer_than_any_have_a_rate_that_can_be_drawn() -> None:
    assert math.isfinite(Span(Growth(requests=2.0**53), 1e-310).per_second)
