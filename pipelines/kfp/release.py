"""The release as a Kubeflow pipeline."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from pipelines.kfp import ops


def release(watched_steps: int) -> Callable[..., Any]:
    """The release of an endpoint whose file has ``watched_steps`` traffic steps below 100%.

    1. fetch: take the lease; download and verify candidate and champion.
    2. evaluate: score both on the same held-out rows, time the candidate.
    3. deploy: serve the candidate beside the champion, without traffic.
    4. shift and watch: once for each traffic step, as long as the judge says PROMOTE.
    5. promote, or roll back.
    6. finalize: whatever happened, end the release from its record and clean up.
    """

    def from_stage(stage: int, release_id: str) -> Any:
        if stage > watched_steps:
            return ops.promote(release_id=release_id)
        shifted = ops.shift(release_id=release_id, stage=stage)
        watched = ops.watch(release_id=release_id, stage=stage).after(shifted)
        with dsl.If(watched.outputs["verdict"] == "PROMOTE", name=f"passed-{stage}"):
            from_stage(stage + 1, release_id)
        with dsl.Else(name=f"failed-{stage}"):
            ops.rollback(release_id=release_id)
        return shifted

    @dsl.pipeline(  # type: ignore[untyped-decorator] # kfp ships no types
        name=f"release-{watched_steps}", description="Release a model version."
    )
    def pipeline(endpoint: str, release_id: str, version: str = "") -> None:
        with dsl.ExitHandler(ops.finalize(release_id=release_id)):
            fetched = ops.fetch(endpoint=endpoint, version=version, release_id=release_id)
            evaluated = ops.evaluate(release_id=release_id).after(fetched)
            with dsl.If(evaluated.outputs["strategy"] == "canary", name="canary"):
                deployed = ops.deploy(release_id=release_id)
                from_stage(1, release_id).after(deployed)
            with dsl.Elif(evaluated.outputs["strategy"] == "direct", name="direct"):
                deployed = ops.deploy(release_id=release_id)
                ops.promote(release_id=release_id).after(deployed)
            with dsl.Else(name="rejected"):
                ops.rollback(release_id=release_id)

    compiled: Callable[..., Any] = pipeline
    return compiled
