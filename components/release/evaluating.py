"""Evaluating: is the candidate good enough to meet users?"""

from pathlib import Path

from components.record import EvaluationSkipped
from components.registry import names
from components.release.context import Release, as_step, ends_release_on_input_error
from components.release.marking import registered
from components.release.results import Evaluated
from components.release.state import ReleaseState

ALREADY_CHAMPION = "already champion"
"""Why a version is not evaluated."""


@as_step
def evaluate(release: Release) -> Evaluated:
    """Score candidate and champion on the same held-out rows and time the candidate.

    Every number goes into the record and onto the version in the registry.
    """
    state = release.state()
    if state.evaluation is None:
        _evaluate(release, state)
    evaluation = release.state().evaluation
    if evaluation is None or not evaluation.passed:
        reasons = evaluation.reasons if evaluation else ()
        return Evaluated(strategy="rejected", reason="; ".join(reasons))
    strategy = "canary" if state.watched else "direct"
    return Evaluated(strategy=strategy, reason=f"{state.kind}: the promotion criteria hold")


def _evaluate(release: Release, state: ReleaseState) -> None:
    if state.kind == "unchanged":
        release.record.append(EvaluationSkipped(skipped=ALREADY_CHAMPION))
        return
    platform = release.platform
    with ends_release_on_input_error(release), release.hold(state).kept():
        candidate = _copied(release, state, state.candidate)
        # One whose files are lost cannot be compared (`opening.fetch`).
        there = state.champion if state.champion in (state.files or {}) else None
        champion = _copied(release, state, there) if there else None
        result = release.score(state.endpoint, candidate, champion, platform.files.read)
        numbers = result.numbers()
        entry = registered(release.registry, state.released)
        release.registry.log_metrics(state.run_id, numbers, entry.model_id)
        tags = {f"{names.METRIC_PREFIX}{key}": value for key, value in numbers.items()}
        release.registry.tag_version(entry.model, entry.version, tags)
        release.record.append(result)
        release.copy_record(state)


def _copied(release: Release, state: ReleaseState, name: str) -> Path:
    """The files of the version of that name, in a folder of this step."""
    folder = release.scratch / f"evaluate-{name}"
    release.platform.files.get(state.stored(name), folder)
    return folder
