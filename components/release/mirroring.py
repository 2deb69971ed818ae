"""The shadow of a release: copies of production's requests, polled and judged apart.

They are an arm of their own in counters, polls and record (`components.arms.shadow_of`), so that
none of them can be taken for a user's request to the candidate.
"""

from collections import Counter
from math import inf

from components import judge
from components.arms import shadow_of
from components.errors import InputError
from components.judge import JudgeState, Poll, Verdict
from components.platform import Mirror
from components.record import Shadowed
from components.release.baseline import Check
from components.release.context import Release
from components.release.lease import HeldLease
from components.release.overflow import Overflow
from components.release.results import Shifted
from components.release.splitting import put_mirror_in_force, wanted_mirror
from components.release.state import ReleaseState
from components.release.watching import Stopwatch, counters, poll_of


def begin(release: Release, state: ReleaseState, held: HeldLease) -> Shifted:
    """Let the candidate be asked copies; no user's request goes to it.

    Raises:
        LeaseHeld: the release was taken over.
        PlatformError: the gateway did not take the mirror, or the record did not.
        InputError: the gateway's buckets for copies can decide no p95 ratio.
    """
    mirror, applied = wanted_mirror(state), 0.0
    asked = release.platform.traffic.mirror(state.endpoint.name)
    if not (state.mirrored and asked == mirror):
        if asked is None or not state.shadowed:
            # What was counted before the first copy.
            Shadow(release).take()
            state = release.state()
        applied = put_mirror_in_force(release, state, held, mirror, _ratio(release, state))
    return Shifted(percent=0, applied_s=applied)


def _ratio(release: Release, state: ReleaseState) -> float | None:
    """The p95 ratio that the histogram of copies can decide; None: the file's."""
    policy = state.endpoint.release.shadow_policy()
    buckets: Counter[str] = Counter()
    for sample in state.shadowed[-1].sources.get(str(state.champion), {}).values():
        buckets.update(sample.buckets if sample else {})
    checked = judge.preflight(policy, buckets)
    if checked.ok or policy.method != "sequential" or not any(buckets.values()):
        return None
    if checked.ratio == inf:
        raise InputError(f"release.shadow: {checked.text}; or leave the shadow out")
    release.record.note("shadow_p95", f"compared by a ratio of {checked.ratio:g}: {checked.text}")
    return checked.ratio


def split(state: ReleaseState, weights: dict[str, int], mirror: Mirror | None) -> dict[str, float]:
    """What each arm gets of requests and copies together, in percent."""
    copies = mirror.percent if mirror and mirror.version == state.candidate else 0
    whole = 100 + copies
    shares = {arm: 100 * share / whole for arm, share in weights.items() if share}
    return {**shares, **({shadow_of(state.candidate): 100 * copies / whole} if copies else {})}


def share(percent: int) -> float:
    """The candidate's share of requests and copies where so many percent are copied."""
    return 100 * percent / (100 + percent)


class Shadow:
    """The judge's state after the polls of the shadow that the record holds, and the next poll."""

    def __init__(self, release: Release) -> None:
        self._release = release
        self.state = release.state()
        self.stopwatch = Stopwatch(self.state, release.clock)
        self.baseline: Check | None = None
        """Production itself is asked no less than its shadow."""
        self._overflow = Overflow()
        self._policy = self.state.endpoint.release.shadow_policy(self.state.shadow_ratio)
        self._judged = start(self.state)
        for taken in self.state.shadowed:
            self._judged, _ = judge.observe(self._policy, self._judged, taken)

    def take(self) -> Verdict:
        """Take a poll, judge it, and record both as one line."""
        release, state = self._release, self.state
        traffic, name = release.platform.traffic, state.endpoint.name
        arm = shadow_of(state.candidate)
        weights = split(state, traffic.weights(name), traffic.mirror(name))
        reading = counters(release, state, [str(state.champion), arm], self._overflow)
        taken: Poll = poll_of(self.stopwatch, weights, reading, arm)
        judged, verdict = judge.observe(self._policy, self._judged, taken)
        release.record.append(Shadowed(taken, verdict))
        self._judged = judged
        return verdict


def start(state: ReleaseState) -> JudgeState:
    """The judge's state before the first poll of the shadow."""
    policy = state.endpoint.release.shadow_policy()
    return judge.begin(policy, str(state.champion), shadow_of(state.candidate))
