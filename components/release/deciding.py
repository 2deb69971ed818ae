"""What a person decides of a release that is under way.

Who decides is the platform's to say, and where nobody runs the release any more, its record and its
lease suffice: a rejection gives production its traffic back at once, an approved release goes on in
a new run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from components.engine import Engine
from components.errors import InputError, LeaseHeld, PlatformError
from components.platform import Decision, Platform, Says
from components.release import hearing, standing
from components.release.context import opened
from components.release.operating import RolledBack, roll_back
from components.release.standing import Standing
from components.release.state import ReleaseState

LONGEST_REASON = 1000
"""Characters."""
MARGIN_S = 5.0
"""Beyond two polls: a lease that is not renewed for so long is nobody's any more."""
SILENT_SHARE = 2 / 3
"""Of the lease's length at most: a new run must come before the reaper."""

_LOOK_S = 1.0
_TRIES = 20
"""Of a decision that met others'."""

_Refuse = Callable[[ReleaseState, Standing], str]
"""Why a decision makes no sense as the release stands, in one line; empty if it does."""


@dataclass(frozen=True)
class Rejected:
    """A release that is to end."""

    decision: Decision
    done: RolledBack | None
    """Production has its traffic back; None: whoever has the lease is to give it back."""
    why: str = ""
    """Why it has not yet."""


def approve(platform: Platform, release_id: str, reason: str) -> Decision:
    """Let a release that waits for approval have all of the traffic.

    Raises:
        InputError: there is nothing to approve; says why.
        PlatformError: the caller may not, or the platform does not answer.
    """

    def refuse(state: ReleaseState, found: Standing) -> str:
        if found.approved_by:
            return f"was approved by {found.approved_by}"
        if not found.waits_for_approval:
            far = f"it is at {state.percent}%"
            return f"does not wait for approval yet: {far}: 'sluice show {release_id}'"
        return ""

    return _decide(platform, release_id, "approve", reason, refuse, approval=True)


def approved_by(platform: Platform, release_id: str) -> str:
    """Who has approved a release that is to go on; empty: nobody.

    Raises:
        InputError: it is over, or is being ended.
        PlatformError: the platform does not answer.
    """
    found, _ = _standing(platform, release_id, _under_way(platform, release_id))
    return "" if found.refused else found.approved_by


def reject(platform: Platform, release_id: str, reason: str) -> Rejected:
    """End a release whose endpoint asks for approval, whether it waits for it yet or not.

    Production gets its traffic back first, by the caller's own rights; who has them not leaves it
    to the release's next poll, or to the reaper.

    Raises:
        InputError: there is nothing to reject, or its promotion was faster; says which.
        PlatformError: the caller may not, or the platform does not answer.
    """
    decision = _decide(platform, release_id, "reject", reason, lambda *_: "", approval=True)
    said = standing.rejected(hearing.line(decision))
    with opened(release_id, platform, patience_s=0) as release:
        endpoint = release.state().endpoint.name
    try:
        done = roll_back(platform, endpoint, said, release_id)
    except (LeaseHeld, PlatformError) as error:
        return Rejected(decision, None, str(error))
    except InputError:  # its own run may have heard of the rejection first, and ended it
        with opened(release_id, platform, patience_s=0) as release:
            state = release.state()
        if state.outcome is None:
            raise
        done = RolledBack(
            release_id, platform.traffic.weights(endpoint), state.outcome, state.reason
        )
    if done.outcome == "promoted":
        raise InputError(_over(release_id, done.outcome, done.reason))
    return Rejected(decision, done)


def pause(platform: Platform, release_id: str, reason: str) -> Decision:
    """Let a release take no step until it is resumed.

    Raises:
        InputError: it is paused, or over.
        PlatformError: the caller may not, or the platform does not answer.
    """
    return _decide(
        platform,
        release_id,
        "pause",
        reason,
        lambda _, found: f"is {found.paused} already" if found.paused else "",
    )


