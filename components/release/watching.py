"""Polling the counters and asking the judge, with every poll and verdict in the record."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components import judge
from components.errors import Unreachable
from components.judge import Policy, Poll, Verdict
from components.platform import Counters, Platform
from components.release.journal import Journal
from components.release.lease import Hold
from components.release.state import State

MAX_AGE_POLLS = 2.0
"""Counters older than this many polls are no news: the source counts as not scraped."""
MIN_MAX_AGE_S = 5.0


def replayed(state: State) -> judge.State:
    """The judge's state after the polls that the record holds."""
    policy = state.endpoint.release.policy()
    judged = judge.begin(policy, str(state.champion), state.candidate)
    for body in state.polls:
        judged, _ = judge.observe(policy, judged, Poll.from_json(body))
    return judged


def poll(platform: Platform, journal: Journal) -> Verdict:
    """Take one poll outside of a watch: the baseline before, and the remainder after a step."""
    state = journal.state()
    _, verdict = _take(platform, journal, state, replayed(state))
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
    judged = replayed(state)
    while True:
        due = every - (time.time() - state.started_at) % every
        time.sleep(due)
        hold.renew()
        judged, verdict = _take(platform, journal, state, judged)
        if verdict.decision != "HOLD" or verdict.final:
            return verdict


@dataclass(frozen=True)
class Glance:
    """The champion's counters at one time."""

    at: float
    requests: float
    errors: float
    buckets: Mapping[str, float]


def glance(platform: Platform, state: State) -> Glance | None:
    """The champion's counters now, summed over sources; None if they cannot be read."""
    champion = str(state.champion)
    try:
        sources = platform.metrics.sample(state.endpoint, [champion], MIN_MAX_AGE_S)[champion]
    except Unreachable:
        return None
    buckets: Counter[str] = Counter()
    for found in sources.values():
        buckets.update(found.buckets if found else {})
    requests = sum(found.requests for found in sources.values() if found)
    errors = sum(found.errors for found in sources.values() if found)
    return Glance(time.time(), requests, errors, buckets)


def forecast(policy: Policy, before: Glance, now: Glance) -> judge.Plan:
    """How soon each fault would be seen, and safety shown, at the traffic between two glances."""
    seconds = max(now.at - before.at, 1e-9)
    per_second = max(0.0, now.requests - before.requests) / seconds
    error_rate = now.errors / now.requests if now.requests else 0.0
    return judge.eta(policy, per_second, error_rate, now.buckets)


def _take(
    platform: Platform, journal: Journal, state: State, judged: judge.State
) -> tuple[judge.State, Verdict]:
    endpoint = state.endpoint
    weights = platform.traffic.weights(endpoint)
    versions = [str(state.champion), state.candidate]
    max_age = max(MIN_MAX_AGE_S, MAX_AGE_POLLS * endpoint.release.poll)
    try:
        sampled = platform.metrics.sample(endpoint, versions, max_age)
    except Unreachable as error:
        journal.event("metrics_unreachable", str(error))
        sampled = {version: {} for version in versions}
    body: dict[str, Any] = {
        "t": round(time.time() - state.started_at, 3),
        "weights": weights,
        "sources": {
            version: {source: _counters(found) for source, found in sources.items()}
            for version, sources in sampled.items()
        },
    }
    line = journal.append("poll", body)
    policy = endpoint.release.policy()
    judged, verdict = judge.observe(policy, judged, Poll.from_json(line.body))
    journal.append("verdict", verdict.to_json())
    return judged, verdict


def _counters(found: Counters | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "requests": found.requests,
        "errors": found.errors,
        "buckets": dict(found.buckets),
    }
