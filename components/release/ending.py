"""Ending a release: promote, roll back, finalize."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from components.errors import InputError, LeaseHeld, PlatformError, SluiceError
from components.judge import Decision, Verdict
from components.notify.moments import ended
from components.platform import Lease
from components.platform.patience import PATIENCE_S, Patience
from components.record import AliasSet, Noted, Outcome, ReleaseKind, WeightsSet
from components.registry import names
from components.release import anchor, losers
from components.release.context import Release, as_step, patiently
from components.release.hearing import Hearing
from components.release.holding import until_free
from components.release.lease import HeldLease
from components.release.losers import LOSERS_GO_S
from components.release.marking import mark_promotion, mark_return, withdrawn
from components.release.meanwhile import Meanwhile
from components.release.restoring import IN_FORCE_TIMEOUT_S, ask_for, stands
from components.release.results import Ended
from components.release.splitting import put_in_force
from components.release.starting import revive_production
from components.release.state import ReleaseState

log = logging.getLogger("sluice.release")

BY_HAND = "rollback_asked"
"""Event before an end that a person asked for; its detail is the end's reason."""
PROMOTION_NOT_RECORDED = "promotion not recorded: "
"""So begins the reason of a promotion that was taken back."""
OUTCOMES: Mapping[Decision, Outcome] = {
    "PROMOTE": "promoted",
    "ROLLBACK": "rolled_back",
    "HOLD": "held",
    "ERROR": "error",
}
"""How a release ends by its final verdict."""


@as_step
def promote(release: Release) -> Ended:
    """Give the candidate all of the traffic; then, and only then, move the aliases.

    If the registry stays away, the champion gets its traffic back: a platform and a registry that
    disagree would release the wrong version next time.
    """
    state = release.state()
    if state.outcome:
        return Ended(outcome=state.outcome, reason=state.reason)
    everything = {state.candidate: 100}
    # The route itself is asked: what could not be written down was taken back.
    asked = release.platform.traffic.weights(state.endpoint.name)
    given = state.promoting and asked == everything
    held = release.hold(state, to_end=given)
    if not given:
        if state.evaluation is None or not state.evaluation.passed:
            raise InputError(f"release {state.release_id} has not passed its evaluation")
        if state.watched:
            missing = set(state.watched_steps) - set(state.passed)
            if missing:
                raise InputError(
                    f"release {state.release_id} has not passed {min(missing)}%: watch it"
                )
        # A version that is the champion already changes nothing that anybody could hold.
        held_back = state.kind != "unchanged" and not until_free(release, held, 100)
        if held_back or Meanwhile(release, state).look():
            return restore_champion(release, state, held, *outcome_of(release.state()))
        put_in_force(release, state, held, everything)
    # From here on the way back is forward: whoever finds this lease silent completes the promotion,
    # and waits for the registry as long as anybody.
    held.renew(restore=everything)
    release = replace(release, patience=Patience(release.clock, PATIENCE_S))

    def mark() -> bool:
        held.renew()  # at each try: another process may have ended the release meanwhile
        if said := withdrawn(release.platform.registry, state):
            raise PlatformError(said)
        return mark_promotion(release, state)

    try:
        with held.kept():
            marked = release.patience.wait_for(mark)
    except LeaseHeld:
        raise
    except SluiceError as error:
        held.renew(restore=state.way_back)
        return restore_champion(
            release, release.state(), held, "error", f"{PROMOTION_NOT_RECORDED}{error}"
        )
    if marked:
        release.record.append(AliasSet(alias=names.CHAMPION, version=state.released.version))
    return release.end("promoted", reason_to_promote(state.kind, state.verdict))


def reason_to_promote(kind: ReleaseKind, verdict: Verdict | None) -> str:
    """Why a release of this kind, of which this is the newest verdict, ends promoted."""
    said = {
        "first": "the first version of this endpoint meets the promotion criteria",
        "unchanged": "this version was the champion already",
    }.get(kind, "every watched step found it safe")
    one_client = verdict and verdict.evidence and verdict.evidence.one_client
    return f"{said}; {one_client.said}" if one_client else said


