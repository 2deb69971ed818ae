"""What the clock begins on KFP: a release of what the registry wants, if it wants one."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from pipelines.kfp import ops
from pipelines.kfp.release import release


def clock(watched_steps: int) -> Callable[..., Any]:
    """One run of the clock for an endpoint whose file has ``watched_steps`` steps below 100%.

    1. due: ask the registry, leases and records what is to be released there now.
    2. the release of it (`pipelines.kfp.release`), by the one name that it has whoever begins it.

    Nothing is given to a run but its endpoint. So it does not matter how many are missed, or made
    up for at once: the first one releases, and the others find nothing to do.
    """
    body = release(watched_steps)

    @dsl.pipeline(  # type: ignore[untyped-decorator] # kfp ships no types
        name=f"clock-{watched_steps}", description="Release what has the alias candidate."
    )
    def pipeline(endpoint: str) -> None:
        found = ops.due(endpoint=endpoint, watched=watched_steps)
        with dsl.If(found.outputs["begin"] == "yes", name="wanted"):
            body(
                endpoint=endpoint,
                release_id=found.outputs["release_id"],
                version=found.outputs["version"],
            )

    compiled: Callable[..., Any] = pipeline
    return compiled
