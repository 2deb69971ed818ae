"""The baseline (`components.arms`): beside the candidate while it helps, never in the users' way.

It is a comfort, not a condition: where it cannot be had, or is lost, the candidate is compared with
production itself, and the record says why.
"""

from collections.abc import Mapping
from typing import TypeVar

from components import judge
from components.arms import baseline_of
from components.errors import PlatformError, SluiceError, Unreachable
from components.judge import Poll
from components.platform import wait_for
from components.record import BaselineSet
from components.release.context import Release
from components.release.state import ReleaseState

AGAIN_S = 2.0
"""How long a baseline that is not ready may take to be ready again before it is given up."""
_POLL_S = 0.2

_NEVER_S = 1e9

_Value = TypeVar("_Value")


def decide(release: Release, state: ReleaseState) -> str:
    """The arm that the candidate is to be compared with, beside production; empty: none is.

    What is decided, and why, is written down once.
    """
    if state.baseline is not None:
        return state.baseline
    used, reason = _planned(release, state)
    arm = baseline_of(str(state.champion)) if used else ""
    release.record.append(BaselineSet(arm, reason))
    return arm


def _planned(release: Release, state: ReleaseState) -> tuple[bool, str]:
    asked = state.endpoint.release.baseline
    if asked is False:
        return False, "the endpoint's file says so"
    if 2 * state.endpoint.release.steps[0] >= 100:
        return False, "at every step production is asked no more than the candidate"
    if asked:
        return True, "the endpoint's file says so"
    try:
        room = release.platform.serving.room(state.endpoint)
    except SluiceError as error:
        return False, f"nobody knows whether there is room for it: {error}"
    return room.enough, f"{'there is room' if room.enough else 'no room'}: {room.why}"


def unready(release: Release, state: ReleaseState) -> str:
    """Why the baseline does not answer; empty if it does, or if the platform cannot be asked."""
    name, arm = state.endpoint.name, str(state.baseline)

    def ready() -> bool:
        found = release.platform.serving.readiness(name, arm)
        if found.state in {"failed", "absent"}:
            raise PlatformError(f"its predictor has {found.state}: {found.why}")
        return found.state == "ready"

    try:
        late = f"its predictor was not ready for {AGAIN_S:.0f} s"
        wait_for(ready, AGAIN_S, _POLL_S, lambda: late, release.clock)
    except Unreachable:
        return ""
    except PlatformError as error:
        return str(error)
    return ""


def end(release: Release, state: ReleaseState, why: str) -> None:
    """Write down that it is no more compared with, and stop its predictor, which has no share.

    What cannot be stopped now is stopped at the release's end.
    """
    release.record.append(BaselineSet("", why))
    try:
        # The release goes on meanwhile, and its lease is to be renewed.
        patience = state.endpoint.release.lease / 3
        release.platform.serving.delete(state.endpoint.name, str(state.baseline), patience)
    except SluiceError as error:
        release.record.note("baseline_not_stopped", str(error))


class Check:
    """Whether the baseline fails more than production, whose users it serves.

    It is the judge's own tests of errors, with the baseline in the candidate's place.
    """

    def __init__(self, state: ReleaseState) -> None:
        policy = state.endpoint.release.policy()
        # Slower or colder than production it may be: so is the candidate.
        self._policy = policy.model_copy(
            update={"method": "sequential", "p95_ratio": 10.0, "watch_s": _NEVER_S}
        )
        self._names = {str(state.champion): "production", str(state.baseline): "the baseline"}
        self._judged = judge.begin(self._policy, *self._names.values())
        self.fault = ""
        """Why the baseline is to be given up; empty: it is not."""
        for poll in state.polls:
            self.take(poll)

    def take(self, poll: Poll) -> None:
        """Look at one poll more."""
        mine = Poll(poll.t, self._renamed(poll.weights), self._renamed(poll.sources))
        self._judged, verdict = judge.observe(self._policy, self._judged, mine)
        if verdict.decision == "ROLLBACK" and verdict.evidence is not None:
            found, production = verdict.evidence.candidate, verdict.evidence.champion
            self.fault = (
                f"{found.errors:.0f} of its {found.requests:.0f} requests failed,"
                f" {production.errors:.0f} of production's {production.requests:.0f}"
            )

    def _renamed(self, by_arm: Mapping[str, _Value]) -> dict[str, _Value]:
        """What is said of these two arms, by names that the judge takes for two versions'."""
        return {self._names[arm]: said for arm, said in by_arm.items() if arm in self._names}
