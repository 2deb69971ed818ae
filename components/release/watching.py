"""Polling the counters and asking the judge, with every poll and verdict in the record."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from components import judge, record
from components.errors import PlatformError, SluiceError, Unreachable
from components.judge import Poll, Sample, Verdict
from components.notify.moments import decided
from components.platform import Clock, Reading
from components.release import baseline
from components.release.context import Release, records_failure
from components.release.hearing import Hearing
from components.release.lease import HeldLease
from components.release.meanwhile import Meanwhile
from components.release.presence import Presence
from components.release.restoring import give_back
from components.release.results import Watched
from components.release.splitting import put_in_force
from components.release.state import ReleaseState

MAX_AGE_POLLS = 2.0
"""Counters older than this many polls are no news: the source counts as not scraped."""
MIN_MAX_AGE_S = 5.0

UNRECORDED_SHARE = 2 / 3
"""Of the lease's length: when no poll could be recorded for so long, production gets its traffic
back, as long as the lease is ours."""

_TICK_S = 0.001
"""The times of two polls differ by this at least."""


@records_failure
def watch(release: Release, stage: int) -> Watched:
    """Poll and judge until the ``stage``-th watched step (from 1) is decided.

    Polls stand on a fixed grid from the release's start, so a resumed watch goes on as if it had
    never stopped.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: polls could not be recorded, and production has its traffic back; or the
            candidate has not the step's share.
    """
    state = release.state()
    percent = state.watched_step(stage)
    if percent in state.passed:
        return Watched(verdict="PROMOTE", reason=f"{percent}% was passed before")
    hearing = Hearing(release, state)
    if not (hearing.standing.refused or state.withdrawn):
        held = release.hold(state)
        verdict = _decided(release, held, percent, hearing)
        _show(release, verdict)
        with held.kept():
            release.copy_record(state)
        state = release.state()
    if refused := hearing.standing.refused:
        return Watched(verdict="ROLLBACK", reason=refused[1])
    if state.withdrawn:
        return Watched(verdict="ROLLBACK", reason=state.withdrawn)
    return Watched(verdict=verdict.decision, reason=verdict.text)


def _show(release: Release, verdict: Verdict) -> None:
    """Let people see the verdict beside the endpoint; nothing depends on it."""
    with suppress(SluiceError):
        opened = record.opened(release.record.lines())
        release.platform.moments.show(decided(opened, verdict, release.clock.time()))


def blocks_promotion(verdict: Verdict) -> bool:
    """True when the verdict has ended the release."""
    return verdict.final and verdict.decision != "PROMOTE"


def poll(release: Release) -> Verdict:
    """Take one poll outside of a watch: the baseline before, and the remainder after a step."""
    return _Watch(release).take()


class Stopwatch:
    """Seconds since the release began, which a wall clock that is set does not move.

    They go on from the newest poll of the record, whatever the wall clock says by now.
    """

    def __init__(self, state: ReleaseState, clock: Clock) -> None:
        passed = clock.time() - state.started_at
        newest = max((poll.t for poll in state.polls), default=-_TICK_S)
        self._clock = clock
        self._zero = clock.monotonic() - max(passed, newest + _TICK_S)

    def read(self) -> float:
        """The seconds."""
        return self._clock.monotonic() - self._zero

    def until_next(self, every: float) -> float:
        """Seconds to the next multiple of ``every``; one that is just now was the last."""
        left = every - self.read() % every
        return left if left > _TICK_S else left + every


class _Watch:
    """The judge's state after the polls that the record holds, and the next poll."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self.state = release.state()
        self.stopwatch = Stopwatch(self.state, release.clock)
        self._judged = replayed(self.state)
        self.baseline = baseline.Check(self.state) if self.state.baseline else None

    def take(self) -> Verdict:
        """Take a poll, judge it, and record both.

        Raises:
            Unreachable: the record did not take them: start from the record again.
        """
        release, state = self._release, self.state
        endpoint = state.endpoint
        versions = [str(state.champion), state.candidate]
        versions += [state.baseline] if state.baseline else []
        weights = release.platform.traffic.weights(endpoint.name)
        max_age = max(MIN_MAX_AGE_S, MAX_AGE_POLLS * endpoint.release.poll)
        try:
            reading = release.platform.metrics.sample(endpoint.name, versions, max_age)
        except Unreachable as error:
            release.record.note("metrics_unreachable", str(error))
            reading = Reading({version: {} for version in versions}, {})
        sources = _readable(release, state, reading.versions)
        t = round(self.stopwatch.read(), 3)
        split = {version: float(share) for version, share in weights.items()}
        taken = Poll(t, split, sources, dict(reading.clients.get(state.candidate, {})))
        # Only what can be read again is recorded: every later step judges the recorded polls first.
        taken = Poll.from_json(taken.to_json())
        judged, verdict = judge.observe(endpoint.release.policy(), self._judged, taken)
        release.record.append(taken, verdict)
        self._judged = judged
        if self.baseline:
            self.baseline.take(taken)
        return verdict


