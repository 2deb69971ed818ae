"""The preflight and the forecast when production's counters cannot be read at once, or at all."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from components.endpoint import Release
from components.errors import InputError
from components.release import steps, watching
from components.release.watching import Glance

FINE = {f"{1.14**k:.6g}": 900.0 + k for k in range(100)} | {"+Inf": 1000.0}
COARSE = {"10": 900.0, "100": 1000.0, "+Inf": 1000.0}
UNSCRAPED = Glance(0.0, 0.0, 0.0, {})


@dataclass
class Journal:
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def append(self, kind: str, body: dict[str, Any]) -> None:
        self.lines.append((kind, body))

    def event(self, name: str, detail: str) -> None:
        self.append("event", {"event": name, "detail": detail})


def glance(at: float, buckets: dict[str, float]) -> Glance:
    return Glance(at, 1000.0 * at, 1.0, buckets)


@pytest.fixture
def foresee(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the glance before the deployment and the forecast after it; what was written."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda s: clock.__setitem__(0, clock[0] + s))

    def run(readings: list[Glance | None]) -> list[tuple[str, dict[str, Any]]]:
        left = iter(readings)
        monkeypatch.setattr(watching, "glance", lambda *_: next(left, readings[-1]))
        journal = Journal()
        release: Any = SimpleNamespace(platform=None, journal=journal)
        state: Any = SimpleNamespace(endpoint=SimpleNamespace(release=Release()))
        before = steps._glance(release, state)
        with suppress(InputError):
            steps._foresee(release, state, before)
        return journal.lines

    return run


def test_a_glance_that_fails_is_tried_again(foresee: Any) -> None:
    readings = [None, UNSCRAPED, glance(1, FINE), None, glance(2, FINE)]
    ((kind, body),) = foresee(readings)
    assert kind == "forecast"
    assert "decide a p95 ratio of 1.3" in body["preflight"]


def test_counters_that_stay_away_are_an_event_and_not_silence(foresee: Any) -> None:
    for gone in (None, UNSCRAPED):
        ((kind, body),) = foresee([gone])
        assert (kind, body["event"]) == ("event", "not_foreseen")
        assert "no preflight" in body["detail"]


def test_one_glance_is_enough_for_the_preflight(foresee: Any) -> None:
    never = [None] * 22
    ((kind, body),) = foresee([*never, glance(1, FINE)])
    assert (kind, body["event"]) == ("event", "not_foreseen")
    assert "decide a p95 ratio of 1.3" in body["detail"]
    ((kind, body),) = foresee([*never, glance(1, COARSE)])
    assert (kind, body["outcome"]) == ("end", "error")