@patiently
def rollback(release: Release, reason: str = "") -> Ended:
    """Give the champion all of the traffic and end the release.

    Args:
        release: the release.
        reason: why an operator wants it; the evaluation or the newest verdict decides if empty.
    """
    state = release.state()
    if state.outcome:
        return Ended(outcome=state.outcome, reason=state.reason)
    held = release.hold(state, to_end=True)
    with suppress(SluiceError):  # traffic waits for nobody's word
        Hearing(release, state).hear()
        state = release.state()
    if said := reason or held.lease.reason:
        return restore_champion(release, state, held, "rolled_back", said, by_hand=True)
    return restore_champion(release, state, held, *outcome_of(state))


def outcome_of(state: ReleaseState) -> tuple[Outcome, str]:
    """How a release ends that is not promoted, from what its record holds."""
    if state.evaluation and not state.evaluation.passed:
        return "rolled_back", "; ".join(state.evaluation.reasons)
    if state.verdict and state.verdict.final and state.verdict.decision != "PROMOTE":
        return OUTCOMES[state.verdict.decision], state.why
    if state.standing.refused:
        return state.standing.refused
    if state.withdrawn:
        return "rolled_back", state.withdrawn
    if state.shadow and state.shadow_failed:
        return OUTCOMES[state.shadow.decision], _said_of_shadow(state, state.shadow)
    if state.failure:
        return "error", state.failure
    if state.passed:
        return "error", f"the pipeline stopped when {max(state.passed)}% had been passed"
    return "error", "the pipeline stopped before a verdict"


def _said_of_shadow(state: ReleaseState, verdict: Verdict) -> str:
    """Why a shadow ends its release."""
    said = f"in its shadow: {verdict.text}"
    if any(reason.code == "split_mismatch" for reason in verdict.reasons) and not state.was_away:
        said += "; not all copies were sent: let fewer be copied (release.shadow.percent)"
    return said


def restore_champion(
    release: Release,
    state: ReleaseState,
    held: HeldLease,
    outcome: Outcome,
    reason: str,
    *,
    by_hand: bool = False,
) -> Ended:
    """Give production its traffic back, take back what a promotion may have written, and end."""
    held.renew()
    traffic, name = release.platform.traffic, state.endpoint.name
    # The route itself is asked: a kill may have come between a shift and its line in the record.
    asked = traffic.weights(name)
    shared = any(asked.get(arm) for arm in state.temporary)
    deleted = held.lease.restore and not asked
    revive_production(release, held, needed=shared)
    if deleted or (state.candidate != state.champion and (shared or traffic.mirror(name))):
        put_in_force(release, state, held, state.way_back)
    else:
        # What was asked is not yet what is in force: an earlier try may have failed in between.
        applied = traffic.wait_in_force(name, asked, IN_FORCE_TIMEOUT_S)
        if state.mirrored or (state.weights is not None and state.weights != asked):
            release.record.append(WeightsSet(weights=asked, applied_s=round(applied, 4)))
    try:
        with held.kept():
            mark_return(release, state, outcome)
    except LeaseHeld:
        raise
    except SluiceError as error:
        release.record.note("registry_unreachable", str(error))
    return release.end(outcome, reason, *([Noted(BY_HAND, reason)] if by_hand else []))


@patiently
def finalize(release: Release) -> Ended:
    """End the release from its record, whatever the engine believes, and clean up.

    A release that had given the candidate all of the traffic is completed; any other that has no
    end yet is rolled back. A candidate that lost is drained, the lease given back. An engine that
    another one has overtaken (a resumed run, the reaper) leaves the release to that one.

    What does not go in time, the reaper stops.
    """
    return finish(release).ended


@dataclass(frozen=True)
class Finished:
    """A release that is over."""

    ended: Ended
    left: str = ""
    """What is left to do, and why; empty: nothing that is known."""


def finish(release: Release, *, stops: bool = True) -> Finished:
    """The same, with what is left to do.

    Args:
        release: the release.
        stops: whether its losers are stopped, and waited for; else the reaper stops them.
    """
    if not release.record.exists():
        return Finished(Ended(outcome="none", reason="the release never began"))
    state = release.state()
    leases, name = release.platform.leases, state.endpoint.name
    if other := overtaken_by(release, leases.read(name)):
        return Finished(Ended(outcome="none", reason=f"{other} has taken the release over"))
    if state.outcome is None:
        promoted = release.platform.traffic.weights(name) == {state.candidate: 100}
        # A split that was taken back since the record was written is not forced upon users again.
        promote(release) if state.promoting and promoted else rollback(release)
        state = release.state()
    lease, said = leases.read(name), ""
    if lease and lease.release_id == state.release_id:
        held = release.take_lease(state.endpoint, lease.restore)
        with held.kept():
            said = _clean_up(release, held, state, stops=stops)
        held.release()
    return Finished(Ended(outcome=str(state.outcome), reason=state.reason), said)


