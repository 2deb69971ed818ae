"""What goes wrong with readings though nothing is wrong with the traffic.

Each fault takes the polls of one gateway, read whole, and gives those that a judge would have got.
"""

import msgspec

from components.judge import Poll, Sample
from components.simulation.scenario import Readings

PODS, POD_POLLS = 6, 16
"""So many pods of a version, each of which lives so many polls times their number."""
EVERY = 20
"""Other faults come again after so many polls."""
LATE, LATE_BY = 3, 2
"""For so many polls another metrics server answers, which is so many behind."""
GAP = 6
"""For so many polls nothing is read."""
SCRAPED_EVERY = 2

_Read = dict[str, Sample | None]
_Before = list[Poll]


def faulty(fault: Readings, polls: list[Poll]) -> list[Poll]:
    """The polls as they are read under the fault."""
    if fault == "churn":
        return _churned(polls)
    if fault == "restarts":
        return _restarted(polls)
    if fault == "doubled":
        return [again for poll in polls for again in (poll, poll)]
    read = {"late": _late, "slow": _slow, "gaps": _gap}.get(fault)
    if read is None:
        return polls
    return [
        Poll(poll.t, poll.weights, {v: read(polls, at, v) for v in poll.sources})
        for at, poll in enumerate(polls)
    ]


def _at(polls: _Before, at: int, version: str) -> _Read:
    return dict(polls[max(at, 0)].sources.get(version, {}))


def _late(polls: _Before, at: int, version: str) -> _Read:
    late = at % EVERY >= EVERY - LATE
    return _at(polls, at - LATE_BY if late else at, version) or _at(polls, at, version)


def _slow(polls: _Before, at: int, version: str) -> _Read:
    """Scraped every other poll, and the candidate not when the champion is."""
    offset = 0 if version in polls[0].sources else 1
    scraped = (at - offset) // SCRAPED_EVERY * SCRAPED_EVERY + offset
    return _at(polls, scraped, version)


def _gap(polls: _Before, at: int, version: str) -> _Read:
    found = _at(polls, at, version)
    return dict.fromkeys(found) if at % EVERY >= EVERY - GAP else found


def _less(a: Sample, b: Sample) -> Sample:
    """What was counted from ``b`` to ``a``."""
    return Sample(
        a.requests - b.requests,
        a.errors - b.errors,
        {edge: count - b.buckets[edge] for edge, count in a.buckets.items()},
        refused=a.refused - b.refused,
        unanswered=a.unanswered - b.unanswered,
    )


def _plus(a: Sample, b: Sample) -> Sample:
    """Both together."""
    return Sample(
        a.requests + b.requests,
        a.errors + b.errors,
        {edge: count + b.buckets[edge] for edge, count in a.buckets.items()},
        refused=a.refused + b.refused,
        unanswered=a.unanswered + b.unanswered,
    )


def _only(poll: Poll, version: str) -> Sample | None:
    return next(iter(poll.sources.get(version, {}).values()), None)


def _churned(polls: list[Poll]) -> list[Poll]:
    """Each version by pods, the oldest of which is replaced after every `POD_POLLS` polls."""
    found = [Poll(poll.t, poll.weights, {}) for poll in polls]
    for version in polls[-1].sources:
        pods: dict[int, Sample] = {}
        before: Sample | None = None
        for at, poll in enumerate(polls):
            now = _only(poll, version)
            if now is None:
                continue
            oldest = at // POD_POLLS
            nothing = _less(now, now)
            pods = {pod: pods.get(pod, nothing) for pod in range(oldest, oldest + PODS)}
            busy = oldest + at % PODS
            pods[busy] = _plus(pods[busy], now if before is None else _less(now, before))
            found[at].sources[version] = {f"pod-{pod}": sample for pod, sample in pods.items()}
            before = now
    return found


def _restarted(polls: list[Poll]) -> list[Poll]:
    """The gateway starts again right after every `EVERY` polls, and its counters with it."""
    found = []
    for at, poll in enumerate(polls):
        last = max(at - 1, 0) // EVERY * EVERY
        sources: dict[str, _Read] = {}
        for version in poll.sources:
            now, then = _only(poll, version), _only(polls[last], version) if last else None
            if now is not None:
                now = _less(now, then) if then is not None else now
                born = polls[last].t + 1 if last else -1000.0
                now = msgspec.structs.replace(now, born=born)
            sources[version] = {"gateway": now}
        found.append(Poll(poll.t, poll.weights, sources))
    return found
