"""The compiled forms: committed, so that what is reviewed and tested is what runs."""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "compiled" / "kfp"
WATCHED_STEPS = range(4)
"""Numbers of watched traffic steps for which a release is committed; others are compiled when
they are asked for."""


def committed(watched_steps: int) -> Path:
    """Where the committed release for that many watched steps stands."""
    return FOLDER / f"release-{watched_steps}.yaml"


def package(watched_steps: int, folder: Path) -> Path:
    """The compiled release for that many watched steps.

    One that is not committed is written into ``folder``, the run's own, from the same source.
    """
    if watched_steps in WATCHED_STEPS:
        return committed(watched_steps)
    target = folder / f"release-{watched_steps}.yaml"
    compile_release(watched_steps, target)
    return target


def compile_release(watched_steps: int, target: Path) -> None:
    """Write the KFP form of the release to ``target``."""
    from kfp import compiler

    from pipelines.kfp.release import release

    compiler.Compiler().compile(release(watched_steps), str(target))


def structure(path: Path) -> dict[str, Any]:
    """What a compiled form says, without what differs between versions of the compiler."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    content.pop("sdkVersion", None)
    return content
