"""The steps as KFP components: the same names, types and defaults, and no logic.

What KFP's pages show besides (`components.report.shown`) is read from the record when a step is
done. KFP copies each function's source into the compiled form, so the imports stand inside, and
annotations must stay plain (no ``from __future__ import annotations``).
"""

# ruff: noqa: D103 - each wrapper is documented by the step of the same name
from collections.abc import Callable
from typing import Any, NamedTuple

from kfp import dsl
from kfp.dsl import HTML, Metrics, Model, Output

from pipelines import pods
from pipelines.kfp import pod


class Op:
    """A step as a KFP component whose tasks are never answered from KFP's cache.

    Every step acts on the world, so a remembered result would be a lie.
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        self.name = step.__name__
        self.component = dsl.component(step, base_image=pods.IMAGE, install_kfp_package=False)

    def __call__(self, **inputs: Any) -> Any:
        """A task of the pipeline that is being written."""
        return pod.given(self.component(**inputs).set_caching_options(False), self.name)


@Op
def due(endpoint: str, watched: int) -> NamedTuple(
    "Due", [("begin", str), ("release_id", str), ("version", str)]
):
    from components.release import steps

    r = steps.due(endpoint=endpoint, watched=watched)
    return (r.begin, r.release_id, r.version)


@Op
def fetch(endpoint: str, version: str, release_id: str, model: Output[Model]) -> NamedTuple(
    "Fetched", [("candidate", str), ("champion", str), ("kind", str)]
):
    from components.release import steps
    from components.report import shown

    r = steps.fetch(endpoint=endpoint, version=version, release_id=release_id)
    model.metadata.update(shown.model(release_id))
    return (r.candidate, r.champion, r.kind)


@Op
def evaluate(release_id: str, metrics: Output[Metrics]) -> NamedTuple(
    "Evaluated", [("strategy", str), ("reason", str)]
):
    from components.release import steps
    from components.report import shown

    r = steps.evaluate(release_id=release_id)
    metrics.metadata.update(shown.evaluated(release_id))
    return (r.strategy, r.reason)


@Op
def deploy(release_id: str) -> NamedTuple("Deployed", [("versions", str)]):
    from components.release import steps

    return (steps.deploy(release_id=release_id).versions,)


@Op
def shift(release_id: str, stage: int) -> NamedTuple(
    "Shifted", [("percent", int), ("applied_s", float)]
):
    from components.release import steps

    r = steps.shift(release_id=release_id, stage=stage)
    return (r.percent, r.applied_s)


@Op
def watch(release_id: str, stage: int, metrics: Output[Metrics]) -> NamedTuple(
    "Watched", [("verdict", str), ("reason", str)]
):
    from components.release import steps
    from components.report import shown

    r = steps.watch(release_id=release_id, stage=stage)
    metrics.metadata.update(shown.watched(release_id))
    return (r.verdict, r.reason)


@Op
def promote(release_id: str) -> NamedTuple("Ended", [("outcome", str), ("reason", str)]):
    from components.release import steps

    r = steps.promote(release_id=release_id)
    return (r.outcome, r.reason)


@Op
def rollback(release_id: str, reason: str = "") -> NamedTuple(
    "Ended", [("outcome", str), ("reason", str)]
):
    from components.release import steps

    r = steps.rollback(release_id=release_id, reason=reason)
    return (r.outcome, r.reason)


@Op
def finalize(release_id: str, report: Output[HTML]) -> NamedTuple(
    "Ended", [("outcome", str), ("reason", str)]
):
    from components.release import steps
    from components.report import shown

    r = steps.finalize(release_id=release_id)
    shown.write_page(release_id, report.path)
    return (r.outcome, r.reason)
