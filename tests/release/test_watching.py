"""Polls stand on a clock that cannot be set, and only what can be read again is recorded."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from components.release.journal import Journal

from components.endpoint import Endpoint
from components.errors import InputError
from components.judge import Poll, Sample
from components.metrics import Reading
from components.release import watching
from tests.support.endpoints import endpoint_settings

SETTINGS = endpoint_settings(
    evaluation={"latency": {"p95_ms": 200}},
    release={"steps": [10, 100], "watch": "2m", "poll": "15s", "lease": "60s"},
)
BEGAN = 1_700_000_000.0


class Clocks:
    """A wall clock that a test may set, and one that only goes on."""

    def __init__(self) -> None:
        self.passed, self.set_by = 5.0, 0.0

    def time(self) -> float:
        return BEGAN + self.passed + self.set_by

    def monotonic(self) -> float:
        return 77.0 + self.passed

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 15
        self.passed += seconds


class Place:
    """A platform whose counters a test writes."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks, self.split = clocks, {"1": 90, "2": 10}
        self.traffic = SimpleNamespace(weights=lambda _: self.split)
        self.metrics = SimpleNamespace(sample=self.sample)

    def sample(self, _endpoint: Endpoint, versions: list[str], _max_age: float) -> Reading:
        found = {}
        for version in versions:
            n = round(self.clocks.passed) * self.split[version]
            buckets = {"10": float(round(n * 0.9)), "13": float(n), "+Inf": float(n)}
            found[version] = {"gateway": Sample(n, 0.0, buckets)}
        return Reading(found)


def place_of(clocks: Clocks) -> Any:
    """A place in the stead of a whole platform."""
    return Place(clocks)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks()
    monkeypatch.setattr(watching, "time", found)
    return found


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr("components.release.journal.time", SimpleNamespace(time=lambda: BEGAN))
    found = Journal(tmp_path)
    head = {"release_id": "r", "candidate": "2", "champion": "1", "path": "canary", "run_id": ""}
    found.append("release", head | {"settings": SETTINGS})
    return found


class Hold:
    """A lease that is lost after so many polls."""

    def __init__(self, polls: int, then: Callable[[int], None] = lambda _: None) -> None:
        self.polls, self.then = polls, then

    def renew(self) -> None:
        if not self.polls:
            raise TimeoutError
        self.polls -= 1
        self.then(self.polls)


def watch(
    clocks: Clocks, journal: Journal, polls: int, then: Callable[[int], None] = lambda _: None
) -> None:
    hold: Any = Hold(polls, then)
    with pytest.raises(TimeoutError):
        watching.watch(place_of(clocks), journal, hold)


def times(journal: Journal) -> list[float]:
    return [line.body["t"] for line in journal.lines() if line.kind == "poll"]


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_set_moves_no_poll(
    clocks: Clocks, journal: Journal, step: float
) -> None:
    def jump(left: int) -> None:
        clocks.set_by = step if left < 2 else 0.0

    watch(clocks, journal, 4, jump)
    assert times(journal) == [15, 30, 45, 60]
    codes = [line.body["reasons"][0]["code"] for line in journal.lines() if line.kind == "verdict"]
    assert "late_poll" not in codes


def test_polls_go_on_after_the_newest_when_the_wall_clock_was_set_back_in_between(
    clocks: Clocks, journal: Journal
) -> None:
    watch(clocks, journal, 2)
    clocks.set_by = -3600.0
    watch(clocks, journal, 2)
    assert times(journal)[:2] == [15, 30]
    assert times(journal)[2:] == pytest.approx([45, 60], abs=0.01)
    watching.poll(place_of(clocks), journal)
    assert times(journal)[-1] > times(journal)[-2]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_counter_that_is_no_number_is_unread_and_told(
    clocks: Clocks, journal: Journal, number: float
) -> None:
    place = place_of(clocks)
    sources = {
        "1": {"gateway": Sample(10.0, 0.0, {"10": 5.0, "+Inf": 10.0})},
        "2": {"gateway": Sample(10.0, 0.0, {"10": number, "+Inf": 10.0})},
    }
    place.metrics.sample = lambda *_: Reading(sources)
    verdict = watching.poll(place, journal)
    assert verdict.decision == "HOLD"
    recorded = next(line.body for line in journal.lines() if line.kind == "poll")
    assert recorded["sources"]["2"] == {"gateway": None}
    assert recorded["sources"]["1"]["gateway"]["requests"] == 10
    event = next(line.body for line in journal.lines() if line.kind == "event")
    assert event["event"] == "counter_not_finite"
    assert "version 2, source gateway" in event["detail"]


def test_a_poll_that_could_not_be_read_again_is_not_recorded(
    clocks: Clocks, journal: Journal
) -> None:
    place = place_of(clocks)
    place.split = {"1": -10, "2": 110}
    with pytest.raises(InputError):
        watching.poll(place, journal)
    assert [line.kind for line in journal.lines()] == ["release"]


def test_the_judge_after_a_restart_is_the_judge_before(clocks: Clocks, journal: Journal) -> None:
    watch(clocks, journal, 3)
    state = journal.state()
    again = watching.replayed(state)
    assert again.t == 45
    assert [Poll.from_json(body).t for body in state.polls] == [15, 30, 45]
