"""Run one step of a release: `python -m components STEP --flag=value … --outputs DIR`."""

import sys
from collections.abc import Callable

from pydantic import BaseModel

from components import step_cli
from components.release import steps

STEPS: dict[str, Callable[..., BaseModel]] = {
    step.__name__: step
    for step in (
        steps.due,
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
"""What pipelines run, by name."""

if __name__ == "__main__":
    sys.exit(step_cli.run("python -m components", STEPS))
