"""Polling the counters and asking the judge, with every poll and verdict in the record."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from components import judge, record
from components.errors import PlatformError, SluiceError, Unreachable
from components.judge import Poll, Verdict
from components.notify.moments import decided
from components.platform import Clock, Reading
from components.release import baseline
from components.release.capacity import Counted
from components.release.context import Release, as_step
from components.release.hearing import Hearing
from components.release.lease import HeldLease
from components.release.meanwhile import Meanwhile
from components.release.overflow import Overflow
from components.release.presence import Presence
from components.release.readable import readable
from components.release.restoring import give_back
from components.release.results import Watched
from components.release.state import ReleaseState

MAX_AGE_POLLS = 2.0
"""Counters older than this many polls are no news: the source counts as not scraped."""
MIN_MAX_AGE_S = 5.0

UNRECORDED_SHARE = 2 / 3
"""Of the lease's length: when no poll could be recorded for so long, production gets its traffic
back, as long as the lease is ours."""

_ROUNDING = 1e-6
"""Of a share in percent that is not a whole number."""

_TICK_S = 0.001
"""The times of two polls differ by this at least."""


@as_step
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
    if found := refused(state, hearing):
        return found
    held = release.hold(state)
    return told(release, held, until_decided(release, held, percent, hearing), hearing)


def told(
    release: Release,
    held: HeldLease,
    verdict: Verdict,
    hearing: Hearing,
    *,
    shadow: bool = False,
) -> Watched:
    """What a watch that ended so returns, once people can see it and the registry has a copy."""
    _show(release, verdict, shadow=shadow)
    with held.kept():
        release.copy_record(release.state())
    found = refused(release.state(), hearing)
    return found or Watched(verdict=verdict.decision, reason=verdict.text)


def refused(state: ReleaseState, hearing: Hearing) -> Watched | None:
    """How a watch ends that people have ended: whoever refused, or withdrew the candidate."""
    if found := hearing.standing.refused:
        return Watched(verdict="ROLLBACK", reason=found[1])
    if state.withdrawn:
        return Watched(verdict="ROLLBACK", reason=state.withdrawn)
    return None


def _show(release: Release, verdict: Verdict, *, shadow: bool) -> None:
    """Let people see the verdict beside the endpoint; nothing depends on it."""
    with suppress(SluiceError):
        opened = record.opened(release.record.lines())
        moment = decided(opened, verdict, release.clock.time(), shadow=shadow)
        release.platform.moments.show(moment)


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
        newest = max((poll.t for poll in (*state.shadowed, *state.polls)), default=-_TICK_S)
        self._clock = clock
        self._zero = clock.monotonic() - max(passed, newest + _TICK_S)

    def read(self) -> float:
        """Seconds since the release began."""
        return self._clock.monotonic() - self._zero

    def until_next(self, every: float) -> float:
        """Seconds to the next multiple of ``every``; one that is just now was the last."""
        left = every - self.read() % every
        return left if left > _TICK_S else left + every


def counters(
    release: Release, state: ReleaseState, arms: Sequence[str], overflow: Overflow
) -> Reading:
    """The newest counters of these arms as the record can hold them; none if nobody can be asked.

    A metrics server that is away is noted, and so is what the gateway refused by itself.
    """
    endpoint = state.endpoint
    max_age = max(MIN_MAX_AGE_S, MAX_AGE_POLLS * endpoint.release.poll)
    try:
        reading = release.platform.metrics.sample(endpoint.name, arms, max_age)
    except Unreachable as error:
        release.record.note("metrics_unreachable", str(error))
        return Reading({arm: {} for arm in arms}, {})
    overflow.tell(release, reading)
    return replace(reading, versions=readable(release, state, reading.versions))


class Watching(Protocol):
    """The judge's state after the polls that the record holds, and the next poll."""

    state: ReleaseState
    stopwatch: Stopwatch
    baseline: baseline.Check | None

    def take(self) -> Verdict:
        """Take a poll, judge it, and record both.

        Raises:
            Unreachable: the record did not take them: start from the record again.
        """