def overtaken_by(release: Release, lease: Lease | None) -> str | None:
    """Who holds the release's lease instead of this engine; None if nobody does.

    Only an engine can be overtaken: operators and the reaper take over on purpose.
    """
    if lease is None or lease.release_id != release.record.release_id or not release.engine:
        return None
    return lease.holder if lease.holder != release.holder else None


def _clean_up(release: Release, held: HeldLease, state: ReleaseState, *, stops: bool) -> str:
    """What is left to do, and why."""
    platform, name = release.platform, state.endpoint.name
    keeps = dict(held.lease.restore)
    if not stands(platform.traffic, name, keeps):
        # A process that was suspended in a shift woke after the end, or the route was deleted.
        ask_for(platform.traffic, held.lease)
        platform.traffic.wait_in_force(name, keeps, IN_FORCE_TIMEOUT_S)
    said = "" if stops else "its predictors are still to be stopped"
    if stops:
        try:
            losers.clean(platform, name, keeps, LOSERS_GO_S)
        except SluiceError as error:
            said = f"{error}: the reaper tries again"
            log.warning("%s: %s", state.release_id, said)
    # If the registry is away the record stays pending: the reaper tries again, and says so.
    with suppress(SluiceError):
        settle(release, state) if said else close(release, state)
    return said


def clean(release: Release, state: ReleaseState) -> None:
    """Stop what an ended release has left, under the endpoint's lease, and wait for nobody.

    Raises:
        LeaseHeld: another release is under way, whose end does it.
        PlatformError: something has not gone; may be tried again.
    """
    platform, name = release.platform, state.endpoint.name
    asked = platform.traffic.weights(name)
    held = release.take_lease(state.endpoint, asked)
    try:
        # An endpoint without a route may get one again.
        asked = platform.traffic.weights(name)
        losers.clean(platform, name, asked or state.production, patience_s=0.0)
    finally:
        held.release()


def abandon(release: Release, why: str) -> Ended:
    """End a release whose place is gone: no traffic, lease or predictor of it is left.

    Args:
        release: the release.
        why: what became of the place.

    Raises:
        SluiceError: the registry, or the store, did not take it; may be repeated.
    """
    state = release.state()
    if state.outcome is None:
        release.end("error", f"{why} ({state.failure})" if state.failure else why)
        state = release.state()
    _report(release, state)
    release.platform.records.close(state.release_id)
    return Ended(outcome=str(state.outcome), reason=state.reason)


def close(release: Release, state: ReleaseState) -> None:
    """Report the end, let people be told of it, and close the record; may be repeated.

    Raises:
        SluiceError: the registry, or the store, did not take it: the record is still pending.
    """
    settle(release, state)
    release.platform.records.close(state.release_id)


def settle(release: Release, state: ReleaseState) -> None:
    """The same, but that the record stays pending: something is left to be stopped.

    What is told is told once: a record that is joined has been reported, and is only held against
    its copy and its anchor again.

    Raises:
        SluiceError: see `close`.
    """
    records, name = release.platform.records, state.release_id
    if records.is_joined(name):
        anchor.keep(release.registry, release.record.lines(), release.record.content())
        return
    _report(release, state)
    release.platform.decisions.clear(name)
    records.join(name)


def _report(release: Release, state: ReleaseState) -> None:
    report_end(release, state)
    release.platform.moments.keep(state.release_id, ended(release.record.lines()))


def report_end(release: Release, state: ReleaseState) -> None:
    """Tell the registry how a release ended, copy its record there and anchor it; may be repeated.

    Raises:
        SluiceError: the registry did not take it, or has another record of this release.
    """
    registry = release.registry
    if state.outcome and state.outcome != "promoted":
        mark_return(release, state, state.outcome)
    registry.end_run(state.run_id, "FAILED" if state.outcome == "error" else "FINISHED")
    anchor.keep(registry, release.record.lines(), release.record.content())
