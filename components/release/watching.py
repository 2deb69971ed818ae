"""Polling the counters and asking the judge, with every poll and verdict in the record."""

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from components import judge
from components.errors import Unreachable
from components.judge import Policy, Poll, Sample, Verdict
from components.platform import Platform
from components.release.journal import Journal
from components.release.lease import Hold
from components.release.state import State

MAX_AGE_POLLS = 2.0
"""Counters older than this many polls are no news: the source counts as not scraped."""
MIN_MAX_AGE_S = 5.0


_TICK_S = 0.001
"""The times of two polls differ by this at least."""


class _Stopwatch:
    """Seconds since the release began, which a wall clock that is set does not move.

    They go on from the newest poll of the record, whatever the wall clock says by now.
    """

    def __init__(self, state: State) -> None:
        passed = time.time() - state.started_at
        newest = max((body["t"] for body in state.polls), default=-_TICK_S)
        self._zero = time.monotonic() - max(passed, newest + _TICK_S)

    def read(self) -> float:
        return time.monotonic() - self._zero


def replayed(state: State) -> judge.JudgeState:
    """The judge's state after the polls that the record holds."""
    policy = state.endpoint.release.policy()
    judged = judge.begin(policy, str(state.champion), state.candidate)
    for body in state.polls:
        judged, _ = judge.observe(policy, judged, Poll.from_json(body))
    return judged


def poll(platform: Platform, journal: Journal) -> Verdict:
    """Take one poll outside of a watch: the baseline before, and the remainder after a step."""
    state = journal.state()
    _, verdict = _take(platform, journal, state, replayed(state), _Stopwatch(state).read())
    return verdict


def watch(platform: Platform, journal: Journal, hold: Hold) -> Verdict:
    """Poll until the step in force is decided; return the deciding verdict.

    Polls stand on a fixed grid from the release's start, so a resumed watch goes on as if it had
    never stopped. Each poll renews the lease first.

    Raises:
        LeaseHeld: the release was taken over.
    """
    state = journal.state()
    every = state.endpoint.release.poll
    judged, stopwatch = replayed(state), _Stopwatch(state)
    while True:
        time.sleep(every - stopwatch.read() % every)
        hold.renew()
        judged, verdict = _take(platform, journal, state, judged, stopwatch.read())
        if verdict.decision != "HOLD" or verdict.final:
            return verdict


@dataclass(frozen=True)
class Glance:
    """The champion's counters at one time."""

    at: float
    """Seconds of this process's monotonic clock."""
    requests: float
    errors: float
    buckets: Mapping[str, float]


def glance(platform: Platform, state: State) -> Glance | None:
    """The champion's counters now, summed over sources; None if they cannot be read."""
    champion = str(state.champion)
    try:
        reading = platform.metrics.sample(state.endpoint.name, [champion], MIN_MAX_AGE_S)
    except Unreachable:
        return None
    sources = reading.versions[champion]
    buckets: Counter[str] = Counter()
    for found in sources.values():
        buckets.update(found.buckets if found else {})
    requests = sum(found.requests for found in sources.values() if found)
    errors = sum(found.errors for found in sources.values() if found)
    return Glance(time.monotonic(), requests, errors, buckets)


def forecast(policy: Policy, before: Glance, now: Glance) -> judge.Forecast:
    """How soon each fault would be seen, and safety shown, at the traffic between two glances."""
    seconds = max(now.at - before.at, 1e-9)
    per_second = max(0.0, now.requests - before.requests) / seconds
    error_rate = now.errors / now.requests if now.requests else 0.0
    return judge.eta(policy, per_second, error_rate, now.buckets)


def _take(
    platform: Platform, journal: Journal, state: State, judged: judge.JudgeState, t: float
) -> tuple[judge.JudgeState, Verdict]:
    endpoint = state.endpoint
    weights = platform.traffic.weights(endpoint)
    versions = [str(state.champion), state.candidate]
    max_age = max(MIN_MAX_AGE_S, MAX_AGE_POLLS * endpoint.release.poll)
    try:
        sampled = platform.metrics.sample(endpoint.name, versions, max_age).versions
    except Unreachable as error:
        journal.event("metrics_unreachable", str(error))
        sampled = {version: {} for version in versions}
    body = Poll(round(t, 3), dict(weights), _sources(journal, sampled)).to_json()
    # Only what can be read again is recorded: every later step judges the recorded polls first.
    taken = Poll.from_json(body)
    journal.append("poll", body)
    judged, verdict = judge.observe(endpoint.release.policy(), judged, taken)
    journal.append("verdict", verdict.to_json())
    return judged, verdict


def _sources(
    journal: Journal, sampled: Mapping[str, Mapping[str, Sample | None]]
) -> dict[str, dict[str, Sample | None]]:
    """The counters as the record holds them; JSON has no NaN and no infinity, so such are null."""
    read: dict[str, dict[str, Sample | None]] = {}
    for version, sources in sampled.items():
        read[version] = {}
        for source, found in sources.items():
            finite = found is None or _finite(found)
            if not finite:
                detail = f"version {version}, source {source}: a counter is NaN or infinite"
                journal.event("counter_not_finite", f"{detail}; the source counts as not read")
            read[version][source] = found if finite else None
    return read


def _finite(found: Sample) -> bool:
    return all(map(math.isfinite, (found.requests, found.errors, *found.buckets.values())))
