"""One reading is of one life of one process, and nothing is counted twice."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.judge import Policy, Poll, Sample, begin, observe
from tests.support.present import present

Sources = Mapping[str, Sample | None]


def sample(requests: float, errors: float = 0, born: float | None = None) -> Sample:
    return Sample(
        float(requests), float(errors), {"100": float(requests), "+Inf": float(requests)}, born=born
    )


def counted(*polls: tuple[Sources, Sources]) -> tuple[list[float], list[float]]:
    """Requests and errors of candidate and champion after these polls of candidate, champion."""
    state = begin(Policy(), "1", "2")
    for number, (ours, theirs) in enumerate(polls):
        weights = {"1": 90.0, "2": 10.0} if number else {"1": 100.0}
        poll = Poll(15.0 * number, weights, {"1": dict(theirs), "2": dict(ours)})
        state, verdict = observe(Policy(), state, poll)
    found = present(verdict.evidence)
    arms = found.candidate, found.champion
    return [arm.requests for arm in arms], [arm.errors for arm in arms]


def test_a_reading_that_lies_among_earlier_ones_is_late_and_counts_nothing_twice() -> None:
    ours = (0, 100, 200, 170, 180, 500)
    theirs = (20000, 20900, 21800, 21500, 21600, 24500)
    polls = [({"gw": sample(a)}, {"gw": sample(b)}) for a, b in zip(ours, theirs, strict=True)]
    assert counted(*polls)[0] == [500, 4500]


def test_errors_of_the_life_before_are_not_this_life_s() -> None:
    # The gateway was restarted; some of its series are still the old ones.
    readings = ((3000, 427), (3269, 427), (594, 427), (916, 427), (768, 0), (1000, 0), (1200, 0))
    polls = [({"gw": sample(*read)}, {"gw": sample(20000)}) for read in readings]
    assert counted(*polls)[1][0] == 0


def test_a_restart_at_a_known_time_counts_from_zero_at_once() -> None:
    lives = ((100, 1, -50.0), (300, 3, -50.0), (40, 2, 20.0), (90, 2, 21.0))
    polls = [({"gw": sample(*one)}, {"gw": sample(1000, 0, one[2])}) for one in lives]
    assert counted(*polls)[0][0] == 200 + 40 + 50
    assert counted(*polls)[1][0] == 2 + 2


def test_a_reading_of_the_life_before_is_ignored() -> None:
    lives = ((100, 1, -50.0), (40, 0, 20.0), (120, 1, -50.0), (60, 0, 20.0))
    polls = [({"gw": sample(*one)}, {"gw": sample(1000, 0, one[2])}) for one in lives]
    assert counted(*polls)[0][0] == 60


def test_a_clock_that_was_set_counts_nothing_twice() -> None:
    lives = ((100, 1, -50.0), (200, 1, -50.0), (300, 2, 3550.0), (400, 3, 3550.0))
    polls = [({"gw": sample(*one)}, {"gw": sample(1000, 0, one[2])}) for one in lives]
    requests, errors = counted(*polls)
    assert (requests[0], errors[0]) == (200, 1)


@pytest.mark.parametrize(("born", "requests"), [(-9e4, 75), (40.0, 6075), (None, 6075)])
def test_a_source_older_than_the_release_does_not_count_what_it_did_before(
    born: float | None, requests: float
) -> None:
    first = {"gw:1": sample(0, 0, -100.0)}
    later = {"gw:1": sample(0, 0, -100.0), "gw:2": sample(6000, 0, born)}
    last = {"gw:1": sample(0, 0, -100.0), "gw:2": sample(6075, 0, born)}
    theirs = {"gw:1": sample(900, 0, -100.0)}
    polls = [(first, theirs), (first, theirs), (first, theirs), (later, theirs), (last, theirs)]
    assert counted(*polls)[0][0] == requests


def test_a_new_series_of_a_process_that_is_read_already_counts_from_zero() -> None:
    first = {"gw/rest": sample(10, 0, -100.0)}
    later = first | {"gw/grpc": sample(7, 0, -99.0)}
    theirs = {"gw/rest": sample(900, 0, -100.0)}
    assert counted((first, theirs), (first, theirs), (later, theirs))[0][0] == 7


@pytest.mark.parametrize("again", [100, 101])
def test_a_poll_right_after_another_takes_no_answer_for_one_that_never_came(again: int) -> None:
    # A release polls once more at a step's end: maybe the same scrape, maybe the same flush.
    def read(n: float, answered: float) -> dict[str, Sample | None]:
        return {"gw": Sample(n, 0.0, {"100": answered, "+Inf": answered})}

    state = begin(Policy(), "1", "2")
    polls = ((0, 0, 0), (15, 50, 48), (30, 100, 97), (30.5, again, 97), (45, 150, 150))
    for t, n, answered in polls:
        theirs = read(1000 + 9 * n, 1000 + 9 * answered)
        poll = Poll(t, {"1": 90.0, "2": 10.0}, {"1": theirs, "2": read(n, answered)})
        state, verdict = observe(Policy(), state, poll)
    assert present(verdict.evidence).candidate.latencies == 150


# What may happen to a reading; each draws from the true counters of both versions.
EVENTS = ("read", "read", "read", "unread", "late", "again", "restart", "anonymous restart", "left")


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 6)), min_size=4, max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_interleaving_of_readings_counts_more_than_there_was(
    events: list[tuple[str, int]],
) -> None:
    # The counters of one gateway: (requests, errors) of its present life for each poll so far.
    life, born, known = (0, 0), -1000.0, True
    made = [0, 0]
    read: list[Sample] = []
    polls: list[tuple[Sources, Sources]] = []
    champion = {"x": sample(1000)}
    for number, (event, size) in enumerate(events):
        if event.endswith("restart") and number:
            # A life whose start is not known begins only once the one before is long.
            if event == "restart" and known:
                life, born, read = (0, 0), 15.0 * number - 7, []
            elif life[0] > 0 and len(read) > 12 and life[0] > 8 * size * 10:
                life, known, read = (0, 0), False, []
        life = life[0] + 10 * size, life[1] + size
        made = [made[0] + 10 * size, made[1] + size] if number else [0, 0]
        now = sample(*life, born if known else None)
        read.append(now)
        found: Sources = {"x": now}
        if event == "unread":
            found = {"x": None}
        elif event == "left":
            found = {}
        elif event == "late":
            found = {"x": read[max(len(read) - 1 - size, 0)]}
        elif event == "again" and len(read) > 1:
            found = {"x": read[-2]}
        polls.append((found, champion))
    requests, errors = counted(*polls)
    assert requests[0] <= made[0]
    assert errors[0] <= made[1]
