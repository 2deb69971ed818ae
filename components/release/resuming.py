"""What a step finds undone that an engine believes to be done.

After a hard reset a pod whose step was half done may be shown as succeeded, with no result. Done is
what the record says: so a step first does what is missing before it, and goes on only where the
record does. In a run that nothing has happened to, each of these finds nothing to do.
"""

from components.release import deploying, ending, evaluating, opening, shadowing, shifting
from components.release.context import Release
from components.release.results import Deployed, Ended, Evaluated, Shifted, Watched
from components.release.state import ReleaseState


def evaluate(release: Release) -> Evaluated:
    """See `components.release.steps.evaluate`."""
    state = release.awaited_state()
    if state.files is None and not state.outcome:
        opening.fetch(release, state.endpoint.name, "")
    return evaluating.evaluate(release)


def deploy(release: Release) -> Deployed:
    """See `components.release.steps.deploy`; a version that did not pass is not served."""
    state = release.awaited_state()
    if not _evaluated(release, state):
        return Deployed(versions="")
    return deploying.deploy(release)


def shift(release: Release, stage: int) -> Shifted:
    """See `components.release.steps.shift`; the share stays where the release is not to go on."""
    if not _is_next(release, stage):
        return Shifted(percent=release.awaited_state().percent, applied_s=0.0)
    return shifting.shift(release, stage)


def watch(release: Release, stage: int) -> Watched:
    """See `components.release.steps.watch`."""
    if not _is_next(release, stage):
        return _unwatched(release.awaited_state())
    state = release.awaited_state()
    final = state.verdict is not None and state.verdict.final
    percent = state.watched_step(stage)
    if not (final or percent in state.passed or state.percent == percent):
        shifting.shift(release, stage)
    return shadowing.watch(release, stage)


def promote(release: Release) -> Ended:
    """See `components.release.steps.promote`; what a missing watch finds decides."""
    state = release.awaited_state()
    if not (state.outcome or state.promoting):
        if _evaluated(release, state) and not state.deployed:
            deploying.deploy(release)
        for stage in _missing(release.awaited_state()):
            if watch(release, stage).verdict != "PROMOTE":
                return ending.rollback(release)
    return ending.promote(release)


def _evaluated(release: Release, state: ReleaseState) -> bool:
    """Whether the candidate has passed; it is evaluated if that was left out."""
    if state.evaluation is None and not state.outcome:
        evaluate(release)
        state = release.awaited_state()
    return state.evaluation is None or state.evaluation.passed


def _is_next(release: Release, stage: int) -> bool:
    """Whether the stage is to come, once what was to be done before it is done."""
    state = release.awaited_state()
    if state.outcome:
        return True  # the step itself says that the release has ended
    if not _evaluated(release, state):
        return False
    if not state.deployed:
        deploying.deploy(release)
    if not state.watched:
        return False
    before = [each for each in _missing(state) if each < stage]
    return all(watch(release, each).verdict == "PROMOTE" for each in before)


def _missing(state: ReleaseState) -> list[int]:
    """The stages that are to be watched and were not passed."""
    if not state.watched or (state.evaluation and not state.evaluation.passed):
        return []
    return [
        stage for stage, percent in enumerate(state.watched_steps, 1) if percent not in state.passed
    ]


def _unwatched(state: ReleaseState) -> Watched:
    if state.evaluation and not state.evaluation.passed:
        return Watched(verdict="ROLLBACK", reason="; ".join(state.evaluation.reasons))
    if not state.watched:
        return Watched(verdict="PROMOTE", reason=f"{state.kind}: there is nothing to watch")
    found = state.verdict or state.shadow
    return Watched(verdict=found.decision if found else "ERROR", reason=found.text if found else "")
