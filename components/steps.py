"""The steps that pipelines run, by name, and nothing else."""

from collections.abc import Callable

from pydantic import BaseModel

from components.release import steps

STEPS: dict[str, Callable[..., BaseModel]] = {
    step.__name__: step
    for step in (
        steps.fetch,
        steps.evaluate,
        steps.deploy,
        steps.shift,
        steps.watch,
        steps.promote,
        steps.rollback,
        steps.finalize,
    )
}