def resume(platform: Platform, release_id: str, reason: str) -> Decision:
    """Let a paused release take its steps again.

    Raises:
        InputError: it is not paused, or over.
        PlatformError: the caller may not, or the platform does not answer.
    """
    return _decide(
        platform,
        release_id,
        "resume",
        reason,
        lambda _, found: "" if found.paused else "is not paused",
    )


def _decide(
    platform: Platform,
    release_id: str,
    says: Says,
    reason: str,
    refuse: _Refuse,
    *,
    approval: bool = False,
) -> Decision:
    if len(reason) > LONGEST_REASON:
        raise InputError(f"a reason has at most {LONGEST_REASON} characters: say it shorter")
    for _ in range(_TRIES):
        state = _under_way(platform, release_id)
        name = state.endpoint.name
        if approval and state.endpoint.release.approval != "required":
            raise InputError(
                f"release {release_id} asks for no approval, for the file of {name} says nothing of"
                f" release.approval: 'sluice rollback {name}' ends it, 'sluice pause' holds it"
            )
        found, number = _standing(platform, release_id, state)
        said = f"is to end: {found.refused[1]}" if found.refused else refuse(state, found)
        if said:
            raise InputError(f"release {release_id} {said}")
        if decision := platform.decisions.add(release_id, number + 1, says, reason):
            return decision
    raise PlatformError(f"others decide of {release_id} all the time: try again")


def _standing(platform: Platform, release_id: str, state: ReleaseState) -> tuple[Standing, int]:
    """Where people have left a release, heard yet or not, and the number of their last decision."""
    found, number = state.standing, max(state.standing.heard, default=0)
    for each in platform.decisions.read(release_id):
        number = max(number, each.number)
        if each.number not in found.heard:
            found = standing.after(found, hearing.line(each))
    return found, number


def _under_way(platform: Platform, release_id: str) -> ReleaseState:
    """Where a release stands of which something can be decided.

    Raises:
        InputError: it is over, or is being ended.
    """
    with opened(release_id, platform, patience_s=0) as release:
        state = release.state()
    name = state.endpoint.name
    if state.outcome:
        raise InputError(_over(release_id, state.outcome, state.reason))
    if state.schema < hearing.SCHEMA:
        raise InputError(
            f"an earlier Sluice began release {release_id}, and its record can hold no decision:"
            f" 'sluice rollback {name}' ends it"
        )
    lease = platform.leases.read(name)
    if lease is None or lease.release_id != release_id or lease.returned:
        why = (lease and lease.returned) or "no lease stands for it"
        raise InputError(f"release {release_id} can only end ({why}): release again")
    return state


def _over(release_id: str, outcome: str, reason: str) -> str:
    return f"release {release_id} has ended: {outcome}: {reason}"


def carry_on(platform: Platform, engine: Engine, release_id: str) -> str:
    """See that somebody goes on with a release: a new run, if nobody does; says who, in words.

    Raises:
        SluiceError: that cannot be seen, or no run can be begun.
    """
    run = engine.newest(release_id)
    if run and engine.alive(run):
        return f"its run {run.name} goes on by its next poll"
    with opened(release_id, platform, patience_s=0) as release:
        endpoint = release.state().endpoint
    # Another engine may run it, of which this one knows nothing: whoever does renews the lease.
    stood, clock = platform.leases.read(endpoint.name), platform.clock
    silent_s = min(2 * endpoint.release.poll + MARGIN_S, SILENT_SHARE * endpoint.release.lease)
    until = clock.monotonic() + silent_s
    while clock.monotonic() < until:
        clock.sleep(_LOOK_S)
        now = platform.leases.read(endpoint.name)
        if now != stood:
            return f"{now.holder} goes on with it" if now else "it has ended meanwhile"
    begun = engine.submit("", "", release_id)
    return f"nobody went on with it: its new run {begun.name} does"