def _decided(release: Release, held: HeldLease, percent: int, hearing: Hearing) -> Verdict:
    """Poll until the step in force is decided, or people have ended the release."""

    def over(verdict: Verdict) -> bool:
        hearing.hear()
        return verdict.decision != "HOLD" or verdict.final or hearing.standing.refused is not None

    return keep(release, held, percent, over)


def keep(
    release: Release, held: HeldLease, percent: int, over: Callable[[Verdict], bool]
) -> Verdict:
    """Poll at the share in force until it is ``over`` with a verdict; that verdict.

    Each poll renews the lease first. While nothing can be recorded nothing is decided; after two
    thirds of the lease's length production gets its traffic back, even if the lease itself can
    still be renewed.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: production has its traffic back, or somebody else moved it.
    """
    watching, presence = _Watch(release), Presence(release, held, percent)
    meanwhile = Meanwhile(release, watching.state)
    every = watching.state.endpoint.release.poll
    recorded, recorded_at = True, release.clock.monotonic()
    while True:
        # On a grid, so that polls of a slow machine do not drift; when the record is away, evenly.
        presence.pause(watching.stopwatch.until_next(every) if recorded else every)
        try:
            if not recorded:
                # A write whose answer was lost may stand: the record says what was polled.
                watching = _Watch(release)
            renewed_at = release.clock.monotonic()
            held.renew()
            if not presence.covered:
                watching = _with_baseline(release, held, watching, percent)
            verdict = watching.take()
            is_over = over(verdict)
            recorded, recorded_at = True, renewed_at
        except Unreachable as error:
            recorded = False
            away_s = release.clock.monotonic() - recorded_at
            if away_s > UNRECORDED_SHARE * held.lease.seconds:
                _turn_back_unrecorded(release, held, f"{away_s:.0f} s ({error})")
            continue
        # No step is taken while a version has no predictor; the way back waits for nothing.
        if verdict.final or (is_over and not presence.covered) or meanwhile.withdrawn():
            return verdict
        if verdict.step != percent and not presence.covered:
            raise PlatformError(
                f"the candidate has {verdict.step:g}% of the traffic instead of {percent}%:"
                " somebody else moved it, so nothing can be watched"
            )


def _with_baseline(release: Release, held: HeldLease, watching: _Watch, percent: int) -> _Watch:
    """The watch; its baseline, if that fails its users, gives its share back to production."""
    state = watching.state
    if watching.baseline is None or not percent or state.baseline not in state.split(percent):
        return watching
    why = watching.baseline.fault or baseline.unready(release, state)
    if not why:
        return watching
    put_in_force(release, state, held, state.split_without_baseline(percent))
    baseline.end(release, state, why)
    return _Watch(release)


def _turn_back_unrecorded(release: Release, held: HeldLease, how_long: str) -> None:
    said = f"no poll could be recorded for {how_long}"
    if held.silent_s() >= held.lease.seconds:
        # This process was suspended: the traffic may be another's by now.
        held.renew()
    give_back(release.platform, held, said)
    raise PlatformError(f"{said}: production has its traffic back")


def replayed(state: ReleaseState) -> judge.JudgeState:
    """The judge's state after the polls that the record holds."""
    policy = state.endpoint.release.policy()
    judged = judge.begin(policy, str(state.champion), state.candidate)
    for number, taken in enumerate(state.polls):
        if number in state.held_after:
            judged = judge.go_on(judged)
        judged, _ = judge.observe(policy, judged, taken)
    return judge.go_on(judged) if len(state.polls) in state.held_after else judged


def _readable(
    release: Release,
    state: ReleaseState,
    versions: Mapping[str, Mapping[str, Sample | None]],
) -> dict[str, dict[str, Sample | None]]:
    """The counters as the record can hold them, in the release's own seconds.

    JSON has no NaN and no infinity, so a source with such a counter counts as not read.
    """
    read: dict[str, dict[str, Sample | None]] = {}
    for version, sources in versions.items():
        read[version] = {}
        for source, found in sources.items():
            finite = found is None or _finite(found)
            if not finite:
                detail = f"version {version}, source {source}: a counter is NaN or infinite"
                release.record.note("counter_not_finite", f"{detail}; the source is not read")
            read[version][source] = _since(state.started_at, found) if found and finite else None
    return read


def _finite(found: Sample) -> bool:
    counters = (found.requests, found.errors, found.refused, found.unanswered, found.retried)
    born = () if found.born is None else (found.born,)
    return all(map(math.isfinite, (*counters, *born, *found.buckets.values())))


def _since(began: float, found: Sample) -> Sample:
    """The sample with its source's start in seconds since ``began``."""
    if found.born is None:
        return found
    return msgspec.structs.replace(found, born=round(found.born - began))