class _Watch:
    """The judge's state after the polls that the record holds, and the next poll."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self.state = release.state()
        self.stopwatch = Stopwatch(self.state, release.clock)
        self._overflow = Overflow()
        self._judged = replayed(self.state)
        self.baseline = baseline.Check(self.state) if self.state.baseline else None

    def take(self) -> Verdict:
        """See `Watching`."""
        release, state = self._release, self.state
        endpoint = state.endpoint
        versions = [str(state.champion), state.candidate]
        versions += [state.baseline] if state.baseline else []
        weights = release.platform.traffic.weights(endpoint.name)
        reading = counters(release, state, versions, self._overflow)
        split = {version: float(share) for version, share in weights.items()}
        taken = poll_of(self.stopwatch, split, reading, state.candidate)
        judged, verdict = judge.observe(endpoint.release.policy(), self._judged, taken)
        release.record.append(taken, verdict)
        self._judged = judged
        if self.baseline:
            self.baseline.take(taken)
        return verdict


def poll_of(
    stopwatch: Stopwatch, split: Mapping[str, float], reading: Reading, candidate: str
) -> Poll:
    """The poll of what was just read.

    Only what can be read again is recorded: every later step judges the recorded polls first.
    """
    asked = dict(reading.clients.get(candidate, {}))
    sources = {arm: dict(found) for arm, found in reading.versions.items()}
    return Poll.from_json(Poll(round(stopwatch.read(), 3), dict(split), sources, asked).to_json())


def until_decided(
    release: Release,
    held: HeldLease,
    percent: int,
    hearing: Hearing,
    *,
    begin: Callable[[Release], Watching] | None = None,
    share: float | None = None,
) -> Verdict:
    """Poll until the step in force is decided, or people have ended the release; see `keep`."""

    def over(verdict: Verdict) -> bool:
        hearing.hear()
        return verdict.decision != "HOLD" or verdict.final or hearing.standing.refused is not None

    return keep(release, held, percent, over, begin=begin, share=share)


def keep(
    release: Release,
    held: HeldLease,
    percent: int,
    over: Callable[[Verdict], bool],
    *,
    begin: Callable[[Release], Watching] | None = None,
    share: float | None = None,
) -> Verdict:
    """Poll at the share in force until it is ``over`` with a verdict; that verdict.

    Each poll renews the lease first. While nothing can be recorded nothing is decided; after two
    thirds of the lease's length production gets its traffic back, even if the lease itself can
    still be renewed.

    Args:
        release: the release.
        held: its lease.
        percent: the candidate's share of the users' requests.
        over: whether a verdict is the last.
        begin: what polls, from the record; default: users' requests.
        share: the candidate's share in what is polled, in percent; default: ``percent``.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: production has its traffic back, or somebody else moved it.
    """
    begin, share = begin or _Watch, percent if share is None else share
    watching, presence = begin(release), Presence(release, held, percent)
    meanwhile = Meanwhile(release, watching.state)
    counted = Counted(release, watching.state)
    every = watching.state.endpoint.release.poll
    recorded, recorded_at = True, release.clock.monotonic()
    while True:
        # On a grid, so that polls of a slow machine do not drift; when the record is away, evenly.
        presence.pause(watching.stopwatch.until_next(every) if recorded else every)
        try:
            if not recorded:
                # A write whose answer was lost may stand: the record says what was polled.
                watching = begin(release)
            renewed_at = release.clock.monotonic()
            held.renew()
            presence.refuse_moved()
            watching = _with_baseline(release, presence, watching)
            counted.look(watching.stopwatch.read())
            held.refresh()
            verdict = watching.take()
            is_over = over(verdict)
            recorded, recorded_at = True, renewed_at
            held.refresh()
        except Unreachable as error:
            recorded = False
            away_s = release.clock.monotonic() - recorded_at
            if away_s > UNRECORDED_SHARE * held.lease.seconds:
                _turn_back_unrecorded(release, held, f"{away_s:.0f} s ({error})")
            continue
        moved = abs(verdict.step - share) > _ROUNDING and not presence.covered
        if moved and not blocks_promotion(verdict):
            raise PlatformError(
                f"the candidate has {verdict.step:g}% of the traffic instead of {share:g}%:"
                " somebody else moved it, so nothing can be watched"
            )
        # No step is taken while a version has no predictor; the way back waits for nothing.
        if verdict.final or (is_over and not presence.covered) or meanwhile.withdrawn():
            return verdict


def _with_baseline(release: Release, presence: Presence, watching: Watching) -> Watching:
    """The watch; its baseline, if that fails its users, gives its share back to production."""
    if watching.baseline is None:
        return watching
    if watching.baseline.fault and presence.has_baseline and not presence.covered:
        presence.give_up_baseline(watching.baseline.fault)
    return watching if presence.has_baseline else _Watch(release)


def _turn_back_unrecorded(release: Release, held: HeldLease, how_long: str) -> None:
    said = f"no poll could be recorded for {how_long}"
    try:
        if held.silent_s() >= held.lease.seconds:
            # This process was suspended: the traffic may be another's by now.
            held.renew()
        give_back(release.platform, held, said)
    except Unreachable as error:
        raise PlatformError(
            f"{said}, nor its traffic given back: the reaper does: {error}"
        ) from error
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
